"""TAGGED: a selection of datasets of any runs, at most one per dataset type and data ID."""

from __future__ import annotations

from sqlalchemy import Table

from registry.collections.base import CollectionKind
from registry.dataset_type import DatasetType
from registry.schema.schema import Schema


class TaggedKind(CollectionKind):
    """Holds what is associated with it."""

    name = "TAGGED"

    def may_contain(self, dataset_type: DatasetType) -> bool:
        """Any dataset."""
        return True

    def member_table(self, schema: Schema, group_id: int) -> Table | None:
        """The table without validity ranges."""
        return schema.dataset_table(group_id)
