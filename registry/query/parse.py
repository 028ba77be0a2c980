"""From text to a tree of what was written; malformed text is shown with a caret under the character."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError

from registry.errors import InvalidQueryError
from registry.query.syntax import (
    Bind,
    Call,
    Logic,
    Member,
    Name,
    Negation,
    Operation,
    Pair,
    Range,
    Sign,
    Syntax,
)
from registry.query.time_literal import parse_time
from registry.query.tree import Literal

_TRUE = Literal(value=True, type="bool")

_EXPECTED = {
    "COMPARE": "a comparison",
    "NAME": "a name",
    "NUMBER": "a number",
    "STRING": "'text'",
    "TIME": "T'time'",
    "BIND": ":name",
    "RANGE": "a range",
    "RPAR": "')'",
    "LPAR": "'('",
    "COMMA": "','",
}


def parse(text: str) -> Syntax:
    """Return the tree of an expression; empty text is always true.

    Raises
    ------
    InvalidQueryError
        If the text is not an expression.
    """
    try:
        tree = _parser().parse(text)
        result: Syntax = _Builder(text).transform(tree)
    except UnexpectedInput as err:
        raise _malformed(err, text) from None
    except VisitError as err:
        raise err.orig_exc from None
    return result


@cache
def _parser() -> Lark:
    grammar = files("registry.query").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", maybe_placeholders=False)


def _malformed(err: UnexpectedInput, text: str) -> InvalidQueryError:
    ended = isinstance(err, UnexpectedToken) and err.token.type == "$END"
    position = len(text) if ended or err.pos_in_stream is None else err.pos_in_stream
    if ended:
        return InvalidQueryError(f"The expression ends too early; expected {_expected(err)}", text, position)
    if text[position - 1 : position + 1] == "..":
        return InvalidQueryError(
            "A range is of whole numbers, as in IN (1..5), and for IN only", text, position - 1
        )
    if text[position] in "'\"":
        quote = "a string that is not closed" if text[position] == "'" else "double quotes; write 'text'"
        return InvalidQueryError(f"Here is {quote}", text, position)
    found = str(err.token) if isinstance(err, UnexpectedToken) else text[position]
    hint = "; write one '='" if text[position : position + 2] == "==" or found == "=" else ""
    return InvalidQueryError(f"Unexpected {found!r}{hint or f'; expected {_expected(err)}'}", text, position)


def _expected(err: UnexpectedInput) -> str:
    names: set[str] = set()
    if isinstance(err, UnexpectedToken):
        names = set(err.accepts or err.expected)
    elif isinstance(err, UnexpectedCharacters):
        names = set(err.allowed or ())
    operators = {"PLUS", "MINUS", "TIMES", "DIVIDE", "MODULO"}
    if "NAME" in names:
        return "a value or a name"
    words = sorted(_EXPECTED.get(name, name) for name in names - operators - {"$END", "LEFT"})
    return " or ".join(words) or "the end"


class _Builder(Transformer[Token, Any]):
    """Makes nodes from lark's tree; method names are those of the grammar."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def start(self, children: list[Any]) -> Syntax:
        return children[0] if children else _TRUE

    def any_of(self, children: list[Any]) -> Syntax:
        return Logic("OR", tuple(children[::2]), children[1].start_pos)

    def all_of(self, children: list[Any]) -> Syntax:
        return Logic("AND", tuple(children[::2]), children[1].start_pos)

    def negate(self, children: list[Any]) -> Syntax:
        return Negation(children[1], children[0].start_pos)

    def operation(self, children: list[Any]) -> Syntax:
        left, operator, right = children
        return Operation(str(operator).upper(), left, right, operator.start_pos)

    def sign(self, children: list[Any]) -> Syntax:
        return Sign(str(children[0]), children[1], children[0].start_pos)

    def member(self, children: list[Any]) -> Syntax:
        value, keyword, items = children
        return Member(value, items if isinstance(items, tuple) else (items,), keyword.start_pos)

    def not_member(self, children: list[Any]) -> Syntax:
        value, word, keyword, items = children
        return Negation(self.member([value, keyword, items]), word.start_pos)

    def is_null(self, children: list[Any]) -> Syntax:
        value, keyword, *_, null = children
        return Operation("=", value, Literal(None, "null", null.start_pos), keyword.start_pos)

    def is_not_null(self, children: list[Any]) -> Syntax:
        return Negation(self.is_null(children), children[1].start_pos)

    def items(self, children: list[Any]) -> tuple[Syntax, ...]:
        return tuple(children)

    def range(self, children: list[Token]) -> Syntax:
        token = children[0]
        bounds, _, step = token.partition(":")
        start, stop = bounds.split("..")
        return Range(int(start), int(stop), int(step or 1), _position(token))

    def number(self, children: list[Token]) -> Syntax:
        token = children[0]
        if token.isdigit():
            return Literal(int(token), "int", _position(token))
        return Literal(float(token), "float", _position(token))

    def string(self, children: list[Token]) -> Syntax:
        return Literal(children[0][1:-1].replace("''", "'"), "string", _position(children[0]))

    def time(self, children: list[Token]) -> Syntax:
        token = children[0]
        try:
            return Literal(parse_time(token[2:-1]), "time_ns", _position(token))
        except ValueError as err:
            raise InvalidQueryError(str(err), self.text, _position(token)) from err

    def null(self, children: list[Token]) -> Syntax:
        return Literal(None, "null", _position(children[0]))

    def name(self, children: list[Token]) -> Syntax:
        return Name(str(children[0]), _position(children[0]))

    def bind(self, children: list[Token]) -> Syntax:
        return Bind(children[0][1:], _position(children[0]))

    def call(self, children: list[Any]) -> Syntax:
        return Call(children[0].upper(), tuple(children[1:]), children[0].start_pos)

    def pair(self, children: list[Any]) -> Syntax:
        return Pair(children[1], children[2], children[0].start_pos)


def _position(token: Token) -> int:
    return token.start_pos or 0
