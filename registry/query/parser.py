"""The parser of expressions: reads tokens, and calls a method of a builder for each rule that is complete."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Self

from registry.query.grammar_tables import END, IGNORED, RULES, START, STATES, TERMINALS

END_OF_TEXT = "$END"


class Token(str):
    """A piece of the text."""

    __slots__ = ("position", "type")

    position: int
    type: str

    def __new__(cls, text: str, type: str, position: int) -> Self:
        """Return a piece of some type (a terminal of the grammar), which begins at a position."""
        token = super().__new__(cls, text)
        token.type, token.position = type, position
        return token


class UnexpectedTextError(Exception):
    """The text ends, or goes on, as the grammar does not know it.

    Parameters
    ----------
    found : `str`
        What is there: a token, or a character that begins none; empty at the end of the text.
    position : `int`
        Where.
    expected : `set` [`str`]
        Types of tokens that could be there.
    """

    def __init__(self, found: str, position: int, expected: set[str]) -> None:
        super().__init__(found, position, expected)
        self.found, self.position, self.expected = found, position, expected


def parse_with(builder: object, text: str) -> Any:
    """Return what the methods of a builder make of a text.

    Parameters
    ----------
    builder : object
        Its methods, named as in the grammar, take the list of a rule's parts: tokens, and what was made.
    text : `str`
        What to read.

    Raises
    ------
    UnexpectedTextError
        If the grammar does not know such a text.
    """
    states: list[int] = [START]
    made: list[Any] = []  # a token, or what came of a rule, for each state after the first
    tokens = _tokens(text, states)
    token = next(tokens)
    while True:
        action = STATES[states[-1]].get(token.type)
        if action is None:
            raise UnexpectedTextError(str(token), token.position, _expected(states))
        if action >= 0:
            states.append(action)
            made.append(token)
            token = next(tokens)
            continue
        name, method, fates = RULES[~action]
        first = len(made) - len(fates)
        parts = _parts(made[first:], fates)
        del made[first:], states[first + 1 :]
        if method == "?":
            made += parts
        else:
            made.append(getattr(builder, method)(parts) if method else parts)
        states.append(STATES[states[-1]][name])
        if states[-1] == END:
            return made[-1]


def _parts(made: list[Any], fates: str) -> list[Any]:
    parts = []
    for each, fate in zip(made, fates, strict=True):
        if fate == "k":
            parts.append(each)
        elif fate == "s":
            parts += each
    return parts


def _tokens(text: str, states: list[int]) -> Iterator[Token]:
    """Yield the tokens of a text; what is a keyword in one state of the parser may be a name in another."""
    any_type = _pattern(frozenset(TERMINALS))
    position = 0
    while position < len(text):
        match = first = any_type.match(text, position)
        wanted = STATES[states[-1]].keys() | IGNORED
        if first is not None and first.lastgroup not in wanted:
            match = _pattern(frozenset(wanted)).match(text, position)
        if match is None:
            found = first.group() if first else text[position]
            raise UnexpectedTextError(found, position, _expected(states))
        type = match.lastgroup or ""
        if type not in IGNORED:
            yield Token(match.group(), type, position)
        position = match.end()
    yield Token("", END_OF_TEXT, position)


@cache
def _pattern(types: frozenset[str]) -> re.Pattern[str]:
    """Return the pattern of the terminals of some types."""
    return re.compile("|".join(f"(?P<{name}>{TERMINALS[name]})" for name in TERMINALS if name in types))


def _expected(states: list[int]) -> set[str]:
    """Return the types of tokens that would be read on."""
    return {type for type in (*TERMINALS, END_OF_TEXT) if _is_read(type, states)}


def _is_read(type: str, states: list[int]) -> bool:
    """Return whether a token would be read on, once the rules that it completes are."""
    states = list(states)
    while (action := STATES[states[-1]].get(type)) is not None and action < 0:
        name, _, fates = RULES[~action]
        del states[len(states) - len(fates) :]
        states.append(STATES[states[-1]][name])
        if states[-1] == END:
            return True
    return action is not None
