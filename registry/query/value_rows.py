"""SQL that SQLAlchemy cannot spell: many values in one parameter, GLOB, parentheses."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Double, Select, String, cast, literal, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Boolean, TypeEngine

SQL_TYPES: dict[str, type[TypeEngine[Any]]] = {
    "int": BigInteger,
    "time_ns": BigInteger,
    "float": Double,
    "string": String,
    "bool": Boolean,
}
"""SQL types of values, by their type in a checked tree."""


def value_rows(rows: Sequence[tuple[Any, ...]], types: Sequence[str]) -> Select[Any]:
    """Return a select of the rows: one parameter, however many there are, and one statement text.

    Parameters
    ----------
    rows : sequence of `tuple`
        Integers, floats or strings.
    types : sequence of `str`
        Type of each position.
    """
    return unfolded_rows(literal(json.dumps(rows), String), types)


def unfolded_rows(text: ColumnElement[str], types: Sequence[str]) -> Select[Any]:
    """Return a select of rows, columns ``v0``, ``v1`` and so on, that come as the text of a JSON array."""
    unfolded = _Unfold(text).table_valued("value")
    items = [_item(unfolded.c.value, i, kind) for i, kind in enumerate(types)]
    return select(*items).select_from(unfolded)


def _item(row: ColumnElement[Any], index: int, kind: str) -> ColumnElement[Any]:
    return cast(_Item(row, index), SQL_TYPES[kind]()).label(f"v{index}")


class _Unfold(FunctionElement[Any]):
    """Rows of a JSON array."""

    name = "unfold"
    inherit_cache = True


@compiles(_Unfold, "sqlite")
def _(element: Any, compiler: Any, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_Unfold, "postgresql")
def _(element: Any, compiler: Any, **options: Any) -> str:
    from sqlalchemy.dialects.postgresql import JSONB  # which SQLite need not load

    (text,) = element.clauses
    return f"jsonb_array_elements({compiler.process(cast(text, JSONB), **options)})"


class _Item(ColumnElement[Any]):
    """One item of a JSON array, as text where the database has no better type."""

    inherit_cache = False

    def __init__(self, row: ColumnElement[Any], index: int) -> None:
        self.row = row
        self.index = index
        self.type = String()


@compiles(_Item, "sqlite")
def _(element: _Item, compiler: Any, **options: Any) -> str:
    return f"json_extract({compiler.process(element.row, **options)}, '$[{element.index}]')"


@compiles(_Item, "postgresql")
def _(element: _Item, compiler: Any, **options: Any) -> str:
    return f"({compiler.process(element.row, **options)} ->> {element.index})"


class InParentheses(ColumnElement[bool]):
    """A condition in parentheses of its own, which SQLAlchemy would leave away."""

    inherit_cache = False

    def __init__(self, condition: ColumnElement[bool]) -> None:
        self.condition = condition
        self.type = Boolean()


@compiles(InParentheses)
def _(element: InParentheses, compiler: Any, **options: Any) -> str:
    return f"({compiler.process(element.condition, **options)})"


class Glob(ColumnElement[bool]):
    """Whether a text matches a pattern with ``*`` and ``?``; all other characters stand for themselves."""

    inherit_cache = False

    def __init__(self, operand: ColumnElement[Any], pattern: str) -> None:
        self.operand = operand
        self.pattern = pattern
        self.type = Boolean()


@compiles(Glob, "sqlite")
def _(element: Glob, compiler: Any, **options: Any) -> str:
    pattern = literal(element.pattern.replace("[", "[[]"), String)
    return f"({compiler.process(element.operand, **options)} GLOB {compiler.process(pattern, **options)})"


@compiles(Glob, "postgresql")
def _(element: Glob, compiler: Any, **options: Any) -> str:
    regex = re.escape(element.pattern).replace(r"\*", ".*").replace(r"\?", ".")
    pattern = literal(f"^{regex}$", String)
    return f"({compiler.process(element.operand, **options)} ~ {compiler.process(pattern, **options)})"
