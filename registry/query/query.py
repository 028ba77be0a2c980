"""Query: what is joined and demanded so far; made by `Butler.query`, it grows by copies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import TYPE_CHECKING, Any

from registry.arguments import all_checked, checked
from registry.dataset_type import DatasetType
from registry.dimensions.coordinate import DataCoordinate
from registry.dimensions.group import DimensionGroup
from registry.errors import InvalidQueryError
from registry.patterns import as_names
from registry.query.explain import reasons
from registry.query.factory import ExpressionFactory
from registry.query.general_results import GeneralQueryResults
from registry.query.join import given_relation
from registry.query.names import Names
from registry.query.result_kinds import (
    DataCoordinateQueryResults,
    DatasetRefQueryResults,
    DimensionRecordQueryResults,
)
from registry.query.source import DatasetJoin, Source, Spec
from registry.query.tree import Column, Span
from registry.query.where import interpret

if TYPE_CHECKING:
    from astropy.table import Table

Dimensions = DimensionGroup | Iterable[str] | str


@dataclass(frozen=True)
class Query:
    """A query under construction: each method returns a new one, or results.

    Nothing is asked of the database until results are iterated, counted or tested.

    Attributes
    ----------
    source : `Source`
        What is asked.
    spec : `Spec`
        What is joined and demanded so far.
    """

    source: Source
    spec: Spec

    @property
    def constraint_dimensions(self) -> DimensionGroup:
        """Dimensions of all that is joined or named in conditions."""
        return self.spec.dimensions

    @property
    def constraint_dataset_types(self) -> set[str]:
        """Names of the dataset types whose existence is demanded."""
        return {each.dataset_type.name for each in self.spec.datasets}

    @property
    def expression_factory(self) -> ExpressionFactory:
        """Makes conditions and terms of `order_by` from Python's operators.

        As in ``x = query.expression_factory; query.where(x.visit.exposure_time > 30, x.any(x.band == "g",
        x.band == "r"))``.
        """
        return ExpressionFactory()

    # Joining

    def join_dimensions(self, dimensions: Dimensions) -> Query:
        """Return the query with more dimensions."""
        return replace(self, spec=self.spec.joined(self._group(dimensions)))

    def join_dataset_search(
        self, dataset_type: str | DatasetType, collections: str | Iterable[str] | None = None
    ) -> Query:
        """Return the query for what datasets of a type exist for.

        Parameters
        ----------
        dataset_type : `str` or `DatasetType`
            A registered one, no component.
        collections : `str` or iterable of `str`, optional
            Where to search; patterns with ``*`` are expanded. The butler's collections by default.

        Raises
        ------
        InvalidQueryError
            If the query has a search for that dataset type already, elsewhere.
        """
        registered = self.source.types.entry(dataset_type).dataset_type
        name = registered.name
        made = DatasetJoin(registered, None if collections is None else as_names(collections))
        if made.collections is not None:
            self.source.registry.collections.resolve(made.collections)  # an unknown name is told at once
        before = {each.dataset_type.name: each for each in self.spec.datasets}
        if name in before:
            if collections is None or made == before[name]:
                return self
            raise InvalidQueryError(f"The query searches for {name!r} in other collections already")
        spec = replace(self.spec.joined(registered.dimensions), datasets=(*self.spec.datasets, made))
        return replace(self, spec=spec)

    def join_data_coordinates(self, iterable: Iterable[DataCoordinate | Mapping[str, Any]]) -> Query:
        """Return the query for some data IDs only, all of the same dimensions.

        Raises
        ------
        InvalidQueryError
            If there are none, or they are of several dimensions.
        """
        universe = self.source.universe
        if not isinstance(iterable, Iterable) or isinstance(iterable, str | Mapping):
            raise InvalidQueryError(f"{iterable!r} is no list of data IDs")
        found = [DataCoordinate.standardize(each, universe=universe) for each in iterable]
        groups = {each.dimensions for each in found}
        if len(groups) != 1:
            shown = " and ".join(sorted(map(str, groups)))
            raise InvalidQueryError(f"Data IDs are of {shown}" if groups else "There are no data IDs to join")
        (group,) = groups
        if not group.required:
            return self
        rows = list(dict.fromkeys(each.values_tuple for each in found))
        given = (*self.spec.given, given_relation(rows, group))
        return replace(self, spec=replace(self.spec.joined(group), given=given))

    def join_data_coordinate_table(self, table: Table) -> Query:
        """Return the query for the data IDs in the rows of a table only; its columns are dimensions."""
        names = list(table.colnames)
        rows = zip(*(table[name].tolist() for name in names), strict=True)
        return self.join_data_coordinates(dict(zip(names, row, strict=True)) for row in rows)

    def where(self, *args: Any, bind: Mapping[str, Any] | None = None, **kwargs: Any) -> Query:
        """Return the query with further conditions, all of which must hold.

        Parameters
        ----------
        *args : `str`, mapping or condition
            Expressions, data IDs, and what `expression_factory` makes.
        bind : mapping, optional
            Values of the names that expressions write as ``:name``.
        **kwargs
            Values of dimensions.

        Raises
        ------
        InvalidQueryError
            If an expression is wrong.
        DataIdError, UnknownDimensionError
            If a data ID is.
        """
        predicate = interpret(
            args,
            dimensions=self.spec.dimensions,
            bind=bind,
            data_id=kwargs,
            datasets=self.constraint_dataset_types,
            known=self.source.values_for_conditions,
        )
        return replace(self, spec=self.spec.restricted(predicate))

    def materialize(
        self, *, dimensions: Dimensions | None = None, datasets: Iterable[str] | None = None
    ) -> Query:
        """Ask the database now, keep the data IDs in a temporary table, and return a query for these.

        Parameters
        ----------
        dimensions : `DimensionGroup` or names, optional
            Dimensions to keep; all by default.
        datasets : iterable of `str`, optional
            Dataset types to keep in the new query; all by default.
        """
        group = self.spec.dimensions if dimensions is None else self._group(dimensions)
        kept = self.constraint_dataset_types if datasets is None else set(datasets)
        joins = tuple(each for each in self.spec.datasets if each.dataset_type.name in kept)
        if unknown := kept.difference(each.dataset_type.name for each in joins):
            raise InvalidQueryError(f"The query does not search for {', '.join(sorted(unknown))}")
        for each in joins:
            if not each.dataset_type.dimensions <= group:
                raise InvalidQueryError(f"{group} does not hold the dimensions of {each.dataset_type.name!r}")
        if not group.required:
            return replace(self, spec=replace(self.spec, dimensions=group))
        plan = self.source.plan(self.spec.joined(group))
        statement = None if plan is None else self.source.select(plan, group, implied=False)
        return replace(self, spec=Spec(group, datasets=joins, given=(self.source.store(statement, group),)))

    # Results

    def data_ids(self, dimensions: Dimensions | None = None) -> DataCoordinateQueryResults:
        """Return the data IDs of some dimensions (by default all of the query), each once."""
        group = self.spec.dimensions if dimensions is None else self._group(dimensions)
        return DataCoordinateQueryResults(source=self.source, spec=self.spec.joined(group), group=group)

    def dimension_records(self, element: str) -> DimensionRecordQueryResults:
        """Return the records of a dimension or other element."""
        definition = self.source.universe[element]
        spec = self.spec.joined(definition.minimal_group)
        return DimensionRecordQueryResults(source=self.source, spec=spec, element=definition)

    def datasets(
        self,
        dataset_type: str | DatasetType,
        collections: str | Iterable[str] | None = None,
        *,
        find_first: bool = True,
    ) -> DatasetRefQueryResults:
        """Return the datasets of one type, each once.

        Parameters
        ----------
        dataset_type : `str` or `DatasetType`
            A registered one; with another storage class, or a component of it, for refs that read as that.
        collections : `str` or iterable of `str`, optional
            Where to search, in order; as in `join_dataset_search`.
        find_first : `bool`, optional
            Whether a dataset hides those of the same data ID in later collections. In CALIBRATION
            collections all datasets are found, whenever valid.
        """
        if not isinstance(dataset_type, str):
            checked(dataset_type, DatasetType, "dataset type, nor the name of one")
        name = dataset_type if isinstance(dataset_type, str) else dataset_type.nameAndComponent()[0]
        query = self.join_dataset_search(name, collections)
        wanted = self.source.types.entry(name).dataset_type if isinstance(dataset_type, str) else dataset_type
        return DatasetRefQueryResults(
            source=self.source, spec=query.spec, dataset_type=wanted, find_first=find_first
        )

    def general(
        self,
        dimensions: Dimensions,
        *names: str,
        dimension_fields: Mapping[str, Iterable[str]] | None = None,
        dataset_fields: Mapping[str, Iterable[str] | EllipsisType] | None = None,
        find_first: bool | None = None,
    ) -> GeneralQueryResults:
        """Return rows of dimensions, columns of records and properties of datasets.

        Parameters
        ----------
        dimensions : `DimensionGroup` or names
            At least these; those of the fields are added.
        *names : `str`
            Fields as ``visit.exposure_time`` or ``calexp.run``.
        dimension_fields : mapping, optional
            Columns by element, ``timespan`` and ``region`` among them.
        dataset_fields : mapping, optional
            By dataset type that the query searches for: ``dataset_id``, ``run``, ``collection``,
            ``ingest_date``, ``timespan`` (validity); ``...`` stands for what a `DatasetRef` needs.
        find_first : `bool`, optional
            Whether only the first dataset of each data ID is meant; must be said if there are fields of one.

        Raises
        ------
        InvalidQueryError
            If a field is unknown, or ``find_first`` is not said or is not possible.
        """
        asked = [*names]
        for element, columns in (dimension_fields or {}).items():
            asked += [f"{element}.{column}" for column in columns]
        for dataset_type, properties in (dataset_fields or {}).items():
            chosen = ("dataset_id", "run") if isinstance(properties, EllipsisType) else properties
            asked += [f"{dataset_type}.{name}" for name in chosen]
        group = self._group(dimensions)
        resolver = Names(group | self.spec.dimensions, self.constraint_dataset_types, may_be_texts=False)
        fields: dict[Column, None] = {}
        for name in all_checked(asked, str, "name of a field"):
            found = resolver.resolve(name)
            for column in (found.begin, found.end) if isinstance(found, Span) else (found,):
                assert isinstance(column, Column)
                fields[column] = None
                group |= self._dimensions_of(column)
        datasets = tuple(dict.fromkeys(column.dataset for column in fields if column.dataset))
        if datasets and find_first is None:
            raise InvalidQueryError(
                "Say find_first=True or find_first=False where fields of datasets are wanted"
            )
        if find_first and len(datasets) > 1:
            raise InvalidQueryError(f"find_first is for one dataset type, not for {', '.join(datasets)}")
        return GeneralQueryResults(
            source=self.source,
            spec=self.spec.joined(group),
            group=group,
            fields=tuple(column for column in fields if not column.is_key or column.dataset),
            datasets=datasets,
            find_first=bool(find_first),
        )

    # Whether there is anything

    def any(self, *, execute: bool = True, exact: bool = True) -> bool:
        """Return whether there are rows; with ``execute=False``, whether there may be some."""
        return self.data_ids().any(execute=execute, exact=exact)

    def explain_no_results(self, execute: bool = True) -> list[str]:
        """Return sentences that say why there are no rows; see `QueryResults.explain_no_results`."""
        return reasons(self.source, self.spec, execute=execute)

    def _group(self, dimensions: Dimensions) -> DimensionGroup:
        universe = self.source.universe
        return universe.conform([dimensions] if isinstance(dimensions, str) else dimensions)

    def _dimensions_of(self, column: Column) -> DimensionGroup:
        if column.dataset:
            (join,) = (each for each in self.spec.datasets if each.dataset_type.name == column.dataset)
            return join.dataset_type.dimensions
        return self.source.universe[column.element].minimal_group
