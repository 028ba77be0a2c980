"""What a query returns as rows of any columns: dimensions, facts of records, properties of datasets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select

from registry.dataset_ref import DatasetRef
from registry.dataset_type import DatasetType
from registry.dimensions.coordinate import DataCoordinate
from registry.dimensions.group import DimensionGroup
from registry.query.results import QueryResults, Row, key_columns
from registry.query.tree import Column
from registry.timespan import Timespan


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


def _region(encoded: bytes) -> Any:
    from registry.spatial import decode

    return decode(bytes(encoded))


_OBJECTS: Mapping[str, Any] = {
    "uuid": lambda value: UUID(bytes=bytes(value)),
    "region": _region,
    "bool": bool,
}
