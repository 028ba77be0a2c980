"""Registering datasets in bulk, and removing them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError

from registry.collections.base import CollectionInfo
from registry.collections.summary import Summaries
from registry.columns import Columns, rows
from registry.database import Database
from registry.dataset_ref import DatasetRef, Ids, new_ids
from registry.dataset_type import DatasetType
from registry.datasets.ids import AnyIds, to_array, to_bytes
from registry.datasets.members import forget_datasets, insert_members, is_member, shown
from registry.datasets.types import DatasetTypes, TypeEntry
from registry.dimensions.coordinate import DataCoordinate
from registry.dimensions.element import DimensionElement
from registry.dimensions.group import DimensionGroup
from registry.errors import (
    CollectionTypeError,
    ConflictingDefinitionError,
    DatabaseConflictError,
    DataIdError,
    InvalidArgumentError,
    OrphanedRecordError,
)
from registry.keyed_rows import rows_by_keys
from registry.records.existing import check_records
from registry.schema.dimension_tables import parents
from registry.schema.schema import Schema
from registry.timespan import now_ns

_BATCH = 500  # ids named in one delete


def insert_datasets(
    db: Database,
    schema: Schema,
    types: DatasetTypes,
    summaries: Summaries,
    dataset_type: str | DatasetType,
    run: CollectionInfo,
    data_ids: Columns | Iterable[DataCoordinate],
    ids: AnyIds | None = None,
    quantum_ids: AnyIds | None = None,
) -> Ids:
    """Register datasets in one transaction; return their ids. See `Registry.insert_datasets`."""
    entry = _target(types, dataset_type, run)
    given = None if ids is None else to_bytes(ids)
    keys = _keys(entry, data_ids, None if given is None else len(given))
    array = new_ids(len(keys)) if given is None else to_array(given)
    id_bytes = to_bytes(array) if given is None else given
    if len(id_bytes) != len(keys):
        raise InvalidArgumentError(
            f"{len(id_bytes)} ids for {len(keys)} data IDs of {entry.dataset_type.name!r}."
        )
    names: tuple[str, ...] = ("id", "dataset_type_id", "run_id", "ingest_ns")
    head = (entry.id, run.id, now_ns())
    dataset_rows: list[tuple[Any, ...]] = [(id, *head) for id in id_bytes]
    if quantum_ids is not None:
        names += ("quantum_id",)
        dataset_rows = [
            (*row, quantum) for row, quantum in zip(dataset_rows, to_bytes(quantum_ids), strict=True)
        ]
    with db.transaction():
        _check_data_ids(db, schema, entry, keys)
        written = db.insert(schema.dataset, names, dataset_rows, "skip")
        if written < len(keys):
            _refuse_differences(db, schema, entry, run, keys, id_bytes)
        insert_members(db, schema, summaries, run, entry, keys, id_bytes)
    return array


def check_insertion(
    db: Database,
    schema: Schema,
    types: DatasetTypes,
    summaries: Summaries,
    dataset_type: DatasetType,
    run: CollectionInfo,
    data_id: DataCoordinate,
) -> None:
    """Raise if a dataset can't be new in a run; see `Registry.check_insertion`."""
    entry = _target(types, dataset_type, run)
    (key,) = _keys(entry, [data_id], 1)
    _check_data_ids(db, schema, entry, [key])
    if summaries.may_hold_type(run, entry.id) and is_member(db, schema, run, entry, key):
        group = entry.dataset_type.dimensions
        raise ConflictingDefinitionError(
            f"Dataset {entry.dataset_type.name!r} {shown(group, key)} in run {run.name!r} exists already. "
            "Put it into another run, or remove it first: butler prune-datasets"
        )


def _target(types: DatasetTypes, dataset_type: str | DatasetType, run: CollectionInfo) -> TypeEntry:
    """Return the entry of a dataset type, if datasets of it can be put in a collection."""
    entry = types.entry(dataset_type)
    if isinstance(dataset_type, DatasetType) and dataset_type.dimensions != entry.dataset_type.dimensions:
        raise ConflictingDefinitionError(
            f"Dataset type {entry.dataset_type.name!r} is registered as {entry.dataset_type}, "
            f"not as {dataset_type}."
        )
    if run.kind != "RUN":
        raise CollectionTypeError(f"Collection {run.name!r} is {run.kind}; datasets are put in a RUN.")
    return entry


def _check_data_ids(db: Database, schema: Schema, entry: TypeEntry, keys: Sequence[tuple[Any, ...]]) -> None:
    """Raise `DataIdError` if data IDs name dimension records that do not exist."""
    group = entry.dataset_type.dimensions
    check_records(db, schema, f"dataset {entry.dataset_type.name!r}", _parents(group), group.required, keys)


@lru_cache(maxsize=1000)
def _parents(group: DimensionGroup) -> list[DimensionElement]:
    return parents(group.universe, group.required)


