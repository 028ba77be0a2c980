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
    from registry.spatial import Circles, Regions

_MARGIN = 1e-12  # rounding of unit vectors


def regions_of(element: DimensionElement, columns: Sequence[Sequence[Any]]) -> Regions:
    """Return the regions of records, given as columns, and the circles around them.

    Raises
    ------
    DataIdError
        If one is no region; names its record.
    """
    from registry import spatial

    encoded: Sequence[bytes | None] = columns[element.column_names.index("region")]
    try:
        return spatial.Regions(encoded)
    except DataIdError:
        for i, region in enumerate(encoded):
            try:
                spatial.bounding_circles([region])
            except DataIdError as error:
                raise DataIdError(f"{named(element, columns, i)}: {error}") from error
        raise


def circle_columns(regions: Regions) -> list[list[float | None]]:
    """Return the columns of the circles around regions; without values where there is no region."""
    import numpy as np

    centres, radii = regions.circles
    columns: list[list[float | None]] = [values.tolist() for values in (*centres.T, radii)]
    for i in np.flatnonzero(np.isnan(radii)).tolist():
        for column in columns:
            column[i] = None
    return columns


def update_overlaps(
    db: Database,
    schema: Schema,
    element: DimensionElement,
    keys: Sequence[tuple[Any, ...]],
    regions: Regions,
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
    keys : `~collections.abc.Sequence` [`tuple`]
        Values of the element's required dimensions, in order: the database appends pairs to its tables
        instead of looking for their places.
    regions : `registry.spatial.Regions`
        Where they are.
    replaced : `bool`
        Whether older overlaps of these records may have become wrong.
    """
    from registry import spatial

    others = [
        b if a == element.name else a for a, b in schema.universe.overlap_pairs if element.name in (a, b)
    ]
    for other in others:
        table = schema.overlap_table(element.name, other)
        if replaced:
            match = [table.c[name] == bindparam(f"k_{name}") for name in element.required]
            db.execute(
                table.delete().where(*match),
                [{f"k_{n}": v for n, v in zip(element.required, key, strict=True)} for key in keys],
            )
        if not (near := _records_near(db, schema, other, regions)):
            continue
        found, places = zip(*((row[:-4], row[-4:]) for row in near), strict=True)
        pairs = spatial.overlapping_pairs(
            regions, spatial.Regions([row[-1] for row in found], _circles(places))
        )
        names = [*element.required, *schema.universe[other].required]
        their_keys = [row[:-1] for row in found]
        # Dimensions that both share (none of today's) would be joined here, not repeated.
        rows = [keys[i] + their_keys[j] for i, j in zip(*(each.tolist() for each in pairs), strict=True)]
        db.insert(table, names, rows, "skip")


def _circles(rows: Sequence[tuple[float, ...]]) -> Circles:
    import numpy as np

    values = np.array(rows, dtype=np.float64)
    return values[:, :3], values[:, 3]


def _records_near(db: Database, schema: Schema, name: str, regions: Regions) -> list[tuple[Any, ...]]:
    """Return key, region and circle of the records whose circle may touch one of the given ones, by key."""
    import numpy as np

    table = schema.element_table(name)
    assert isinstance(table, Table)
    largest = db.fetch(db.prepared(("radius", name), lambda: select(func.max(table.c.circle_radius))))[0][0]
    centres, radii = regions.circles
    known = np.isfinite(radii)
    if largest is None or not known.any():
        return []
    # No point of two circles that touch is farther apart than the chord of the sum of their radii.
    reach = 2 * math.sin(min(float(radii[known].max()) + largest, math.pi) / 2) + _MARGIN
    low, high = centres[known].min(axis=0) - reach, centres[known].max(axis=0) + reach
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
