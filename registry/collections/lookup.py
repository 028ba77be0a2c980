"""Reading collections: by name, by pattern, and resolved to the order in which they are searched."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from sqlalchemy import bindparam, select

from registry.arguments import checked
from registry.collections.base import CollectionInfo, Kind
from registry.collections.chained import flatten
from registry.collections.summary import Summaries
from registry.database import Database
from registry.dataset_type import DatasetType
from registry.datasets.types import DatasetTypes
from registry.errors import CollectionTypeError, MissingCollectionError
from registry.patterns import as_names, is_glob, matching
from registry.schema.schema import Schema
from registry.suggest import suggest


class CollectionLookup:
    """What can be asked about collections.

    Parameters
    ----------
    db : `Database`
        Where they are.
    schema : `Schema`
        Their tables.
    types : `DatasetTypes`
        The registered dataset types.
    """

    def __init__(self, db: Database, schema: Schema, types: DatasetTypes) -> None:
        self._db = db
        self._schema = schema
        self._types = types
        self.summaries = Summaries(db, schema)

    def get_info(self, name: str) -> CollectionInfo:
        """Return what is known about a collection."""
        checked(name, str, "name of a collection")
        found = self._find(name)
        if found is None:
            hint = suggest(name, self._names())
            raise MissingCollectionError(f"No collection {name!r} in {self._db.url}{hint}")
        return found

    def _find(self, name: str) -> CollectionInfo | None:
        return self._db.cached("collections", name, lambda: self._read(name))

    def _read(self, name: str) -> CollectionInfo | None:
        table, chain = self._schema.collection, self._schema.collection_chain
        statement = self._db.prepared(
            "collection by name",
            lambda: select(table.c.id, table.c.kind, table.c.doc).where(table.c.name == bindparam("name")),
        )
        rows = self._db.peek(statement, {"name": name})
        if not rows:
            return None
        id, kind, doc = rows[0]
        children = (
            select(table.c.name)
            .join_from(chain, table, chain.c.child_id == table.c.id)
            .where(chain.c.parent_id == id)
            .order_by(chain.c.position)
        )
        names = [row[0] for row in self._db.fetch(children)] if kind == "CHAINED" else ()
        return CollectionInfo(name, kind, doc, tuple(names), id)

    def name_of(self, id: int) -> str:
        """Return the name of the collection with a number of the database."""
        table = self._schema.collection
        return self._db.cached(
            "collections", id, lambda: str(self._db.fetch(select(table.c.name).where(table.c.id == id))[0][0])
        )

    def _names(self) -> list[str]:
        table = self._schema.collection
        return [row[0] for row in self._db.fetch(select(table.c.name).order_by(table.c.name))]

    def parents(self, name: str) -> list[str]:
        """Return the names of the chains that hold a collection."""
        table, chain = self._schema.collection, self._schema.collection_chain
        query = (
            select(table.c.name)
            .join_from(chain, table, chain.c.parent_id == table.c.id)
            .where(chain.c.child_id == self.get_info(name).id)
            .order_by(table.c.name)
            .distinct()
        )
        return [row[0] for row in self._db.fetch(query)]

    def query(
        self,
        patterns: str | Iterable[str] = "*",
        *,
        kinds: Iterable[str] | None = None,
        flatten_chains: bool = False,
        include_chains: bool = True,
    ) -> list[str]:
        """Return the names of the collections that match glob patterns.

        Parameters
        ----------
        patterns : `str` or iterable of `str`
            Names with ``*``, ``?``, ``[…]``; the result is ordered by pattern, then by name. A name without
            these characters must exist.
        kinds : iterable of `str`, optional
            Only collections of these kinds.
        flatten_chains : `bool`, optional
            Whether a chain is followed by what it holds, in the order of search.
        include_chains : `bool`, optional
            Whether chains themselves are returned.
        """
        wanted = None if kinds is None else set(as_names(kinds))
        for kind in wanted or ():
            if kind not in get_args(Kind):
                raise CollectionTypeError(
                    f"{kind!r} is no kind of collection; there are {', '.join(get_args(Kind))}."
                )
        found: dict[str, None] = {}
        for name in self._expand(patterns):
            found[name] = None
            if flatten_chains:
                found |= dict.fromkeys(self._below(name))
        if wanted is None and include_chains:
            return list(found)
        kept = []
        for name in found:
            kind = self.get_info(name).kind
            if (wanted is None or kind in wanted) and (include_chains or kind != "CHAINED"):
                kept.append(name)
        return kept

    def _below(self, name: str) -> list[str]:
        names: dict[str, None] = {}
        for child in self.get_info(name).children:
            names |= dict.fromkeys([child, *self._below(child)])
        return list(names)

    def _expand(self, names: str | Iterable[str]) -> list[str]:
        """Return names with their glob patterns replaced by what matches them."""
        found: dict[str, None] = {}
        for name in as_names(names):
            if is_glob(name):
                found |= dict.fromkeys(matching(name, self._names()))
            else:
                found[self.get_info(name).name] = None
        return list(found)

    def resolve(self, names: str | Iterable[str]) -> list[CollectionInfo]:
        """Return the collections to search, chains replaced by what they hold, each once, in order.

        Raises
        ------
        MissingCollectionError
            If a name is unknown.
        """
        key = as_names(names)
        return self._db.cached(
            "collections", ("resolved", key), lambda: flatten(self._expand(key), self.get_info)
        )

    def dataset_types(self, names: str | Iterable[str]) -> list[DatasetType]:
        """Return the dataset types that some of the collections may hold, by name."""
        ids = self.summaries.dataset_types(self.resolve(names))
        return sorted(self._types.by_id(id).dataset_type for id in ids)
