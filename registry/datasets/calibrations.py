"""Validity ranges of calibrations: certifying, decertifying, looking up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam

from registry.collections.base import CollectionInfo
from registry.collections.summary import Summaries
from registry.database import Database
from registry.datasets.members import governor_values, refuse_unknown, shown
from registry.datasets.types import TypeEntry
from registry.dimensions.coordinate import DataCoordinate, DataId
from registry.errors import ConflictingDefinitionError, InvalidTimespanError
from registry.schema.schema import Schema
from registry.timespan import Timespan

Range = tuple[tuple[Any, ...], int, int, bytes]
"""Required values, begin [ns], end [ns], dataset id."""


def certify(
    db: Database,
    schema: Schema,
    summaries: Summaries,
    collection: CollectionInfo,
    entry: TypeEntry,
    keys: Sequence[tuple[Any, ...]],
    ids: Sequence[bytes],
    timespan: Timespan,
) -> None:
    """Store validity ranges, inside a transaction; see `Collections.certify`."""
    if timespan.is_empty():
        raise InvalidTimespanError(f"{entry.dataset_type.name} cannot be certified for an empty timespan.")
    group = entry.dataset_type.dimensions
    table = schema.calibration_table(entry.group_id)
    # Nobody else may add a range, or remove a dataset, between the checks and the insertion.
    db.lock()
    refuse_unknown(db, schema, entry, keys, ids)
    taken = {
        key: (begin, end, id) for key, begin, end, id in _overlapping(db, schema, collection, entry, timespan)
    }
    begin, end = timespan.nsec
    new = []
    for key, id in zip(keys, ids, strict=True):
        if (old := taken.get(key)) is None:
            taken[key] = (begin, end, id)
            new.append((collection.id, entry.id, *key, begin, end, id))
        elif old != (begin, end, id):
            raise ConflictingDefinitionError(
                f"{entry.dataset_type.name} {shown(group, key)} in {collection.name!r} is dataset "
                f"{UUID(bytes=old[2])} for {Timespan.from_ns(*old[:2])} (TAI), which overlaps {timespan}; "
                "decertify it first."
            )
    db.insert(table, _columns(entry), new)
    if new:
        summaries.extend(collection.id, entry.id, governor_values(group, keys))


def decertify(
    db: Database,
    schema: Schema,
    collection: CollectionInfo,
    entry: TypeEntry,
    timespan: Timespan,
    data_ids: Iterable[DataId] | None = None,
) -> int:
    """Take a timespan out of validity ranges, inside a transaction; see `Collections.decertify`."""
    group = entry.dataset_type.dimensions
    wanted = (
        None
        if data_ids is None
        else {DataCoordinate.standardize(data_id, dimensions=group).values_tuple for data_id in data_ids}
    )
    table = schema.calibration_table(entry.group_id)
    # Nobody else may change a range between reading and replacing it.
    db.lock()
    cut = [
        each
        for each in _overlapping(db, schema, collection, entry, timespan)
        if wanted is None or each[0] in wanted
    ]
    gone = [
        {"k_begin_ns": begin, **{f"k_{n}": v for n, v in zip(group.required, key, strict=True)}}
        for key, begin, _, _ in cut
    ]
    match = [table.c[name] == bindparam(f"k_{name}") for name in (*group.required, "begin_ns")]
    statement = table.delete().where(
        table.c.collection_id == collection.id, table.c.dataset_type_id == entry.id, *match
    )
    db.execute(statement, gone)
    remaining = [
        (collection.id, entry.id, *key, *part.nsec, id)
        for key, begin, end, id in cut
        for part in Timespan.from_ns(begin, end).difference(timespan)
    ]
    db.insert(table, _columns(entry), remaining)
    return len(cut)


def _columns(entry: TypeEntry) -> tuple[str, ...]:
    required = entry.dataset_type.dimensions.required
    return ("collection_id", "dataset_type_id", *required, "begin_ns", "end_ns", "dataset_id")


def _overlapping(
    db: Database, schema: Schema, collection: CollectionInfo, entry: TypeEntry, timespan: Timespan
) -> list[Range]:
    """Return the validity ranges of a dataset type in a collection that overlap a timespan."""
    table = schema.calibration_table(entry.group_id)
    names = entry.dataset_type.dimensions.required
    begin, end = timespan.nsec
    query = (
        table.select()
        .with_only_columns(*(table.c[n] for n in names), table.c.begin_ns, table.c.end_ns, table.c.dataset_id)
        .where(
            table.c.collection_id == collection.id,
            table.c.dataset_type_id == entry.id,
            table.c.begin_ns < end,
            table.c.end_ns > begin,
        )
    )
    return [(tuple(row[:-3]), *row[-3:]) for row in db.fetch(query)]
