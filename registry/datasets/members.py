"""Membership rows: which dataset a RUN or TAGGED collection holds for a data ID."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, select

from registry.collections.base import CollectionInfo
from registry.collections.summary import Summaries
from registry.database import UNTIL_WRITTEN, Database
from registry.dataset_ref import DatasetRef
from registry.datasets.types import TypeEntry
from registry.dimensions.group import DimensionGroup
from registry.errors import ConflictingDefinitionError, DatasetNotFoundError
from registry.keyed_rows import rows_by_keys
from registry.schema.schema import Schema

Keys = Sequence[tuple[Any, ...]]

_SERIES = 8  # after so many questions about one collection and type, all that it holds is read
_FEW = 1000  # unless it is so much


def keys_and_ids(refs: Iterable[DatasetRef]) -> tuple[list[tuple[Any, ...]], list[bytes]]:
    """Return the required values and the ids of datasets."""
    refs = list(refs)
    return [ref.dataId.values_tuple for ref in refs], [ref.id.bytes for ref in refs]


def insert_members(
    db: Database,
    schema: Schema,
    summaries: Summaries,
    collection: CollectionInfo,
    entry: TypeEntry,
    keys: Keys,
    ids: Sequence[bytes],
) -> None:
    """Add datasets, which exist, to a RUN or TAGGED collection, inside a transaction; those it holds stay.

    Raises
    ------
    ConflictingDefinitionError
        If the collection holds another dataset for one of the data IDs.
    """
    table = schema.dataset_table(entry.group_id)
    group = entry.dataset_type.dimensions
    names = ("collection_id", "dataset_type_id", *group.required, "dataset_id")
    head = (collection.id, entry.id)
    rows = [(*head, *key, id) for key, id in zip(keys, ids, strict=True)]
    written = db.insert(table, names, rows, "skip")
    if written < len(rows):
        _refuse_others(db, schema, collection, entry, keys, ids)
    if rows:
        summaries.extend(collection.id, entry.id, governor_values(group, keys))


class _Members:
    """How often it was asked what a collection holds of a type; then, if that is not much, all of it."""

    def __init__(self) -> None:
        self.asked = 0
        self.keys: set[tuple[Any, ...]] | None = None


def is_member(
    db: Database, schema: Schema, collection: CollectionInfo, entry: TypeEntry, key: tuple[Any, ...]
) -> bool:
    """Return whether a collection holds a dataset for a data ID; of what is deferred, none counts."""
    names = entry.dataset_type.dimensions.required
    members = db.cached(UNTIL_WRITTEN, ("members", collection.id, entry.id), _Members)
    members.asked += 1
    if members.asked == _SERIES and names:
        all_of_them = db.prepared(("members", entry.group_id, names), partial(_select_members, schema, entry))
        found = db.peek(all_of_them, {"collection": collection.id, "type": entry.id})
        members.keys = set(found) if len(found) < _FEW else None
    if members.keys is not None:
        return key in members.keys
    statement = db.prepared(("member", entry.group_id, names), partial(_select_member, schema, entry))
    values = {f"k_{name}": value for name, value in zip(names, key, strict=True)}
    return bool(db.peek(statement, {"collection": collection.id, "type": entry.id, **values}))


def _select_members(schema: Schema, entry: TypeEntry) -> Select[Any]:
    table = schema.dataset_table(entry.group_id)
    keys = [table.c[name] for name in entry.dataset_type.dimensions.required]
    where = table.c.collection_id == bindparam("collection"), table.c.dataset_type_id == bindparam("type")
    return select(*keys).where(*where).limit(_FEW)


def _select_member(schema: Schema, entry: TypeEntry) -> Select[Any]:
    table = schema.dataset_table(entry.group_id)
    return select(table.c.dataset_id).where(
        table.c.collection_id == bindparam("collection"),
        table.c.dataset_type_id == bindparam("type"),
        *(table.c[name] == bindparam(f"k_{name}") for name in entry.dataset_type.dimensions.required),
    )


def delete_members(
    db: Database, schema: Schema, collection: CollectionInfo, entry: TypeEntry, ids: Sequence[bytes]
) -> None:
    """Take datasets out of a TAGGED collection, inside a transaction."""
    table = schema.dataset_table(entry.group_id)
    statement = table.delete().where(
        table.c.dataset_id == bindparam("id"), table.c.collection_id == collection.id
    )
    db.execute(statement, [{"id": id} for id in ids])


def governor_values(group: DimensionGroup, keys: Keys) -> dict[str, set[Any]]:
    """Return the values of each governor dimension among data IDs."""
    positions = {name: group.required.index(name) for name in group.governors if name in group.required}
    return {name: {key[position] for key in keys} for name, position in positions.items()}


def refuse_unknown(db: Database, schema: Schema, entry: TypeEntry, keys: Keys, ids: Sequence[bytes]) -> None:
    """Raise `DatasetNotFoundError` if one of the ids is that of no dataset."""
    d = schema.dataset
    found = {row[0] for row in rows_by_keys(db, [d.c.id], [d.c.id], [(id,) for id in ids])}
    for key, id in zip(keys, ids, strict=True):
        if id not in found:
            raise DatasetNotFoundError(
                f"No dataset {entry.dataset_type.name} {shown(entry.dataset_type.dimensions, key)} "
                f"with id {UUID(bytes=id)} in {db.url}."
            )


def forget_datasets(
    db: Database, schema: Schema, group_ids: Iterable[int], ids: Select[Any] | Sequence[bytes]
) -> None:
    """Take datasets out of all collections and validity ranges, inside a transaction that holds the lock."""
    for group_id in group_ids:
        for table in (schema.dataset_table(group_id), schema.calibration_table(group_id)):
            db.execute(table.delete().where(table.c.dataset_id.in_(ids)))


def _refuse_others(
    db: Database,
    schema: Schema,
    collection: CollectionInfo,
    entry: TypeEntry,
    keys: Keys,
    ids: Sequence[bytes],
) -> None:
    table = schema.dataset_table(entry.group_id)
    group = entry.dataset_type.dimensions
    key_columns = [table.c[name] for name in group.required]
    rows = rows_by_keys(
        db,
        [*key_columns, table.c.dataset_id],
        key_columns,
        [tuple(key) for key in keys],
        table.c.collection_id == collection.id,
        table.c.dataset_type_id == entry.id,
    )
    held = {tuple(row[:-1]): row[-1] for row in rows}
    for key, id in zip(keys, ids, strict=True):
        if held[tuple(key)] != id:
            what = f"{entry.dataset_type.name!r} {shown(group, key)}"
            there = UUID(bytes=held[tuple(key)])
            if collection.kind == "RUN":
                raise ConflictingDefinitionError(
                    f"Dataset {what} exists already in run {collection.name!r} ({there}, not "
                    f"{UUID(bytes=id)}). Put it into another run, or remove it first: butler prune-datasets"
                )
            d, c = schema.dataset.c, schema.collection.c
            ((run,),) = db.fetch(select(c.name).where(c.id == d.run_id, d.id == held[tuple(key)]))
            raise ConflictingDefinitionError(
                f"{collection.kind} collection {collection.name!r} holds another dataset {what}: that of run "
                f"{run!r} ({there}, not {UUID(bytes=id)}). Take that one out first: butler prune-datasets "
                f"--disassociate {collection.name} --datasets {entry.dataset_type.name} --where …"
            )


def shown(group: DimensionGroup, key: Sequence[Any]) -> str:
    """Return a data ID's required values as a message shows them."""
    return f"{{{', '.join(f'{n}: {v!r}' for n, v in zip(group.required, key, strict=True))}}}"
