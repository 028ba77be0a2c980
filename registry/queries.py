"""The read side of the registry: relations as columns for graph building, objects for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from registry.collections.facade import Collections
from registry.columns import as_array
from registry.database import Database
from registry.dataset_ref import DatasetRef
from registry.dataset_type import DatasetType
from registry.datasets.find import Array, DatasetColumns, DatasetFinder, Names
from registry.datasets.types import DatasetTypes
from registry.dimensions.coordinate import DataCoordinate
from registry.dimensions.group import DimensionGroup
from registry.dimensions.record import DimensionRecord
from registry.dimensions.universe import DimensionUniverse
from registry.records.lookup import DimensionRecords
from registry.schema.schema import Schema

if TYPE_CHECKING:
    from registry.query.query import Query
    from registry.query.tree import Predicate
    from registry.query.where import Where

Binds = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WherePart:
    """A condition that must hold whatever the others say, and the dimensions that it depends on.

    Attributes
    ----------
    dimensions : `DimensionGroup`
        What it depends on.
    where : condition
        The condition; with what is said about the governor dimensions that it needs.
    text : `str`
        What the user said.
    """

    dimensions: DimensionGroup
    where: Predicate
    text: str


class Queries:
    """Queries over dimensions and datasets; the parts that they ask are set by `Registry`."""

    universe: DimensionUniverse
    collections: Collections
    _db: Database
    _schema: Schema
    _types: DatasetTypes
    _finder: DatasetFinder
    _records: DimensionRecords

    # Columns

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

    def data_id_columns(
        self,
        dimensions: DimensionGroup | Iterable[str],
        *,
        where: Where = None,
        bind: Binds | None = None,
        data_id: Mapping[str, Any] | None = None,
    ) -> dict[str, Array]:
        """Return the distinct data IDs of some dimensions, implied values included, as columns."""
        with self.query() as query:
            found = query.data_ids(dimensions).where(where, data_id, bind=bind)
            statement = found.statement()
        names = found.dimensions.keys
        if statement is None:
            return {name: as_array(()) for name in names}
        columns = self._db.fetch_columns(statement)
        return {name: columns[name] for name in names}

    def split_where(
        self,
        where: Where,
        bind: Binds | None = None,
        *,
        data_id: Mapping[str, Any] | None = None,
        dimensions: DimensionGroup | Iterable[str] | None = None,
    ) -> list[WherePart]:
        """Return the conditions of a query that must all hold, each to be asked alone.

        Parameters
        ----------
        where, bind, data_id
            The query, as for the other methods.
        dimensions : `DimensionGroup` or names, optional
            Dimensions of the query, for names that are not qualified.
        """
        from registry.query.where import dimensions_of, independent

        with self.query() as query:
            found = query.data_ids(dimensions or ()).where(where, data_id, bind=bind)
            predicate = found.source.constrained(found.spec)
        result = []
        for part, whole in independent(predicate, self.universe):
            own = dimensions_of(part, self.universe) or found.dimensions
            result.append(WherePart(dimensions_of(whole, self.universe) | own, whole, str(part)))
        return result

    def find_dataset_columns(
        self,
        dataset_type: str | DatasetType,
        collections: Names,
        *,
        where: Where = None,
        bind: Binds | None = None,
        data_id: Mapping[str, Any] | None = None,
    ) -> DatasetColumns:
        """Return, for each data ID, the dataset that a search of RUN and TAGGED collections meets first.

        Parameters
        ----------
        dataset_type : `str` or `DatasetType`
            A registered one.
        collections : `str` or sequence of `str`
            Where to search, in order; CALIBRATION collections are passed over.
        where, bind, data_id
            What restricts the data IDs.
        """
        entry = self._types.entry(dataset_type)
        group = entry.dataset_type.dimensions
        if not where and set(data_id or ()) <= set(group.required):
            return self._finder.columns(entry, collections, data_id or {})
        names = [c.name for c in self._finder.candidates(entry, collections, {}) if c.kind != "CALIBRATION"]
        with self.query() as query:
            found = query.datasets(dataset_type, names).where(where, data_id, bind=bind)
            statement = found.statement()
        return self._finder.as_columns(group.required, [] if statement is None else self._db.fetch(statement))

    # Objects

    @contextmanager
    def query(
        self,
        *,
        default_collections: Callable[[str | None], Sequence[str]] | None = None,
        default_data_id: Mapping[str, Any] | None = None,
        check_values: bool = True,
    ) -> Iterator[Query]:
        """Return a context in which a `Query` can be built and asked; afterwards, what it stored is removed.

        Parameters
        ----------
        default_collections : callable, optional
            Returns what is searched where the query names no collections, given the instrument if known.
        default_data_id : mapping, optional
            Values of governor dimensions that the query does not name.
        check_values : `bool`, optional
            Whether conditions may only name values of governor dimensions that there are.
        """
        from registry.query.query import Query
        from registry.query.source import Source, Spec

        source = Source(self, default_collections, default_data_id, check_values=check_values)
        try:
            yield Query(source, Spec(self.universe.empty))
        finally:
            source.close()

    def query_data_ids(
        self,
        dimensions: DimensionGroup | Iterable[str],
        *,
        where: Where = None,
        bind: Binds | None = None,
        data_id: Mapping[str, Any] | None = None,
        order_by: Sequence[str] = (),
        limit: int | None = None,
        with_records: bool = False,
    ) -> list[DataCoordinate]:
        """Return the data IDs of some dimensions, with implied values, and with records if wanted."""
        with self.query() as query:
            found = query.data_ids(dimensions).where(where, data_id, bind=bind)
            found = found.order_by(*order_by).limit(limit)
            return list(found.with_dimension_records() if with_records else found)

    def query_dimension_records(
        self,
        element: str,
        *,
        where: Where = None,
        bind: Binds | None = None,
        data_id: Mapping[str, Any] | None = None,
        order_by: Sequence[str] = (),
        limit: int | None = None,
    ) -> list[DimensionRecord]:
        """Return records of an element."""
        with self.query() as query:
            found = query.dimension_records(element).where(where, data_id, bind=bind)
            return list(found.order_by(*order_by).limit(limit))

    def query_datasets(
        self,
        dataset_type: str | DatasetType,
        collections: Names,
        *,
        find_first: bool = True,
        where: Where = None,
        bind: Binds | None = None,
        data_id: Mapping[str, Any] | None = None,
        order_by: Sequence[str] = (),
        limit: int | None = None,
        with_records: bool = False,
    ) -> list[DatasetRef]:
        """Return datasets of one type, each once; see `Query.datasets` and the methods of its results."""
        with self.query() as query:
            found = query.datasets(dataset_type, collections, find_first=find_first)
            found = found.where(where, data_id, bind=bind).order_by(*order_by).limit(limit)
            return list(found.with_dimension_records() if with_records else found)
