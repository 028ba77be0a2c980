"""The tree of what a condition means: names are known, and negations pushed down to the elementary parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from lsst.sphgeom import Region


@dataclass(frozen=True, slots=True)
class Literal:
    """A value.

    ``type`` is that of a record's column (``int``, ``float``, ``string``, ``bool``, ``time_ns``, ``hash``),
    ``uuid``, ``timespan``, ``region`` or ``null``.
    """

    value: Any
    type: str
    position: int = -1


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an element's records, or (``element`` empty) a property of the datasets of a type.

    The key of a dimension has the name of the dimension as both ``element`` and ``name``.
    """

    element: str
    name: str
    type: str
    dataset: str = ""

    @property
    def is_key(self) -> bool:
        """Whether it is the value of a dimension, which other tables hold as well."""
        return self.element == self.name


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """A number made from others; ``neg`` has no ``right``."""

    operator: str
    left: Expression
    right: Expression | None
    type: str


Expression: TypeAlias = Literal | Column | Arithmetic


@dataclass(frozen=True, slots=True)
class Span:
    """A timespan, by its two bounds."""

    begin: Expression
    end: Expression


class Condition:
    """What is true, false, or unknown; its text is the expression that a user would write."""

    __slots__ = ()

    def __str__(self) -> str:
        from registry.query.text import text_of

        return text_of(self)  # type: ignore[arg-type]  # all conditions are listed in `Predicate`


@dataclass(frozen=True, slots=True)
class Constant(Condition):
    """Always true, or never."""

    value: bool


@dataclass(frozen=True, slots=True)
class Compare(Condition):
    """A comparison of two values of one type: ``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=``."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class IsNull(Condition):
    """Whether a value is unknown."""

    operand: Expression
    negated: bool


@dataclass(frozen=True, slots=True)
class OneOf(Condition):
    """Whether a value is among others; values are plain."""

    operand: Expression
    values: tuple[Any, ...]
    type: str
    negated: bool


@dataclass(frozen=True, slots=True)
class InRange(Condition):
    """Whether an integer is between two others, both included, in steps."""

    operand: Expression
    start: int
    stop: int
    step: int
    negated: bool


@dataclass(frozen=True, slots=True)
class Matches(Condition):
    """Whether a string matches a pattern with ``*`` and ``?``."""

    operand: Expression
    pattern: str
    negated: bool


@dataclass(frozen=True, slots=True)
class SpansOverlap(Condition):
    """Whether two timespans share a moment."""

    left: Span
    right: Span
    negated: bool


@dataclass(frozen=True, slots=True)
class RegionOverlaps(Condition):
    """Whether the region of an element overlaps a given one."""

    element: str
    region: Region
    negated: bool


@dataclass(frozen=True, slots=True)
class RegionsOverlap(Condition):
    """Whether the regions of two elements overlap each other."""

    left: str
    right: str
    negated: bool


@dataclass(frozen=True, slots=True)
class KeysAmong(Condition):
    """Whether the key of an element's record is among others; made from `RegionOverlaps`."""

    element: str
    keys: tuple[tuple[Any, ...], ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class All(Condition):
    """Whether all conditions hold."""

    operands: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class AnyOf(Condition):
    """Whether at least one condition holds."""

    operands: tuple[Predicate, ...]


Predicate: TypeAlias = (
    Constant
    | Compare
    | IsNull
    | OneOf
    | InRange
    | Matches
    | SpansOverlap
    | RegionOverlaps
    | RegionsOverlap
    | KeysAmong
    | All
    | AnyOf
)

TRUE = Constant(value=True)
FALSE = Constant(value=False)


def walk(node: Any) -> Iterator[Any]:
    """Yield a node of the checked tree and all that it consists of."""
    yield node
    for each in fields(node):
        value = getattr(node, each.name)
        for child in value if isinstance(value, tuple) else (value,):
            if isinstance(child, _NODES):
                yield from walk(child)


def columns(predicate: Predicate) -> Iterator[Column]:
    """Yield the columns that a condition compares; conditions on regions name their elements instead."""
    return (node for node in walk(predicate) if isinstance(node, Column))


def region_elements(predicate: Predicate) -> Iterator[str]:
    """Yield the elements whose regions, or keys in place of these, a condition is about."""
    for node in walk(predicate):
        match node:
            case RegionOverlaps(element=element) | KeysAmong(element=element):
                yield element
            case RegionsOverlap(left=left, right=right):
                yield left
                yield right


def all_of(operands: Iterable[Predicate]) -> Predicate:
    """Return the condition that all of several hold, simplified."""
    return _combine(All, operands, absorbing=FALSE, neutral=TRUE)


def any_of(operands: Iterable[Predicate]) -> Predicate:
    """Return the condition that one of several holds, simplified."""
    return _combine(AnyOf, operands, absorbing=TRUE, neutral=FALSE)


def conjuncts(predicate: Predicate) -> list[Predicate]:
    """Return the conditions that must all hold."""
    if isinstance(predicate, All):
        return list(predicate.operands)
    return [] if predicate == TRUE else [predicate]


def rewrite(predicate: Predicate, change: Callable[[Predicate], Predicate]) -> Predicate:
    """Return the condition with each of its elementary parts replaced."""
    match predicate:
        case All(operands):
            return all_of(rewrite(each, change) for each in operands)
        case AnyOf(operands):
            return any_of(rewrite(each, change) for each in operands)
        case _:
            return change(predicate)


def _combine(
    kind: type[All | AnyOf], operands: Iterable[Predicate], *, absorbing: Constant, neutral: Constant
) -> Predicate:
    flat: list[Predicate] = []
    for each in operands:
        if each == absorbing:
            return absorbing
        flat += each.operands if isinstance(each, kind) else [each] if each != neutral else []
    flat = _merged(flat, negated=kind is All) if len(flat) > 1 else flat
    return kind(tuple(flat)) if len(flat) > 1 else flat[0] if flat else neutral


def _merged(operands: Sequence[Predicate], *, negated: bool) -> list[Predicate]:
    """Join ``a = 1 OR a = 2`` to ``a IN (1, 2)``, and ``a != 1 AND a != 2`` likewise: indices serve that."""
    equal = "!=" if negated else "="
    values: dict[tuple[Column, str], dict[Any, None]] = {}
    merged: dict[Any, Predicate] = {}
    for i, each in enumerate(operands):
        match each:
            case Compare(operator, Column() as column, Literal(value, kind)) if (
                operator == equal and kind != "bool"
            ):
                own: tuple[Any, ...] = (value,)
            case OneOf(Column() as column, own, kind, same) if same == negated:
                pass
            case _:
                merged[i] = each
                continue
        merged.setdefault((column, kind), each)
        values.setdefault((column, kind), {}).update(dict.fromkeys(own))
    for (column, kind), found in values.items():
        if len(found) > 1:
            merged[column, kind] = OneOf(column, tuple(found), kind, negated)
    return list(merged.values())


_NODES = (
    Literal,
    Column,
    Arithmetic,
    Span,
    Constant,
    Compare,
    IsNull,
    OneOf,
    InRange,
    Matches,
    SpansOverlap,
    RegionOverlaps,
    RegionsOverlap,
    KeysAmong,
    All,
    AnyOf,
)
