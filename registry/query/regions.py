"""Conditions on regions, made exact: candidates by bounding circle in SQL, then the geometry, then keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, select

from registry.query.tree import (
    Column,
    InRange,
    KeysAmong,
    Predicate,
    RegionOverlaps,
    all_of,
    any_of,
    rewrite,
    walk,
)
from registry.query.where import constants

if TYPE_CHECKING:
    from lsst.sphgeom import Region

    from registry.schema.schema import Schema

Fetch = Callable[[Select[Any]], Sequence[Sequence[Any]]]


def resolve(predicate: Predicate, schema: Schema, fetch: Fetch) -> Predicate:
    """Return the condition with every comparison of an element's region with a given one replaced by keys.

    Parameters
    ----------
    predicate : condition
        Checked, and with its governor dimensions constrained.
    schema : `Schema`
        All tables.
    fetch : callable
        Runs a select and returns its rows.
    """
    if not any(isinstance(node, RegionOverlaps) for node in walk(predicate)):
        return predicate
    from registry import spatial

    fixed = constants(predicate)

    def change(part: Predicate) -> Predicate:
        if not isinstance(part, RegionOverlaps):
            return part
        skypix = schema.universe[part.element].skypix
        if skypix is not None:
            return _pixels(part, *skypix)
        candidates = fetch(candidate_select(schema, part.element, part.region, fixed))
        keys = [
            tuple(key)
            for *key, region in candidates
            if spatial.decode(bytes(region)).overlaps(part.region) is not False
        ]
        return KeysAmong(part.element, tuple(keys), part.negated)

    return rewrite(predicate, change)


def candidate_select(schema: Schema, element: str, region: Region, fixed: dict[str, Any]) -> Select[Any]:
    """Return the select of keys and regions whose bounding circles touch that of a region.

    Parameters
    ----------
    schema : `Schema`
        All tables.
    element : `str`
        Element with regions.
    region : `lsst.sphgeom.Region`
        What they must come near to.
    fixed : `dict`
        Values of dimensions that are known, to look at fewer records.
    """
    from registry import spatial

    table = schema.element_table(element)
    required = schema.universe[element].required
    (x, y, z), radius = spatial.bounding_circle(region)
    reach = float(radius) + spatial.MARGIN
    widest = select(func.max(table.alias().c.circle_radius)).scalar_subquery()
    dot = table.c.circle_x * float(x) + table.c.circle_y * float(y) + table.c.circle_z * float(z)
    limit = table.c.circle_radius + reach
    return select(*(table.c[name] for name in required), table.c.region).where(
        *(table.c[name] == value for name, value in fixed.items() if name in required),
        # A band of declination, which the index serves: a chord is never longer than its arc.
        table.c.circle_z.between(float(z) - reach - widest, float(z) + reach + widest),
        2 - 2 * dot <= limit * limit,
    )


def _pixels(part: RegionOverlaps, system: str, level: int) -> Predicate:
    """Return the condition that a sky pixel is among those that a region overlaps."""
    from registry import spatial

    pixelization = spatial.pixelization(system, level)
    inside = pixelization.interior(part.region)
    border = pixelization.envelope(part.region).difference(inside)
    ranges = list(inside.ranges())
    for begin, end in border.ranges():
        pixels = ((i, pixelization.pixel(i)) for i in range(begin, end))
        ranges += [(i, i + 1) for i, pixel in pixels if pixel.overlaps(part.region) is not False]
    column = Column(part.element, part.element, "int")
    conditions = [InRange(column, begin, end - 1, 1, part.negated) for begin, end in ranges]
    return all_of(conditions) if part.negated else any_of(conditions)
