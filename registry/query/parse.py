"""From text to a tree of what was written; malformed text is shown with a caret under the character."""

from __future__ import annotations

import math
from typing import Any

from registry.errors import InvalidQueryError
from registry.query.parser import END_OF_TEXT, Token, UnexpectedTextError, parse_with
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
        result: Syntax = parse_with(_Builder(text), text)
    except UnexpectedTextError as err:
        raise _malformed(err, text) from None
    return result


def _malformed(err: UnexpectedTextError, text: str) -> InvalidQueryError:
    position = err.position
    if not err.found:
        position = len(text)
        return InvalidQueryError(f"The expression ends too early; expected {_expected(err)}", text, position)
    if text[position - 1 : position + 1] == "..":
        return InvalidQueryError(
            "A range is of whole numbers, as in IN (1..5), and for IN only", text, position - 1
        )
    if text[position] in "'\"":
        quote = (
            "is a string that is not closed" if text[position] == "'" else "are double quotes; write 'text'"
        )
        return InvalidQueryError(f"Here {quote}", text, position)
    hint = "; write one '='" if text[position : position + 2] == "==" or err.found == "=" else ""
    return InvalidQueryError(
        f"Unexpected {err.found!r}{hint or f'; expected {_expected(err)}'}", text, position
    )


def _expected(err: UnexpectedTextError) -> str:
    if "NAME" in err.expected:
        return "a value or a name"
    operators = {"PLUS", "MINUS", "TIMES", "DIVIDE", "MODULO"}
    words = sorted(_EXPECTED.get(name, name) for name in err.expected - operators - {END_OF_TEXT, "LEFT"})
    return " or ".join(words) or "the end"


class _Builder:
    """Makes nodes from their parts; method names are those of the grammar."""

    def __init__(self, text: str) -> None:
        self.text = text

    def start(self, children: list[Any]) -> Syntax:
        return children[0] if children else _TRUE

    def any_of(self, children: list[Any]) -> Syntax:
        return Logic("OR", tuple(children[::2]), children[1].position)

    def all_of(self, children: list[Any]) -> Syntax:
        return Logic("AND", tuple(children[::2]), children[1].position)

    def negate(self, children: list[Any]) -> Syntax:
        return Negation(children[1], children[0].position)

    def operation(self, children: list[Any]) -> Syntax:
        left, operator, right = children
        return Operation(str(operator).upper(), left, right, operator.position)

    def sign(self, children: list[Any]) -> Syntax:
        return Sign(str(children[0]), children[1], children[0].position)

    def member(self, children: list[Any]) -> Syntax:
        value, keyword, items = children
        return Member(value, items if isinstance(items, tuple) else (items,), keyword.position)

    def not_member(self, children: list[Any]) -> Syntax:
        value, word, keyword, items = children
        return Negation(self.member([value, keyword, items]), word.position)

    def is_null(self, children: list[Any]) -> Syntax:
        value, keyword, *_, null = children
        return Operation("=", value, Literal(None, "null", null.position), keyword.position)

    def is_not_null(self, children: list[Any]) -> Syntax:
        return Negation(self.is_null(children), children[1].position)

    def items(self, children: list[Any]) -> tuple[Syntax, ...]:
        return tuple(children)

    def range(self, children: list[Token]) -> Syntax:
        token = children[0]
        bounds, _, steps = token.partition(":")
        start, stop, step = (
            self._integer(each, token.position) for each in (*bounds.split(".."), steps or "1")
        )
        return Range(start, stop, step, token.position)

    def number(self, children: list[Token]) -> Syntax:
        token = children[0]
        if token.isdigit():
            return Literal(self._integer(token, token.position), "int", token.position)
        value = float(token)
        if math.isinf(value):
            raise InvalidQueryError(
                f"{token} is larger than any number with a fraction", self.text, token.position
            )
        return Literal(value, "float", token.position)

    def _integer(self, digits: str, position: int) -> int:
        try:
            return int(digits)
        except ValueError:  # Python reads no more than some thousand digits
            raise InvalidQueryError(
                "Such a long number does not fit in 64 bits", self.text, position
            ) from None

    def string(self, children: list[Token]) -> Syntax:
        return Literal(children[0][1:-1].replace("''", "'"), "string", children[0].position)

    def time(self, children: list[Token]) -> Syntax:
        token = children[0]
        try:
            return Literal(parse_time(token[2:-1]), "time_ns", token.position)
        except ValueError as err:
            raise InvalidQueryError(str(err), self.text, token.position) from err

    def null(self, children: list[Token]) -> Syntax:
        return Literal(None, "null", children[0].position)

    def name(self, children: list[Token]) -> Syntax:
        return Name(str(children[0]), children[0].position)

    def bind(self, children: list[Token]) -> Syntax:
        return Bind(children[0][1:], children[0].position)

    def call(self, children: list[Any]) -> Syntax:
        return Call(children[0].upper(), tuple(children[1:]), children[0].position)

    def pair(self, children: list[Any]) -> Syntax:
        return Pair(children[1], children[2], children[0].position)
