"""The contract of a collection kind: what it may contain, where its members are, what goes with it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from sqlalchemy import Select, Table, select

from registry.database import Database
from registry.dataset_type import DatasetType
from registry.datasets.types import TypeEntry
from registry.errors import OrphanedRecordError
from registry.schema.schema import Schema

Kind = Literal["RUN", "TAGGED", "CHAINED", "CALIBRATION"]


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """A collection as users see it.

    Attributes
    ----------
    name : `str`
        Unique in the repository.
    kind : `str`
        ``RUN``, ``TAGGED``, ``CHAINED`` or ``CALIBRATION``.
    doc : `str`
        What it is for.
    children : `tuple` [`str`]
        Members of a chain, in the order of search; empty for other kinds.
    id : `int`
        Its number in the database.
    """

    name: str
    kind: Kind
    doc: str = ""
    children: tuple[str, ...] = ()
    id: int = -1


class CollectionKind(ABC):
    """What differs between kinds of collections."""

    name: ClassVar[Kind]

    def on_register(self, db: Database, schema: Schema, collection: CollectionInfo) -> None:  # noqa: B027
        """Add rows that the kind needs beside that of the collection; none by default."""

    @abstractmethod
    def may_contain(self, dataset_type: DatasetType) -> bool:
        """Return whether existing datasets of a type may be added to a collection of this kind."""

    @abstractmethod
    def member_table(self, schema: Schema, group_id: int) -> Table | None:
        """Return the table of its members of a dimension group, or `None` if it has none of its own."""

    def member_query(
        self, schema: Schema, collection: CollectionInfo, entry: TypeEntry
    ) -> Select[tuple[bytes]] | None:
        """Return the select of the ids of its members of a type, or `None` if it has none of its own."""
        table = self.member_table(schema, entry.group_id)
        if table is None:
            return None
        return select(table.c.dataset_id).where(
            table.c.collection_id == collection.id, table.c.dataset_type_id == entry.id
        )

    def on_remove(
        self, db: Database, schema: Schema, collection: CollectionInfo, entries: list[TypeEntry]
    ) -> None:
        """Remove the members, of the dataset types that the collection may hold, before the collection."""
        for group_id in {entry.group_id for entry in entries}:
            table = self.member_table(schema, group_id)
            if table is not None:
                db.execute(table.delete().where(table.c.collection_id == collection.id))


def refuse_if_any(db: Database, query: Select[tuple[bytes]], message: str) -> None:
    """Raise `OrphanedRecordError` if a select finds a row."""
    if db.fetch(query.limit(1)):
        raise OrphanedRecordError(message)
