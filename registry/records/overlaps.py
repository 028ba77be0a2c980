"""Exact overlaps on the sky between records of two spatial families, kept as pairs.

Candidates come from the bounding circles, whose centres are unit vectors: an index on z, x, y narrows the
other family's table to a box around the new records. Unlike a sky pixelisation this needs no envelopes, has
no seams at the poles or at right ascension 0, and is plain SQL in any database.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table, bindparam, func, select

from registry.database import Database
from registry.dimensions.element import DimensionElement
from registry.errors import DataIdError
from registry.records.intake import named
from registry.schema.naming import CIRCLE
from registry.schema.schema import Schema

if TYPE_CHECKING:
    import numpy as np

_MARGIN = 1e-12  # rounding of unit vectors


def circle_columns(element: DimensionElement, records: Sequence[Sequence[Any]]) -> list[list[float | None]]:
    """Return the columns of bounding circles of records, given as columns; empty where there is no region."""
    regions: Sequence[bytes | None] = records[element.column_names.index("region")]
    present = [i for i, region in enumerate(regions) if region is not None]
    columns: list[list[float | None]] = [[None] * len(regions) for _ in CIRCLE]
    if not present:
        return columns
    from registry import spatial

    try:
        centres, radii = spatial.bounding_circles([regions[i] for i in present])
    except DataIdError:
        for i in present:
            try:
                spatial.bounding_circles([regions[i]])
            except DataIdError as error:
                raise DataIdError(f"{named(element, records, i)}: {error}") from error
        raise
    for column, values in zip(columns, (*centres.T, radii), strict=True):
        if len(present) == len(regions):
            column[:] = values.tolist()
        else:
            for i, value in zip(present, values.tolist(), strict=True):
                column[i] = value
    return columns


def update_overlaps(
    db: Database,
    schema: Schema,
    element: DimensionElement,
    rows: Sequence[tuple[Any, ...]],
    *,
    replaced: bool,
) -> None:
    """Store the overlaps of new records with those of the other spatial family.

    Parameters
    ----------
    db, schema
        Where.
    element : `DimensionElement`
        Whose records they are.
    rows : `~collections.abc.Sequence` [`tuple`]
        The element's columns, then those of the bounding circle.
    replaced : `bool`
        Whether older overlaps of these records may have become wrong.
    """
    from registry import spatial

    others = [
        b if a == element.name else a for a, b in schema.universe.overlap_pairs if element.name in (a, b)
    ]
    region = element.column_names.index("region")
    key = len(element.required)
    # In the order of the keys: the database appends pairs to its tables instead of looking for their places.
    placed = sorted((row for row in rows if row[region] is not None), key=itemgetter(slice(key)))
    circles = _circles([row[-4:] for row in placed])
    for other in others:
        table = schema.overlap_table(element.name, other)
        if replaced:
            match = [table.c[name] == bindparam(f"k_{name}") for name in element.required]
            keys = [{f"k_{n}": v for n, v in zip(element.required, row, strict=False)} for row in rows]
            db.execute(table.delete().where(*match), keys)
        if not placed:
            continue
        near = _records_near(db, schema, other, *circles)
        if not near:
            continue
        ours, theirs = spatial.overlapping_pairs(
            [row[region] for row in placed],
            circles,
            [row[-5] for row in near],
            _circles([row[-4:] for row in near]),
        )
        names = [*element.required, *schema.universe[other].required]
        our_keys, their_keys = [row[:key] for row in placed], [row[:-5] for row in near]
        pairs = [our_keys[i] + their_keys[j] for i, j in zip(ours.tolist(), theirs.tolist(), strict=True)]
        # Dimensions that both share (none of today's) would be joined here, not repeated.
        db.insert(table, names, pairs, "skip")


def _circles(rows: Sequence[tuple[float, ...]]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    import numpy as np

    values = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return values[:, :3], values[:, 3]


def _records_near(
    db: Database,
    schema: Schema,
    name: str,
    centres: np.ndarray[Any, Any],
    radii: np.ndarray[Any, Any],
) -> list[tuple[Any, ...]]:
    """Return key, region and circle of the records whose circle may touch one of the given ones, by key."""
    table = schema.element_table(name)
    assert isinstance(table, Table)
    largest = db.fetch(db.prepared(("radius", name), lambda: select(func.max(table.c.circle_radius))))[0][0]
    if largest is None:
        return []
    # No point of two circles that touch is farther apart than the chord of the sum of their radii.
    reach = 2 * math.sin(min(float(radii.max()) + largest, math.pi) / 2) + _MARGIN
    low, high = centres.min(axis=0) - reach, centres.max(axis=0) + reach
    bounds = {
        f"{end}_{axis}": float(v[i])
        for end, v in (("low", low), ("high", high))
        for i, axis in enumerate("xyz")
    }
    key = schema.universe[name].required
    found = db.fetch(
        db.prepared(
            ("near", name),
            lambda: select(*(table.c[c] for c in (*key, "region", *CIRCLE))).where(
                *(
                    table.c[f"circle_{axis}"].between(bindparam(f"low_{axis}"), bindparam(f"high_{axis}"))
                    for axis in "zxy"
                )
            ),
        ),
        bounds,
    )
    return sorted(found, key=itemgetter(slice(len(key))))
