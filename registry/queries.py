"""The read side of the registry: relations as columns for graph building, objects for people."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from registry.collections.facade import Collections
from registry.database import Database
from registry.datasets.find import Array, DatasetFinder
from registry.datasets.types import DatasetTypes
from registry.dimensions.universe import DimensionUniverse
from registry.schema.schema import Schema


class Queries:
    """Queries over dimensions and datasets; the parts that they ask are set by `Registry`."""

    universe: DimensionUniverse
    collections: Collections
    _db: Database
    _schema: Schema
    _types: DatasetTypes
    _finder: DatasetFinder

    def element_columns(self, element: str, *, names: Iterable[str] | None = None) -> dict[str, Array]:
        """Return columns of all records of an element.

        Parameters
        ----------
        element : `str`
            The element.
        names : iterable of `str`, optional
            Columns; by default the dimensions that it requires and implies, and begin and end if it has any.
        """
        definition = self.universe[element]
        if names is None:
            names = definition.required + (() if definition.view_of else definition.implied)
            if definition.temporal:
                names += ("timespan_begin", "timespan_end")
        table = self._schema.element_table(definition.name)
        return self._db.fetch_columns(select(*(table.c[name] for name in names)))

    def overlap_columns(self, a: str, b: str) -> dict[str, Array]:
        """Return the required dimensions of all records of two elements whose regions overlap."""
        return self._db.fetch_columns(select(*self._schema.overlap_table(a, b).c))
