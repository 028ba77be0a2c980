"""Objects from columns: data IDs and dataset refs, made when somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol
from uuid import UUID

from pipetask.butler import DataCoordinate, DatasetRef, DatasetType, DimensionGroup
from pipetask.graph.records import RecordsOf, RecordTable
from pipetask.graph.tables import Connection, DatasetTable, Implied, uuid_of


class Values(Protocol):
    """The values of a dimension, by code: a codebook that may grow, or a list."""

    def __getitem__(self, code: int, /) -> Any: ...


class DataIdDecoder:
    """Makes data IDs, with implied values, from rows of codes.

    Parameters
    ----------
    values
        The values of each dimension, by code.
    implied
        What dimension records say, by the name of the element.
    records
        The records themselves; data IDs offer them if there are any.
    """

    def __init__(
        self,
        values: Mapping[str, Values],
        implied: Mapping[str, Implied],
        records: Mapping[str, RecordTable] | None = None,
    ) -> None:
        self._values = values
        self._records = records
        self._implied = implied
        self._tables: dict[str, dict[tuple[int, ...], tuple[int, ...]]] = {}
        self._steps: dict[DimensionGroup, list[str]] = {}
        self._made: dict[tuple[DimensionGroup, tuple[int, ...]], DataCoordinate] = {}

    def decode(self, dimensions: DimensionGroup, codes: tuple[int, ...]) -> DataCoordinate:
        """Make the data ID of codes in the order of ``dimensions.required``."""
        key = (dimensions, codes)
        made = self._made.get(key)
        if made is None:
            if len(self._made) > _MEMORY:
                self._made.clear()
            made = self._made[key] = self._decode(dimensions, codes)
        return made

    def _decode(self, dimensions: DimensionGroup, codes: tuple[int, ...]) -> DataCoordinate:
        known = dict(zip(dimensions.required, codes, strict=True))
        if dimensions.implied:
            for element in self._steps_of(dimensions):
                table = self._implied[element]
                follows = self._table(element).get(tuple([known[d] for d in table.required]))
                if follows is not None:
                    known.update(zip(table.implied, follows, strict=True))
        values = self._values
        names = dimensions.required if len(known) < len(dimensions.keys) else dimensions.keys
        full = tuple([values[d][known[d]] for d in names])
        if self._records:
            return DataCoordinate(dimensions, full, RecordsOf(self._records, dimensions, known, values))
        return DataCoordinate(dimensions, full)

    def _steps_of(self, dimensions: DimensionGroup) -> list[str]:
        """Elements whose records give the implied values, those that depend on others last."""
        if dimensions not in self._steps:
            known, steps = set(dimensions.required), list[str]()
            waiting = [name for name in reversed(dimensions.names) if name in self._implied]
            while ready := [name for name in waiting if known.issuperset(self._implied[name].required)]:
                steps += ready
                known.update(d for name in ready for d in self._implied[name].implied)
                waiting = [name for name in waiting if name not in ready]
            self._steps[dimensions] = steps
        return self._steps[dimensions]

    def _table(self, element: str) -> dict[tuple[int, ...], tuple[int, ...]]:
        if element not in self._tables:
            table = self._implied[element]
            keys = map(tuple, table.keys.tolist())
            self._tables[element] = dict(zip(keys, map(tuple, table.values.tolist()), strict=True))
        return self._tables[element]


class RefMaker:
    """Makes dataset refs from rows of dataset tables.

    Parameters
    ----------
    decoder
        Makes the data IDs.
    id_base
        Base of the ids of what the graph makes.
    output_run
        The run of what the graph makes.
    """

    def __init__(self, decoder: DataIdDecoder, id_base: int, output_run: str) -> None:
        self._decoder = decoder
        self._id_base = id_base
        self._output_run = output_run
        self._types: dict[Connection, DatasetType] = {}

    def refs(self, connection: Connection, table: DatasetTable, rows: Iterable[int]) -> list[DatasetRef]:
        """Make refs with the component and storage class that a connection asks for."""
        kind = self._types.get(connection)
        if kind is None:
            kind = self._types[connection] = self.type_of(connection, table)
        return [self.ref(table, row, kind) for row in rows]

    def type_of(self, connection: Connection, table: DatasetTable) -> DatasetType:
        """Return the dataset type with the component and storage class that a connection asks for."""
        if connection.component:
            return table.dataset_type.makeComponentDatasetType(connection.component, connection.storage_class)
        return table.dataset_type.overrideStorageClass(connection.storage_class)

    def ref(self, table: DatasetTable, row: int, kind: DatasetType | None = None) -> DatasetRef:
        """Make the ref of one row."""
        data_id = self._decoder.decode(table.dataset_type.dimensions, tuple(table.codes[row].tolist()))
        serial = int(table.serials[row])
        kind = kind or table.dataset_type
        if serial >= 0:
            return DatasetRef(kind, data_id, self._output_run, id=uuid_of(self._id_base, serial))
        existing = table.existing
        run = existing.runs[existing.run_index[-1 - serial]]
        return DatasetRef(kind, data_id, run, id=UUID(bytes=existing.ids[-1 - serial].tobytes()))


_MEMORY = 10_000  # data IDs kept: neighbours in a graph share most of theirs
