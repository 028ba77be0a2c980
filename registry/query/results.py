"""What a query returns: data IDs, records, datasets or columns, made when they are iterated."""

from __future__ import annotations

import gc
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Self, TypeVar
from uuid import UUID

from sqlalchemy import Select

from registry.dataset_ref import DatasetRef, RefSource, refs_of, uuid_of
from registry.dataset_type import DatasetType
from registry.dimensions.coordinate import NO_RECORDS, DataCoordinate, RecordSource
from registry.dimensions.element import DimensionElement
from registry.dimensions.group import DimensionGroup
from registry.dimensions.record import DimensionRecord
from registry.errors import InvalidQueryError
from registry.query.explain import reasons
from registry.query.factory import Name
from registry.query.names import Names
from registry.query.select import Order, count_select, record_select, sort_terms
from registry.query.source import Plan, Source, Spec
from registry.query.tree import Column
from registry.query.where import interpret
from registry.records.shared import Completion, own_elements, records_of
from registry.timespan import Timespan

if TYPE_CHECKING:
    import pyarrow as pa
    from astropy.table import Table

T = TypeVar("T")
Row = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class QueryResults(ABC, Generic[T]):
    """Rows that match a query, found anew by each iteration; methods return changed copies.

    Attributes
    ----------
    source : `Source`
        What is asked.
    spec : `Spec`
        What a row must fulfil.
    order : `tuple`
        From `registry.query.select.sort_terms`.
    most : `int` or `None`
        How many rows at most.
    """

    source: Source
    spec: Spec
    order: Order = ()
    most: int | None = None

    @property
    @abstractmethod
    def dimensions(self) -> DimensionGroup:
        """Dimensions of the rows."""

    @property
    @abstractmethod
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Name and type of each column that the rows have when they are exported."""

    @property
    def _datasets(self) -> tuple[str, ...]:
        """Dataset types whose properties may be named."""
        return ()

    def where(self, *args: Any, bind: Mapping[str, Any] | None = None, **kwargs: Any) -> Self:
        """Return the rows that also fulfil conditions; see `Query.where`."""
        predicate = interpret(
            args,
            dimensions=self.dimensions,
            bind=bind,
            data_id=kwargs,
            datasets=self._datasets,
            known=self.source.values_for_conditions,
        )
        return replace(self, spec=self.spec.restricted(predicate))

    def order_by(self, *args: str | Name) -> Self:
        """Return the rows sorted by dimensions or columns of records; ``-`` in front sorts downwards."""
        names = [each.text if isinstance(each, Name) else each for each in args]
        return replace(
            self, order=tuple(sort_terms(names, Names(self.dimensions, self._datasets, may_be_texts=False)))
        )

    def limit(self, limit: int | None = None) -> Self:
        """Return the first rows only; `None` for all."""
        if limit is not None and (type(limit) is not int or not 0 <= limit < 2**63):
            raise InvalidQueryError(f"A limit is a whole number or None, not {limit!r}")
        return replace(self, most=limit)

    def count(self, *, exact: bool = True, discard: bool = False) -> int:
        """Return the number of rows; the database counts, so it is exact whatever is asked for."""
        statement = self.statement()
        return 0 if statement is None else int(self.source.db.fetch(count_select(statement))[0][0])

    def any(self, *, execute: bool = True, exact: bool = True) -> bool:
        """Return whether there are rows; with ``execute=False``, whether there may be some."""
        if self.most == 0:
            return False
        statement = self.statement()
        return statement is not None and (not execute or self.source.any(statement))

    def explain_no_results(self, execute: bool = True) -> list[str]:
        """Return sentences that say why there are no rows; none if there are some.

        Parameters
        ----------
        execute : `bool`, optional
            Whether to ask the database which part of the query nothing matches.
        """
        return reasons(self.source, self.spec, execute=execute)

    def __iter__(self) -> Iterator[T]:
        for page in self._pages():
            with _without_collector():
                made = list(self._objects(page))
            yield from made

    def to_arrow(self) -> pa.Table:
        """Return the rows as a table of Arrow, without making an object for each.

        Ids are texts, times TAI nanoseconds since 1970, regions as `lsst.sphgeom.Region.encode` makes them.
        """
        from registry.query.export import to_arrow

        return to_arrow(self.columns, map(self._exported, self._pages()))

    def to_astropy(self) -> Table:
        """Return the rows as an `astropy.table.Table`, masked where values are unknown; see `to_arrow`."""
        from registry.query.export import to_astropy

        return to_astropy(self.to_arrow(), self.columns)

    def to_pandas(self) -> Any:  # a library that need not be installed
        """Return the rows as a `pandas.DataFrame`; `ModuleNotFoundError` without pandas. See `to_arrow`."""
        try:
            import pandas  # type: ignore[import-untyped,unused-ignore]  # noqa: F401, ICN001  # for pyarrow
        except ModuleNotFoundError as err:
            raise ModuleNotFoundError(
                "pandas is not installed (pip install pandas); to_astropy and to_arrow do without it.",
                name="pandas",
            ) from err
        return self.to_arrow().to_pandas()

    @abstractmethod
    def statement(self) -> Select[Any] | None:
        """Return the select of the rows, or `None` if it is known that there are none."""

    @abstractmethod
    def _objects(self, page: Sequence[Row]) -> Iterable[T]:
        """Make the objects of some rows."""

    def _exported(self, page: Sequence[Row]) -> Sequence[Row]:
        """Return rows in the order of `columns`."""
        return page

    def _pages(self) -> Iterator[list[Row]]:
        statement = self.statement()
        return iter(()) if statement is None else self.source.pages(statement, self.most)

    def _select(self, plan: Plan | None, **options: Any) -> Select[Any] | None:
        if plan is None:
            return None
        return self.source.select(plan, self.dimensions, order=self.order, limit=self.most, **options)


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


class GeneralResultTuple(NamedTuple):
    """A row with its data ID, and the datasets that were asked for."""

    data_id: DataCoordinate
    refs: list[DatasetRef]
    raw_row: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class GeneralQueryResults(QueryResults[dict[str, Any]]):
    """Rows as dictionaries: dimensions, ``element.column``, ``dataset_type.property``; see `QueryResults`."""

    group: DimensionGroup
    fields: tuple[Column, ...] = ()
    datasets: tuple[str, ...] = ()
    find_first: bool = False

    @property
    def dimensions(self) -> DimensionGroup:
        """Dimensions of the rows."""
        return self.group

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Name and type of the dimensions and the fields; a timespan is two columns."""
        fields = ((f"{field.dataset or field.element}.{field.name}", field.type) for field in self.fields)
        return (*key_columns(self.group), *fields)

    @property
    def _datasets(self) -> tuple[str, ...]:
        return self.datasets

    def statement(self) -> Select[Any] | None:
        """Return the select of the dimensions and the fields."""
        result = self.datasets[0] if self.datasets else ""
        return self._select(
            self.source.plan(self.spec, result, find_first=self.find_first), fields=self.fields, nulls=True
        )

    def iter_tuples(self, *dataset_types: DatasetType) -> Iterator[GeneralResultTuple]:
        """Yield rows with data ID and datasets of the given types, whose id and run are among the fields."""
        for row in self:
            full = DataCoordinate.from_full(self.group, tuple([row[name] for name in self.group.keys]))
            refs = []
            for each in dataset_types:
                run, id = row[f"{each.name}.run"], row[f"{each.name}.dataset_id"]
                refs.append(DatasetRef(each, full.subset(each.dimensions), run, id=id))
            yield GeneralResultTuple(full, refs, row)

    def _objects(self, page: Sequence[Row]) -> Iterator[dict[str, Any]]:
        columns = self.columns
        for row in self._exported(page):
            made: dict[str, Any] = {}
            begin: Any = None
            for (name, kind), value in zip(columns, row, strict=True):
                if name.endswith(".timespan_begin"):
                    begin = value
                elif name.endswith(".timespan_end"):
                    known = begin is not None and value is not None
                    made[name.removesuffix("_end")] = Timespan.from_ns(begin, value) if known else None
                else:
                    made[name] = _OBJECTS[kind](value) if value is not None and kind in _OBJECTS else value
            yield made

    def _exported(self, page: Sequence[Row]) -> Sequence[Row]:
        return page if self.columns else [() for _ in page]


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep the garbage collector from looking at objects while many are made that are all in use."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def key_columns(group: DimensionGroup) -> tuple[tuple[str, str], ...]:
    """Return name and type of all dimensions of a group."""
    return tuple((name, key.type) for name in group.keys if (key := group.universe[name].key))


def _region(encoded: bytes) -> Any:
    from registry.spatial import decode

    return decode(bytes(encoded))


_OBJECTS: Mapping[str, Any] = {
    "uuid": lambda value: UUID(bytes=bytes(value)),
    "region": _region,
    "bool": bool,
}