def _keys(
    entry: TypeEntry, data_ids: Columns | Iterable[DataCoordinate], n: int | None
) -> list[tuple[Any, ...]]:
    """Return the required values of data IDs given in either form."""
    group = entry.dataset_type.dimensions
    if not isinstance(data_ids, Mapping):
        keys = []
        for data_id in data_ids:
            if not isinstance(data_id, DataCoordinate) or data_id.dimensions is not group:
                data_id = DataCoordinate.standardize(data_id, dimensions=group)
            keys.append(data_id.values_tuple)
        return keys
    if not set(group.required) <= set(data_ids):
        raise DataIdError(
            f"Data IDs of {entry.dataset_type.name!r} need the columns {', '.join(group.required)}; "
            f"given: {', '.join(data_ids)}."
        )
    if not group.required:
        return [()] * (1 if n is None else n)
    keys = rows(data_ids, group.required)
    for name, values in zip(group.required, zip(*keys, strict=True), strict=False):
        kind = str if group.universe[name].key.type == "string" else int  # type: ignore[union-attr]
        wrong = set(map(type, values)) - {kind}
        if wrong:
            raise DataIdError(
                f"Column {name!r} of data IDs holds {kind.__name__} values, not {wrong.pop().__name__}."
            )
    return keys


def _refuse_differences(
    db: Database,
    schema: Schema,
    entry: TypeEntry,
    run: CollectionInfo,
    keys: Sequence[tuple[Any, ...]],
    ids: Sequence[bytes],
) -> None:
    """Raise unless the datasets whose ids exist are what is being registered."""
    d, m = schema.dataset, schema.dataset_table(entry.group_id)
    group = entry.dataset_type.dimensions
    wanted = [(id,) for id in ids]
    db.lock()  # nobody may remove them between this check and the insertion of their data IDs
    stored = {
        row[0]: row[1:]
        for row in rows_by_keys(db, [d.c.id, d.c.dataset_type_id, d.c.run_id], [d.c.id], wanted)
    }
    held = rows_by_keys(
        db,
        [m.c.dataset_id, *(m.c[name] for name in group.required)],
        [m.c.dataset_id],
        wanted,
        m.c.collection_id == run.id,
    )
    data_ids = {row[0]: tuple(row[1:]) for row in held}
    for key, id in zip(keys, ids, strict=True):
        if id not in stored:
            raise DatabaseConflictError(
                f"Another client has just removed dataset {UUID(bytes=id)} from {db.url}: "
                "nothing was stored; try again."
            )
        if stored[id] != (entry.id, run.id) or data_ids.get(id, key) != tuple(key):
            raise ConflictingDefinitionError(
                f"Dataset id {UUID(bytes=id)} is taken by another dataset than {entry.dataset_type.name} "
                f"{shown(group, key)} in run {run.name!r}; leave the id out to get a new one."
            )


Lookup = Callable[[Iterable[UUID]], list[DatasetRef | None]]
"""Returns datasets by their ids."""


def remove_datasets(db: Database, schema: Schema, types: DatasetTypes, ids: AnyIds, lookup: Lookup) -> None:
    """Remove datasets with their memberships, validity ranges and locations, in one transaction.

    Raises
    ------
    OrphanedRecordError
        If one is a part of a composite that stays.
    """
    values = to_bytes(ids)
    d, parts = schema.dataset, schema.composite_part
    with db.transaction():
        db.lock()  # nobody may tag or certify meanwhile
        db.execute(parts.delete().where(parts.c.composite_id == bindparam("id")), [{"id": v} for v in values])
        try:
            with db.savepoint():
                for start in range(0, len(values), _BATCH):
                    some = values[start : start + _BATCH]
                    held = db.fetch(select(d.c.dataset_type_id).where(d.c.id.in_(some)).distinct())
                    groups = {types.by_id(number).group_id for (number,) in held}
                    forget_datasets(db, schema, groups, some)
                    db.execute(d.delete().where(d.c.id.in_(some)))
        except IntegrityError as error:
            raise _used_part(db, schema, values, lookup) or error from error


def remove_run(
    db: Database, schema: Schema, types: DatasetTypes, run: CollectionInfo, lookup: Lookup
) -> None:
    """Remove all datasets of a run, inside a transaction that holds it; the collection itself stays."""
    d, parts = schema.dataset, schema.composite_part
    mine = select(d.c.id).where(d.c.run_id == run.id)
    db.execute(parts.delete().where(parts.c.composite_id.in_(mine)))
    try:
        with db.savepoint():
            forget_datasets(db, schema, {entry.group_id for entry in types.all().values()}, mine)
            db.execute(d.delete().where(d.c.run_id == run.id))
    except IntegrityError as error:
        raise _used_part(db, schema, [row[0] for row in db.fetch(mine)], lookup) or error from error


def _used_part(
    db: Database, schema: Schema, ids: Sequence[bytes], lookup: Lookup
) -> OrphanedRecordError | None:
    parts = schema.composite_part
    rows = rows_by_keys(db, [parts.c.part_id, parts.c.composite_id], [parts.c.part_id], [(id,) for id in ids])
    for pair in rows:
        part, composite = map(_said, lookup(UUID(bytes=id) for id in pair))
        others = f" (and {len(rows) - 1} more such)" if len(rows) > 1 else ""
        return OrphanedRecordError(
            f"Dataset {part} is a part of the composite {composite}{others}; remove the composite before it, "
            "or both together: butler prune-datasets"
        )
    return None


def _said(ref: DatasetRef | None) -> str:
    """Return a dataset as messages name it."""
    return (
        "that was just removed"
        if ref is None
        else f"{ref.datasetType.name!r} {ref.dataId} in run {ref.run!r}"
    )
