"""Dimension records of older universes, made into those of the current one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipetask.butler.interchange.document import Document
from pipetask.butler.interchange.yaml_tags import timespan_of
from registry.dimensions.universe import DimensionUniverse

Record = dict[str, Any]


def modernize(document: Document, universe: DimensionUniverse) -> dict[str, list[Record]]:
    """Return the records of a document by element, as those of a universe.

    Before version 6, groups and nights were columns of exposures and visits: they become records. Before
    version 2, a visit was in one visit system, which it named: this becomes a membership. Before version 1,
    visits may lack their night, which is then that of their begin. Columns that are gone are left out.
    """
    version = document.universe
    if version >= universe.version:
        return {element: list(rows) for element, rows in document.records.items() if rows}
    records = {element: [dict(r) for r in rows] for element, rows in document.records.items()}
    if version < 1:
        for visit in records.get("visit", ()):
            if visit.get("day_obs") is None:
                visit["day_obs"] = _night(visit)
    if version < 2:
        memberships = [
            {"instrument": r["instrument"], "visit": r["id"], "visit_system": r["visit_system"]}
            for r in records.get("visit", ())
            if r.get("visit_system") is not None
        ]
        records["visit_system_membership"] = memberships + records.get("visit_system_membership", [])
    if version < 6:
        for exposure in records.get("exposure", ()):
            exposure.setdefault("group", str(exposure.get("group_name") or exposure.get("group_id")))
        groups = {(r["instrument"], r["group"]) for r in records.get("exposure", ())}
        known = {(r["instrument"], r["name"]) for r in records.get("group", ())}
        new_groups = [{"instrument": i, "name": name} for i, name in sorted(groups - known)]
        records["group"] = records.get("group", []) + new_groups
        nights = {
            (r["instrument"], r["day_obs"]) for name in ("exposure", "visit") for r in records.get(name, ())
        }
        nights -= {(r["instrument"], r["id"]) for r in records.get("day_obs", ())}
        new_nights = [{"instrument": i, "id": night} for i, night in sorted(nights)]
        records["day_obs"] = records.get("day_obs", []) + new_nights
    return {element: _known(universe, element, rows) for element, rows in records.items() if rows}


def _night(visit: Mapping[str, Any]) -> int:
    import numpy as np

    timespan = timespan_of(visit["datetime_begin"], None)
    assert timespan is not None
    return int(str(np.datetime64(timespan.nsec[0], "ns"))[:10].replace("-", ""))


def _known(universe: DimensionUniverse, name: str, rows: list[Record]) -> list[Record]:
    element = universe[name]
    known = {
        *element.column_names,
        element.key_name,
        "datetime_begin",
        "datetime_end",
        "timespan",
        *universe.aliases,
    }
    return [{column: value for column, value in row.items() if column in known} for row in rows]
