"""The tree of what was written in an expression; positions are offsets in the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from registry.query.tree import Literal


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier, maybe dotted."""

    text: str
    position: int


@dataclass(frozen=True, slots=True)
class Bind:
    """The name of a value that comes along with the text."""

    text: str
    position: int


@dataclass(frozen=True, slots=True)
class Range:
    """Integers from ``start`` to ``stop``, both included, in steps."""

    start: int
    stop: int
    step: int
    position: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Begin and end of a timespan."""

    begin: Syntax
    end: Syntax
    position: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function of arguments."""

    function: str
    arguments: tuple[Syntax, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Sign:
    """A plus or minus before a number."""

    operator: str
    operand: Syntax
    position: int


@dataclass(frozen=True, slots=True)
class Operation:
    """Arithmetic, a comparison, or OVERLAPS."""

    operator: str
    left: Syntax
    right: Syntax
    position: int


@dataclass(frozen=True, slots=True)
class Member:
    """Whether a value is one of some, or in one of the ranges."""

    value: Syntax
    items: tuple[Syntax, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Negation:
    """The opposite."""

    operand: Syntax
    position: int


@dataclass(frozen=True, slots=True)
class Logic:
    """Several conditions, joined by AND or by OR."""

    operator: str
    operands: tuple[Syntax, ...]
    position: int


Syntax: TypeAlias = Literal | Name | Bind | Range | Pair | Call | Sign | Operation | Member | Negation | Logic
