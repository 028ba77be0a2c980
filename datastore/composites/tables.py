"""Assemblers of tables: rows of many below each other, columns of several beside each other."""

# Assemblers are called with three arguments, also those that need one.
# ruff: noqa: ARG001

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from datastore.errors import CompositeError

if TYPE_CHECKING:
    from astropy.table import Table


def stack_rows(dataId: Mapping[str, Any], componentDict: dict[str, Any], classObj: type) -> Table:
    """Return the rows of all tables of the only part, in the order of their data IDs.

    Metadata that all of them have and agree on become those of the whole; where two differ, that is told by
    ``meta["conflicts"]``: the names of what differs, each with its values in order.

    Raises
    ------
    CompositeError
        If there are several parts, or the columns of the tables differ.
    """
    from astropy.table import vstack

    if len(componentDict) != 1:
        raise CompositeError(f"Rows are stacked of one part, not of {', '.join(componentDict)}")
    ((name, tables),) = componentDict.items()
    tables = list(tables) if isinstance(tables, Sequence) else [tables]
    if not tables:
        raise CompositeError(f"Part {name!r} has no tables, so the whole would have no columns")
    columns = tables[0].colnames
    for table in tables:
        if table.colnames != columns:
            odd = sorted(set(columns).symmetric_difference(table.colnames)) or table.colnames
            raise CompositeError(f"Tables of part {name!r} differ in their columns: {', '.join(odd)}")
    stacked = vstack(tables, join_type="exact", metadata_conflicts="silent")
    stacked.meta.clear()
    stacked.meta.update(merged_metadata([table.meta for table in tables]))
    return stacked


def join_columns(dataId: Mapping[str, Any], componentDict: dict[str, Any], classObj: type) -> Table:
    """Return the columns of all parts, rows matched by ``id``; what a part lacks is masked.

    Columns get the name of their part and an underscore in front, save ``id``. Rows are in order of ``id``.

    Raises
    ------
    CompositeError
        If a part has no column ``id``, or has an id twice.
    """
    import numpy as np
    from astropy.table import Column, MaskedColumn, Table

    for name, table in componentDict.items():
        if "id" not in table.colnames:
            raise CompositeError(f"Part {name!r} has no column 'id' to match its rows by")
        if len(np.unique(np.asarray(table["id"]))) != len(table):
            raise CompositeError(f"Part {name!r} has rows of equal 'id'")
    ids = np.unique(np.concatenate([np.asarray(table["id"]) for table in componentDict.values()]))
    first = next(iter(componentDict.values()))["id"]
    joined = Table([Column(ids, name="id", unit=first.unit, description=first.description)])
    for name, table in componentDict.items():
        place = np.searchsorted(ids, np.asarray(table["id"]))
        for column in table.itercols():
            if column.info.name == "id":
                continue
            values = np.zeros((len(ids), *column.shape[1:]), dtype=column.dtype)
            absent = np.ones(values.shape, dtype=bool)
            values[place] = np.asarray(getattr(column, "value", column))
            absent[place] = np.asarray(getattr(column, "mask", False))
            joined[f"{name}_{column.info.name}"] = MaskedColumn(
                values, mask=absent, unit=column.unit, description=column.info.description
            )
    joined.meta.update(merged_metadata([table.meta for table in componentDict.values()]))
    return joined


def merged_metadata(metadata: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what several mappings agree on; ``conflicts`` has, by name, the values that differ."""
    merged: dict[str, Any] = {}
    conflicts: dict[str, list[Any]] = {}
    for name in dict.fromkeys(key for one in metadata for key in one):
        values = [one[name] for one in metadata if name in one]
        if all(value == values[0] for value in values[1:]):
            merged[name] = values[0]
        else:
            conflicts[name] = values
    return merged | ({"conflicts": conflicts} if conflicts else {})
