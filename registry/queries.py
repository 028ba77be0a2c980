"""The read side of the registry: relations as columns for graph building, objects for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from registry.collections.facade import Collections
from registry.database import Database
from registry.dataset_ref import DatasetRef
from registry.dataset_type import DatasetType
from registry.datasets.find import Array, DatasetColumns, DatasetFinder, Names
from registry.datasets.search import search
from registry.datasets.types import DatasetTypes
from registry.dimensions.coordinate import DataCoordinate
from registry.dimensions.group import DimensionGroup
from registry.dimensions.record import DimensionRecord
from registry.dimensions.universe import DimensionUniverse
from registry.query.regions import resolve
from registry.query.select import data_id_select, dataset_select, record_select
from registry.query.tree import Predicate, all_of, conjuncts
from registry.query.where import Where, constrain, dimensions_of, interpret, missing_governors
from registry.records.lookup import DimensionRecords, record_of
from registry.schema.schema import Schema

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
        group = self.universe.conform(dimensions)
        predicate = self._predicate(group, where, bind, data_id)
        columns = self._db.fetch_columns(data_id_select(self._schema, group, predicate))
        return {name: columns[name] for name in group.keys}

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
        group = self.universe.conform(dimensions or ())
        predicate = self._constrained(group, interpret(where, dimensions=group, bind=bind, data_id=data_id))
        parts = conjuncts(predicate)
        result = []
        for part in parts:
            own = dimensions_of(part, self.universe)
            # A visit means nothing without its instrument, which another condition may name.
            lacking = set(missing_governors(part, own))
            others = [other for other in parts if lacking & self._governors_named(other)]
            whole = all_of([part, *others])
            result.append(WherePart(dimensions_of(whole, self.universe) if own else group, whole, str(part)))
        return result

    def _governors_named(self, predicate: Predicate) -> set[str]:
        governors = dimensions_of(predicate, self.universe).governors
        return set(governors).difference(missing_governors(predicate, self.universe.empty))

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
        name = entry.dataset_type.name
        predicate = self._predicate(group, where, bind, data_id, datasets=[name])
        searched = [c for c in self._finder.candidates(entry, collections, {}) if c.kind != "CALIBRATION"]
        if not searched:
            return self._finder.as_columns(group.required, [])
        statement = dataset_select(
            self._schema,
            group,
            entry.id,
            entry.group_id,
            [c.id for c in searched],
            predicate,
            runs_only=all(c.kind == "RUN" for c in searched),
        )
        return self._finder.as_columns(group.required, self._db.fetch(statement))

    # Objects

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
        group = self.universe.conform(dimensions)
        predicate = self._predicate(group, where, bind, data_id)
        rows = self._db.fetch(data_id_select(self._schema, group, predicate, order_by=order_by, limit=limit))
        found = [DataCoordinate.from_full(group, tuple(row) if group.keys else ()) for row in rows]
        return [self._records.expand(each) for each in found] if with_records else found

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
        definition = self.universe[element]
        predicate = self._predicate(definition.dimensions, where, bind, data_id)
        statement = record_select(self._schema, definition, predicate, order_by=order_by, limit=limit)
        return [record_of(definition, row) for row in self._db.fetch(statement)]

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
        """Return datasets of one type, each once.

        Parameters
        ----------
        dataset_type : `str` or `DatasetType`
            A registered one.
        collections : `str` or sequence of `str`
            Where to search, in order. Of CALIBRATION collections all datasets are found, whenever valid.
        find_first : `bool`, optional
            Whether a dataset hides those of the same data ID in later RUN and TAGGED collections.
        where, bind, data_id
            What restricts the datasets.
        order_by : sequence of `str`, optional
            Names of dimensions or metadata, ``-`` before those to sort by in descending order.
        limit : `int`, optional
            Maximum number.
        with_records : `bool`, optional
            Whether the data IDs hold implied values and dimension records.
        """
        entry = self._types.entry(dataset_type)
        group = entry.dataset_type.dimensions
        predicate = self._predicate(group, where, bind, data_id, datasets=[entry.dataset_type.name])
        refs = []
        for *values, id, run_id in search(
            self._db,
            self._schema,
            self._finder,
            entry,
            collections,
            predicate,
            find_first=find_first,
            order_by=order_by,
            limit=limit,
        ):
            coordinate = DataCoordinate.from_required(group, tuple(values))
            if with_records:
                coordinate = self._records.expand(coordinate)
            run = self.collections.name_of(run_id)
            refs.append(DatasetRef(entry.dataset_type, coordinate, run, id=UUID(bytes=id)))
        return refs

    def _predicate(
        self,
        group: DimensionGroup,
        where: Where,
        bind: Binds | None,
        data_id: Mapping[str, Any] | None,
        datasets: Sequence[str] = (),
    ) -> Predicate:
        """Return one condition of all that a caller says, ready for SQL."""
        said = interpret(where, dimensions=group, bind=bind, data_id=data_id, datasets=datasets)
        return resolve(self._constrained(group, said), self._schema, self._db.fetch)

    def _constrained(self, group: DimensionGroup, predicate: Predicate) -> Predicate:
        """Return a condition that also names the governor dimensions which have one value only."""
        only = {}
        for name in missing_governors(predicate, group):
            values = self._governor_values(name)
            if len(values) == 1:
                only[name] = values[0]
        return constrain(predicate, group, only)

    def _governor_values(self, name: str) -> list[Any]:
        column = self._schema.element_table(name).c[name]
        statement = self._db.prepared(("governor", name), lambda: select(column).limit(2))
        return [row[0] for row in self._db.fetch(statement)]
