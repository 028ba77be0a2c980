"""What a query returns of the registry's own kinds: data IDs, dimension records, datasets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Select

from registry.dataset_ref import DatasetRef, RefSource, refs_of, uuid_of
from registry.dataset_type import DatasetType
from registry.dimensions.coordinate import NO_RECORDS, DataCoordinate, RecordSource
from registry.dimensions.element import DimensionElement
from registry.dimensions.group import DimensionGroup
from registry.dimensions.record import DimensionRecord
from registry.query.results import QueryResults, Row, key_columns
from registry.query.select import record_select
from registry.query.tree import Column
from registry.records.shared import Completion, own_elements, records_of


@dataclass(frozen=True, kw_only=True)
class DataCoordinateQueryResults(QueryResults[DataCoordinate]):
    """Data IDs, with implied values; see `QueryResults`."""

    group: DimensionGroup
    has_dimension_records: bool = False

    @property
    def dimensions(self) -> DimensionGroup:
        """Dimensions of the data IDs."""
        return self.group

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Name and type of each dimension."""
        return key_columns(self.dimensions)

    def with_dimension_records(self) -> Self:
        """Return the same data IDs, with their records."""
        return replace(self, has_dimension_records=True)

    def statement(self) -> Select[Any] | None:
        """Return the select of ``dimensions.keys``."""
        return self._select(self.source.plan(self.spec))

    def _objects(self, page: Sequence[Row]) -> Iterable[DataCoordinate]:
        rows = self._exported(page)
        if not self.has_dimension_records:
            return DataCoordinate.from_rows(self.group, rows)
        completion = self.source.records.completion(self.group, rows)
        records = self.source.records.shared(completion, rows)
        return DataCoordinate.from_rows(self.group, rows, records)

    def _exported(self, page: Sequence[Row]) -> Sequence[Row]:
        return page if self.dimensions.keys else [() for _ in page]


@dataclass(frozen=True, kw_only=True)
class DimensionRecordQueryResults(QueryResults[DimensionRecord]):
    """Records of one element; see `QueryResults`."""

    element: DimensionElement

    @property
    def dimensions(self) -> DimensionGroup:
        """Dimensions that identify the records."""
        return self.element.minimal_group

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Name and type of each column of the records."""
        return tuple((column.name, column.type) for column in self.element.columns)

    def statement(self) -> Select[Any] | None:
        """Return the select of the element's columns; of pixels, which have no table, the numbers."""
        plan = self.source.plan(self.spec)
        if plan is None or self.element.skypix is not None:
            return self._select(plan)
        return record_select(
            self.source.schema,
            self.element,
            plan.predicate,
            relations=plan.relations,
            searches=plan.searches,
            order=self.order,
            limit=self.most,
        )

    def _objects(self, page: Sequence[Row]) -> Iterable[DimensionRecord]:
        return records_of(self.element, self._exported(page))

    def _exported(self, page: Sequence[Row]) -> Sequence[Row]:
        if self.element.skypix is None:
            return page
        from registry.spatial import encode, pixelization

        pixels = pixelization(*self.element.skypix)
        return [(number, encode(pixels.pixel(number))) for (number,) in page]


@dataclass(frozen=True, kw_only=True)
class DatasetRefQueryResults(QueryResults[DatasetRef]):
    """Datasets of one type, with implied values in their data IDs; see `QueryResults`."""

    dataset_type: DatasetType
    find_first: bool = True
    has_dimension_records: bool = False

    @property
    def dimensions(self) -> DimensionGroup:
        """Dimensions of the dataset type."""
        return self.dataset_type.dimensions

    @property
    def data_ids(self) -> DataCoordinateQueryResults:
        """The data IDs of the datasets, each once."""
        return DataCoordinateQueryResults(
            source=self.source,
            spec=self.spec,
            group=self.dimensions,
            has_dimension_records=self.has_dimension_records,
        )

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Name and type of the dimensions, of ``run`` and ``dataset_id``."""
        return (*key_columns(self.dimensions), ("run", "string"), ("dataset_id", "uuid"))

    @property
    def _datasets(self) -> tuple[str, ...]:
        return (self._parent,)

    @property
    def _parent(self) -> str:
        return self.dataset_type.nameAndComponent()[0]

    def with_dimension_records(self) -> Self:
        """Return the same datasets, with records in their data IDs."""
        return replace(self, has_dimension_records=True)

    def statement(self) -> Select[Any] | None:
        """Return the select of ``dimensions.required``, dataset id, number of the run, maybe records."""
        name = self._parent
        records = own_elements(self.dimensions) if self.has_dimension_records else ()
        fields = [Column("", "dataset_id", "uuid", name), Column("", "run_id", "int", name)]
        plan = self.source.plan(self.spec, name, find_first=self.find_first)
        return self._select(plan, fields=fields, records=records, implied=False)

    def _objects(self, page: Sequence[Row]) -> Iterable[DatasetRef]:
        records = self.source.records
        completion = records.completion(self.dimensions, page)
        shared: Mapping[str, DimensionRecord | None] | RecordSource = NO_RECORDS
        if self.has_dimension_records:
            own = own_elements(self.dimensions)
            shared = records.shared(completion, page, own, len(self.dimensions.required) + 2)
        return refs_of(_Page(self.dataset_type, completion, self._run_names(page), shared), page)

    def _exported(self, page: Sequence[Row]) -> Sequence[Row]:
        k = len(self.dimensions.required)
        full = self.source.records.full_rows(self.dimensions, page)
        runs = self._run_names(page)
        return [(*values, runs[row[k + 1]], row[k]) for values, row in zip(full, page, strict=True)]

    def _run_names(self, page: Sequence[Row]) -> dict[int, str]:
        k = len(self.dimensions.required)
        return {number: self.source.name_of(number) for number in {row[k + 1] for row in page}}


class _Page(RefSource):
    """What refs of rows hold: required values, id and number of the run."""

    def __init__(
        self,
        dataset_type: DatasetType,
        completion: Completion,
        runs: Mapping[int, str],
        records: Mapping[str, DimensionRecord | None] | RecordSource,
    ) -> None:
        self._dataset_type = dataset_type
        self._group = completion.group
        self._k = len(completion.group.required)
        self._completion = completion
        self._runs = runs
        self._records = records

    def parts(self, row: Row) -> tuple[DatasetType, DataCoordinate, str, UUID]:
        """Return dataset type, data ID, run and id of the ref of a row."""
        k, values = self._k, self._completion(row)
        data_id = DataCoordinate(self._group, values[:k] if None in values else values, self._records)
        return self._dataset_type, data_id, self._runs[row[k + 1]], uuid_of(row[k])
