"""Sky pixels as data IDs: the pixels that regions of records overlap, or those that a condition names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from lsst.sphgeom import RangeSet
from sqlalchemy import Select, select

from registry import spatial
from registry.dimensions.element import DimensionElement
from registry.dimensions.group import DimensionGroup
from registry.errors import InvalidQueryError
from registry.query.join import Relation, given_relation
from registry.query.tree import (
    AnyOf,
    Column,
    Compare,
    InRange,
    Literal,
    OneOf,
    Predicate,
    RegionsOverlap,
    all_of,
    conjuncts,
)
from registry.query.where import dimensions_of

if TYPE_CHECKING:
    from registry.schema.schema import Schema

Fetch = Callable[[Select[Any]], Sequence[Sequence[Any]]]

# More pairs of records and pixels than this are not worked out.
MOST_PIXELS = 500_000


def pixel_relations(
    schema: Schema,
    fetch: Fetch,
    dimensions: DimensionGroup,
    predicate: Predicate,
    relations: Sequence[DimensionGroup],
) -> list[Relation]:
    """Return what a query must join so that its sky pixels are those that overlap its regions.

    Parameters
    ----------
    schema : `Schema`
        All tables.
    fetch : callable
        Runs a select and returns its rows.
    dimensions : `DimensionGroup`
        All dimensions of the query.
    predicate : condition
        Resolved.
    relations : sequence of `DimensionGroup`
        Dimensions of the rows that the query joins anyway; these need no pixels between them.

    Raises
    ------
    InvalidQueryError
        If the pixels are too many to be worked out.
    """
    universe = dimensions.universe
    found: list[Relation] = []
    for name in dimensions.required:
        pixel = universe[name]
        if pixel.skypix is None:
            continue
        wanted = _named(predicate, pixel)
        partners = [each for each in _partners(dimensions, predicate, name) if universe[each].skypix is None]
        unrelated = [each for each in partners if not any(_relates(group, each, name) for group in relations)]
        if unrelated:
            found += [
                _overlapping(schema, fetch, universe[each], pixel, predicate, wanted) for each in unrelated
            ]
        elif wanted is not None and not any(name in group for group in relations):
            ids = [(i,) for begin, end in _limited(wanted, pixel) for i in range(begin, end)]
            found.append(given_relation(ids, pixel.minimal_group))
    return found


def _partners(dimensions: DimensionGroup, predicate: Predicate, name: str) -> list[str]:
    """Return the elements whose regions go with a pixel: those that the condition names, else the finest."""
    named = [part for part in conjuncts(predicate) if isinstance(part, RegionsOverlap) and not part.negated]
    explicit = [pair for each in named if name in (pair := (each.left, each.right))]
    pairs = explicit or [pair for pair in combinations(dimensions.spatial, 2) if name in pair]
    return [a if b == name else b for a, b in pairs]


def _relates(group: DimensionGroup, *elements: str) -> bool:
    return set(elements) <= set(group.elements)


def _named(predicate: Predicate, pixel: DimensionElement) -> RangeSet | None:
    """Return the pixels that a condition leaves, `None` if it says nothing about them."""
    assert pixel.skypix is not None
    found = None
    for part in conjuncts(predicate):
        named = _ranges(part, pixel.name)
        if named is not None:
            found = named if found is None else found.intersection(named)
    return None if found is None else found.intersection(spatial.pixelization(*pixel.skypix).universe())


def _ranges(part: Predicate, name: str) -> RangeSet | None:
    column = Column(name, name, "int")
    match part:
        case Compare("=", left, Literal(int() as value)) if left == column:
            return RangeSet(value) if value >= 0 else RangeSet()
        case OneOf(operand, values, _, False) if operand == column:
            return RangeSet([value for value in values if value >= 0])
        case InRange(operand, start, stop, _, False) if operand == column:
            return RangeSet(max(start, 0), stop + 1) if stop >= max(start, 0) else RangeSet()
        case AnyOf(operands):
            union = RangeSet()
            for each in operands:
                ranges = _ranges(each, name)
                if ranges is None:
                    return None
                union = union.union(ranges)
            return union
    return None


def _overlapping(
    schema: Schema,
    fetch: Fetch,
    element: DimensionElement,
    pixel: DimensionElement,
    predicate: Predicate,
    wanted: RangeSet | None,
) -> Relation:
    """Return the pairs of records of an element and pixels that overlap."""
    from registry.query.select import record_select

    assert pixel.skypix is not None
    pixelization = spatial.pixelization(*pixel.skypix)
    group = element.minimal_group
    own = [
        part for part in conjuncts(predicate) if dimensions_of(part, element.universe) <= group
    ]  # of records that other conditions exclude, the pixels are not used
    records = record_select(schema, element, all_of(own)).subquery()
    keys = [records.c[name] for name in element.required]
    rows = fetch(select(*keys, records.c.region).where(records.c.region.is_not(None)))
    pairs: list[tuple[Any, ...]] = []
    candidates = 0
    for *key, encoded in rows:
        region = spatial.decode(bytes(encoded))
        envelope = pixelization.envelope(region)
        envelope = envelope if wanted is None else envelope.intersection(wanted)
        ranges = _limited(envelope, pixel, candidates)
        candidates += sum(end - begin for begin, end in ranges)
        inside = pixelization.interior(region)
        pairs += [
            (*key, i)
            for begin, end in ranges
            for i in range(begin, end)
            if inside.contains(i) or pixelization.pixel(i).overlaps(region) is not False
        ]
    both = element.universe.conform([*element.required, pixel.name])
    order = [[*element.required, pixel.name].index(name) for name in both.required]
    return given_relation([tuple([pair[i] for i in order]) for pair in pairs], both)


def _limited(pixels: RangeSet, pixel: DimensionElement, before: int = 0) -> list[tuple[int, int]]:
    ranges = list(pixels.ranges())
    if before + sum(end - begin for begin, end in ranges) > MOST_PIXELS:
        raise InvalidQueryError(
            f"The query asks for more than {MOST_PIXELS:,} pixels of {pixel.name!r}; "
            "take a coarser level, or restrict the records or pixels"
        )
    return ranges
