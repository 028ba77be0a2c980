"""Where the bytes of datasets are: the datastore's records, kept for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, bindparam, func, select
from sqlalchemy.exc import IntegrityError

from registry.database import Database
from registry.dataset_ref import Ids
from registry.datasets.ids import AnyIds, to_bytes
from registry.errors import DatasetNotFoundError
from registry.keyed_rows import rows_by_keys
from registry.schema.schema import Schema

if TYPE_CHECKING:
    import numpy as np

LOCATION_FIELDS = (
    "component",
    "store",
    "path",
    "offset",
    "size",
    "checksum",
    "algorithm",
    "formatter",
    "storage_class",
)
Location = tuple[Any, ...]
"""Values in the order of `LOCATION_FIELDS`."""

_MANY = 20_000
_SHARE = 4
"""From so many datasets on, locations are read in one pass, unless that is over so many times as many."""


def insert_locations(db: Database, schema: Schema, rows: Iterable[tuple[Any, ...]]) -> int:
    """Store locations, each a dataset id (`~uuid.UUID` or `bytes`) and the `LOCATION_FIELDS`.

    A location of the same dataset, component and store replaces the older one.
    """
    plain = [row if isinstance(row[0], bytes) else (row[0].bytes, *row[1:]) for row in rows]
    with db.transaction():
        try:
            return db.insert(schema.dataset_location, ("dataset_id", *LOCATION_FIELDS), plain, "replace")
        except IntegrityError as error:
            d = schema.dataset
            found = {row[0] for row in rows_by_keys(db, [d.c.id], [d.c.id], [row[:1] for row in plain])}
            for row in plain:
                if row[0] not in found:
                    raise DatasetNotFoundError(
                        f"{row[3]} is said to hold dataset {UUID(bytes=row[0])}, which is not in {db.url}; "
                        "register the dataset first."
                    ) from error
            raise


def read_locations(db: Database, schema: Schema, ids: Iterable[UUID]) -> dict[UUID, list[Location]]:
    """Return the locations of datasets; an empty list for those without."""
    wanted = list(ids)
    found: dict[UUID, list[Location]] = {id: [] for id in wanted}
    by_bytes = {id.bytes: locations for id, locations in found.items()}
    for dataset_id, *fields in _read(db, schema, list(by_bytes)):
        by_bytes[dataset_id].append(tuple(fields))
    return found


def location_columns(db: Database, schema: Schema, ids: Ids) -> tuple[np.ndarray[Any, Any], list[Location]]:
    """Return locations in bulk.

    Parameters
    ----------
    db, schema
        Where.
    ids : `numpy.ndarray`, shape (n, 16), uint8
        Datasets.

    Returns
    -------
    index : `numpy.ndarray`, int64
        For each location, which of ``ids`` it is of; ascending.
    locations : `list` [`tuple`]
        Values in the order of `LOCATION_FIELDS`.
    """
    values = to_bytes(ids)
    position = {value: i for i, value in enumerate(values)}
    rows = _read(db, schema, values)
    import numpy as np

    index = np.array([position[row[0]] for row in rows], dtype=np.int64)
    order = np.argsort(index, kind="stable")
    return index[order], [rows[i][1:] for i in order.tolist()]


def remove_locations(db: Database, schema: Schema, ids: AnyIds) -> None:
    """Forget where the bytes of datasets are."""
    table = schema.dataset_location
    values = to_bytes(ids)
    with db.transaction():
        for start in range(0, len(values), 500):
            db.execute(table.delete().where(table.c.dataset_id.in_(values[start : start + 500])))


def paths_in_use(db: Database, schema: Schema, store: str, paths: Iterable[str]) -> set[str]:
    """Return the files, of some paths of a store, that still hold a dataset, whole or in a part.

    A path that ends in ``#part`` asks for all parts of its file, and any other for the file as a whole.
    """
    table = schema.dataset_location
    files = {path for path in paths if "#" not in path}
    of_parts = {path.partition("#")[0] for path in paths} - files
    of_store = table.c.store == store
    keys = [(path,) for path in files | of_parts]
    rows = rows_by_keys(db, [table.c.store, table.c.path], [table.c.path], keys)
    found = {path for of, path in rows if of == store}
    for file in of_parts - found:
        # All that begins with the file's name and "#": "$" is the character after it.
        part = select(table.c.path).where(of_store, table.c.path >= f"{file}#", table.c.path < f"{file}$")
        if db.fetch(part.limit(1)):
            found.add(file)
    return found


def locations_of_run(db: Database, schema: Schema, run_id: int) -> list[tuple[UUID, Location]]:
    """Return dataset ids and locations of all datasets of a run, those without location left out."""
    d, location = schema.dataset, schema.dataset_location
    query = (
        select(location.c.dataset_id, *(location.c[name] for name in LOCATION_FIELDS))
        .join_from(d, location, d.c.id == location.c.dataset_id)
        .where(d.c.run_id == run_id)
    )
    return [(UUID(bytes=id), tuple(fields)) for id, *fields in db.fetch(query)]


def stream_locations(
    db: Database, schema: Schema, run_id: int | None = None
) -> Iterator[tuple[UUID, str, Location]]:
    """Yield dataset id, name of its run and location of all datasets, or those of one run, by path."""
    d, location, run = schema.dataset, schema.dataset_location, schema.collection
    query = (
        select(location.c.dataset_id, run.c.name, *(location.c[name] for name in LOCATION_FIELDS))
        .join_from(location, d, d.c.id == location.c.dataset_id)
        .join(run, run.c.id == d.c.run_id)
        .order_by(location.c.path, location.c.offset)
    )
    if run_id is not None:
        query = query.where(d.c.run_id == run_id)
    for rows in db.stream(query):
        for id, name, *fields in rows:
            yield UUID(bytes=bytes(id)), name, tuple(fields)


def count_datasets(db: Database, schema: Schema, run_id: int) -> dict[str, int]:
    """Return how many datasets of each type a run holds."""
    d, t = schema.dataset, schema.dataset_type
    query = (
        select(t.c.name, func.count())
        .join_from(d, t, d.c.dataset_type_id == t.c.id)
        .where(d.c.run_id == run_id)
        .group_by(t.c.name)
        .order_by(t.c.name)
    )
    return {name: int(n) for name, n in db.fetch(query)}


def _read(db: Database, schema: Schema, ids: list[bytes]) -> list[tuple[Any, ...]]:
    table = schema.dataset_location
    if len(ids) == 1:  # what each get asks: half of its time would go into making the statement
        return db.fetch(db.prepared("locations of one dataset", partial(_select_one, table)), {"id": ids[0]})
    columns = _columns(table)
    if len(ids) >= _MANY:
        (n_rows,) = db.fetch(select(func.count()).select_from(table))[0]
        if n_rows <= _SHARE * len(ids):
            wanted = set(ids)
            return [row for page in db.stream(select(*columns)) for row in page if row[0] in wanted]
    return rows_by_keys(db, columns, [table.c.dataset_id], [(id,) for id in ids])


def _columns(table: Table) -> list[ColumnElement[Any]]:
    return [table.c.dataset_id, *(table.c[name] for name in LOCATION_FIELDS)]


def _select_one(table: Table) -> Select[Any]:
    return select(*_columns(table)).where(
        table.c.dataset_id == bindparam("id", type_=table.c.dataset_id.type)
    )
