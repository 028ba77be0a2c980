"""RUN: where datasets are put; each dataset is in exactly one, for its whole life."""

from __future__ import annotations

from sqlalchemy import Table, select

from registry.collections.base import CollectionInfo, CollectionKind, refuse_if_any
from registry.database import Database
from registry.dataset_type import DatasetType
from registry.datasets.types import TypeEntry
from registry.schema.schema import Schema


class RunKind(CollectionKind):
    """Holds the datasets that were made in it."""

    name = "RUN"

    def on_register(self, db: Database, schema: Schema, collection: CollectionInfo) -> None:
        """Add the row for what is known about the run."""
        db.insert(schema.run, ("collection_id",), [(collection.id,)])

    def may_contain(self, dataset_type: DatasetType) -> bool:
        """No dataset that exists already: each is put in one run, once."""
        return False

    def member_table(self, schema: Schema, group_id: int) -> Table | None:
        """The table without validity ranges."""
        return schema.dataset_table(group_id)

    def on_remove(
        self, db: Database, schema: Schema, collection: CollectionInfo, entries: list[TypeEntry]
    ) -> None:
        """Refuse if there are datasets: a collection is removed, never a dataset."""
        datasets = schema.dataset
        refuse_if_any(
            db,
            select(datasets.c.id).where(datasets.c.run_id == collection.id),
            f"RUN {collection.name!r} has datasets; to remove them with it: butler remove-runs",
        )
        super().on_remove(db, schema, collection, entries)
