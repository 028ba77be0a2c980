"""From `grammar.lark` to the tables in `grammar_tables.py`; to renew them: python -m registry.query.grammar.

Lark takes longer to read the grammar than most commands take in all, so it reads it once, here, for all of
them; `registry.query.parser` needs the tables alone.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

_NOTE = '''\
"""Tables of the parser of expressions, made by `registry.query.grammar`; a test keeps them in step."""

from __future__ import annotations

# ruff: noqa: E501, Q000
# fmt: off

'''


def tables() -> dict[str, Any]:
    """Return what `grammar_tables.py` defines, by name.

    ``TERMINALS`` are patterns by name, the first that matches wins; ``IGNORED`` are those that say nothing.
    ``RULES`` are (name, method of the builder, what becomes of each symbol): a method ``?`` hands on a single
    part as it is, an empty one makes a list; ``k`` keeps a symbol, ``d`` drops it, ``s`` puts the parts of
    its list in its place. ``STATES`` say for each symbol which state is next, or (``~number``) which rule
    is complete; ``START`` and ``END`` are two of them.
    """
    from lark import Lark
    from lark.grammar import Rule
    from lark.lexer import TerminalDef

    text = files("registry.query").joinpath("grammar.lark").read_text(encoding="utf-8")
    lark = Lark(text, parser="lalr", maybe_placeholders=False)
    data, _ = lark.memo_serialize([TerminalDef, Rule])
    table = data["parser"]["parser"]
    numbers = {rule["@"]: number for number, rule in enumerate(data["rules"])}
    terminals = sorted(
        lark.terminals,
        key=lambda each: (-each.priority, -each.pattern.max_width, -len(each.pattern.value), each.name),
    )
    states = {
        state: {
            table["tokens"][symbol]: ~numbers[target["@"]] if reduces else target
            for symbol, (reduces, target) in actions.items()
        }
        for state, actions in table["states"].items()
    }
    start, end = table["start_states"]["start"], table["end_states"]["start"]
    order = _reached(states, start)
    return {
        "TERMINALS": {each.name: each.pattern.to_regexp() for each in terminals},
        "IGNORED": tuple(lark.ignore_tokens),
        "RULES": [_rule(rule) for rule in lark.rules],
        "START": order.index(start),
        "END": order.index(end),
        "STATES": [
            {symbol: to if to < 0 else order.index(to) for symbol, to in sorted(states[state].items())}
            for state in order
        ],
    }


def source() -> str:
    """Return the text of `grammar_tables.py`."""
    return _NOTE + "".join(f"{name} = {_listed(value)}\n" for name, value in tables().items())


def _listed(value: Any) -> str:  # a literal, of whatever type
    if isinstance(value, dict):
        return "{\n" + "".join(f"    {key!r}: {each!r},\n" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[\n" + "".join(f"    {each!r},\n" for each in value) + "]"
    return repr(value)


def _reached(states: dict[int, dict[str, int]], start: int) -> list[int]:
    """Return all states in the order in which they are met: lark's own numbers differ from time to time."""
    order = [start]
    for state in order:
        order += [to for _, to in sorted(states[state].items()) if to >= 0 and to not in order]
    return order


def _rule(rule: Any) -> tuple[str, str, str]:  # of lark, which has no types for its inside
    name, options = str(rule.origin.name), rule.options
    if name.startswith("_"):
        method = ""
    elif rule.alias is None and options.expand1:
        method = "?"
    else:
        method = rule.alias or name
    return name, method, "".join(map(_fate, rule.expansion))


def _fate(symbol: Any) -> str:
    if symbol.is_term:
        return "d" if symbol.filter_out else "k"
    return "s" if symbol.name.startswith("_") else "k"


if __name__ == "__main__":
    from pathlib import Path

    Path(__file__).with_name("grammar_tables.py").write_text(source(), encoding="utf-8")
