"""Summaries: which dataset types and governor values a collection may hold, so that searches skip the others.

A summary is never too small; removals may leave it too large.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, Table, bindparam, select

from registry.collections.base import CollectionInfo
from registry.database import Database
from registry.schema.schema import Schema

_CHUNK = 1000  # collections named in one select


class Summaries:
    """Reads and extends the summaries.

    Parameters
    ----------
    db : `Database`
        Where they are.
    schema : `Schema`
        Their tables.
    """

    def __init__(self, db: Database, schema: Schema) -> None:
        self._db = db
        self._schema = schema

    def extend(self, collection_id: int, type_id: int, governors: Mapping[str, Iterable[Any]]) -> None:
        """Add a dataset type and governor values; what is known already costs no statement."""
        types = self._types((collection_id,))[collection_id]
        if type_id not in types:
            self._db.insert(
                self._schema.collection_summary,
                ("collection_id", "dataset_type_id"),
                [(collection_id, type_id)],
                "skip",
            )
            self._db.changed("summary")
        known = self._governors((collection_id,))[collection_id]
        new = [
            (collection_id, name, value)
            for name, values in governors.items()
            for value in set(values)
            if (name, value) not in known
        ]
        if new:
            self._db.insert(
                self._schema.collection_summary_governor, ("collection_id", "governor", "value"), new, "skip"
            )
            self._db.changed("summary")

    def may_hold(
        self, collections: Sequence[CollectionInfo], type_id: int, governors: Mapping[str, Any]
    ) -> list[CollectionInfo]:
        """Return the collections that may hold a dataset type for the given governor values."""
        self._db.settle()
        ids = tuple([c.id for c in collections])
        types = self._types(ids)
        holding = [c for c in collections if type_id in types[c.id]]
        if not governors or not holding:
            return holding
        values = self._governors(tuple([c.id for c in holding]))
        wanted = set(governors.items())
        return [c for c in holding if wanted <= values[c.id]]

    def may_hold_type(self, collection: CollectionInfo, type_id: int) -> bool:
        """Return whether a collection may hold a dataset type; of what is deferred, nothing counts."""
        return type_id in self._types((collection.id,))[collection.id]

    def dataset_types(self, collections: Sequence[CollectionInfo]) -> set[int]:
        """Return the numbers of all dataset types that some of the collections may hold."""
        self._db.settle()
        types = self._types(tuple([c.id for c in collections]))
        return set().union(*types.values())

    def _types(self, ids: tuple[int, ...]) -> dict[int, set[int]]:
        return self._db.cached("summary", ("types", ids), lambda: self._read_types(ids))

    def _governors(self, ids: tuple[int, ...]) -> dict[int, set[tuple[str, Any]]]:
        return self._db.cached("summary", ("governors", ids), lambda: self._read_governors(ids))

    def _read_types(self, ids: tuple[int, ...]) -> dict[int, set[int]]:
        table = self._schema.collection_summary
        found: dict[int, set[int]] = {id: set() for id in ids}
        for id, type_id in self._read(table, (table.c.dataset_type_id,), ids):
            found[id].add(type_id)
        return found

    def _read_governors(self, ids: tuple[int, ...]) -> dict[int, set[tuple[str, Any]]]:
        table = self._schema.collection_summary_governor
        found: dict[int, set[tuple[str, Any]]] = {id: set() for id in ids}
        for id, name, value in self._read(table, (table.c.governor, table.c.value), ids):
            found[id].add((name, value))
        return found

    def _read(
        self, table: Table, columns: Sequence[ColumnElement[Any]], ids: tuple[int, ...]
    ) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(ids), _CHUNK):
            some = ids[start : start + _CHUNK]
            n = 1 << (len(some) - 1).bit_length()  # few shapes: filled up with the last one
            statement = self._db.prepared((table.name, n), partial(_select_of, table, columns, n))
            values = some + some[-1:] * (n - len(some))
            yield from self._db.peek(statement, {f"c_{i}": id for i, id in enumerate(values)})


def _select_of(table: Table, columns: Sequence[ColumnElement[Any]], n: int) -> Select[Any]:
    """Return the select of the rows of n collections."""
    ids = [bindparam(f"c_{i}", type_=Integer) for i in range(n)]
    return select(table.c.collection_id, *columns).where(table.c.collection_id.in_(ids))
