"""Where the datasets are that this run has made so far, as long as some quantum is still to read them."""

from __future__ import annotations

import marshal
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import numpy.typing as npt

from pipetask.butler import ArtifactRecord
from pipetask.execution.report import Report
from pipetask.graph.kept_outputs import is_kept
from pipetask.graph.tables import QUANTUM_INPUTS, QUANTUM_OUTPUTS, DatasetTable, uuid_of

if TYPE_CHECKING:
    from pipetask.graph.quantum_graph import QuantumGraph


class Intermediates:
    """Artifacts of the datasets that were made in this run, kept until their last reader is done.

    Parameters
    ----------
    graph : `QuantumGraph`
        Says who makes and reads what.
    temporary : collection of `str`, optional
        Dataset types that are not kept.
    """

    def __init__(self, graph: QuantumGraph, temporary: Collection[str] = ()) -> None:
        self._graph = graph
        self._temporary = frozenset(temporary)
        self._packed = _PackedRecords()
        self._kept: dict[str, npt.NDArray[np.object_]] = {}  # bytes or None, by dataset type and row
        self._is_made: dict[str, npt.NDArray[np.bool_]] = {}
        for task in graph.tasks:
            for connection in task.connections:
                if connection.kind in QUANTUM_OUTPUTS:
                    rows = graph.edges[task.label, connection.name].indices
                    table = graph.datasets[connection.dataset_type]
                    if is_kept(graph, connection):
                        rows = rows[table.serials[rows] >= 0]  # others are there, and stay as they are
                    nothing = np.zeros(len(table), bool)
                    self._is_made.setdefault(connection.dataset_type, nothing)[rows] = True
        self._count: dict[str, npt.NDArray[np.int32]] = {}
        for task in graph.tasks:
            for connection in task.connections:
                name = connection.dataset_type
                if connection.kind in QUANTUM_INPUTS and name in self._is_made:
                    rows = graph.edges[task.label, connection.name].indices
                    count = np.bincount(rows, minlength=len(graph.datasets[name])).astype(np.int32)
                    self._count[name] = self._count.get(name, 0) + count

    def __len__(self) -> int:
        return sum(int(np.count_nonzero(kept)) for kept in self._kept.values())

    def keep(self, report: Report) -> None:
        """Remember the outputs of a quantum that others read."""
        graph = self._graph
        task = graph.task_of(report.quantum)
        for connection in task.connections:
            count = self._count.get(connection.dataset_type)
            if connection.kind not in QUANTUM_OUTPUTS or count is None:
                continue
            table = graph.datasets[connection.dataset_type]
            for row in graph.edges[task.label, connection.name][report.quantum - task.first].tolist():
                id = _id_of(graph, table, row)
                records = report.written.get(id) or report.temporary.get(id)
                if count[row] and records:
                    self._keep(connection.dataset_type, row, records)

    def inputs_of(self, quantum: int) -> dict[UUID, Sequence[ArtifactRecord]]:
        """Return the artifacts of those inputs of a quantum that others were to make; none if they didn't."""
        found: dict[UUID, Sequence[ArtifactRecord]] = {}
        for name, row in self.made_inputs(quantum):
            data = self._kept[name][row] if name in self._kept else None
            id = _id_of(self._graph, self._graph.datasets[name], row)
            found[id] = self._packed.unpack(data) if data else ()
        return found

    def note_saved(self, report: Report, others: Iterable[int]) -> None:
        """Note what a worker held for a quantum that failed, and for others, and has saved to files since."""
        for name, row in (each for q in (report.quantum, *others) for each in self.made_inputs(q)):
            id = _id_of(self._graph, self._graph.datasets[name], row)
            if records := report.temporary.get(id):
                self._keep(name, row, records)

    def _keep(self, name: str, row: int, records: Sequence[ArtifactRecord]) -> None:
        if name not in self._kept:  # an array takes a fifth of what a dictionary does
            self._kept[name] = np.full(len(self._graph.datasets[name]), None)
        self._kept[name][row] = self._packed.pack(records)

    def reads_any(self, quantum: int, ids: Collection[UUID]) -> bool:
        """Tell whether a quantum reads any of some datasets."""
        inputs = self.made_inputs(quantum)
        return any(_id_of(self._graph, self._graph.datasets[name], row) in ids for name, row in inputs)

    def drop_inputs_of(self, quantum: int) -> list[ArtifactRecord]:
        """Note that a quantum has read its inputs, and forget those that nobody else will read.

        Returns
        -------
        records : `list` [ `ArtifactRecord` ]
            Artifacts of the temporary ones among these.
        """
        found: list[ArtifactRecord] = []
        for name, row in self.made_inputs(quantum):
            count = self._count[name]
            count[row] -= 1
            if count[row]:
                continue
            if name in self._kept:
                data, self._kept[name][row] = self._kept[name][row], None
                if data and self.is_temporary(name, row):
                    found += self._packed.unpack(data)
        return found

    def temporary_left(self) -> list[ArtifactRecord]:
        """Return the artifacts of temporary datasets whose readers were not all run."""
        return [
            record
            for name in self._temporary & self._kept.keys()
            for row, data in enumerate(self._kept[name])
            if data and self.is_temporary(name, row)
            for record in self._packed.unpack(data)
        ]

    def is_temporary(self, name: str, row: int) -> bool:
        """Tell whether nobody needs a dataset after the run; what existed before stays."""
        return name in self._temporary and bool(self._graph.datasets[name].serials[row] >= 0)

    def n_readers(self, name: str, row: int) -> int:
        """Return how many quanta are still to read a dataset."""
        return int(self._count[name][row]) if name in self._count else 0

    def outputs_of(self, quantum: int) -> Iterator[tuple[UUID, str, int]]:
        """Yield the outputs of a quantum: id, name of the dataset type and row in its table."""
        graph = self._graph
        task = graph.task_of(quantum)
        for connection in task.connections:
            if connection.kind == "output":
                table = graph.datasets[connection.dataset_type]
                for row in graph.edges[task.label, connection.name][quantum - task.first].tolist():
                    yield _id_of(graph, table, row), connection.dataset_type, row

    def made_inputs(self, quantum: int) -> Iterator[tuple[str, int]]:
        """Yield the inputs that others are to make: names of dataset types and rows in their tables."""
        graph = self._graph
        task = graph.task_of(quantum)
        for connection in task.connections:
            is_made = self._is_made.get(connection.dataset_type)
            if connection.kind in QUANTUM_INPUTS and is_made is not None:
                rows = graph.edges[task.label, connection.name][quantum - task.first]
                for row in rows[is_made[rows]].tolist():
                    yield connection.dataset_type, row


class _PackedRecords:
    """Artifact records as bytes: a quarter of what the objects take, since there may be very many."""

    def __init__(self) -> None:
        self._common: list[tuple[str, ...]] = []
        self._number: dict[tuple[str, ...], int] = {}

    def pack(self, records: Sequence[ArtifactRecord]) -> bytes:
        packed = []
        for component, store, path, offset, size, checksum, *rest in records:
            common = (component, store, *rest)
            if common not in self._number:
                self._number[common] = len(self._common)
                self._common.append(common)
            packed.append((self._number[common], path, offset, size, bytes.fromhex(checksum)))
        return marshal.dumps(packed)

    def unpack(self, data: bytes) -> list[ArtifactRecord]:
        found = []
        for number, path, offset, size, checksum in marshal.loads(data):  # noqa: S302 - our own
            component, store, *rest = self._common[number]
            found.append(ArtifactRecord(component, store, path, offset, size, checksum.hex(), *rest))
        return found


def _id_of(graph: QuantumGraph, table: DatasetTable, row: int) -> UUID:
    serial = int(table.serials[row])
    if serial >= 0:
        return uuid_of(graph.header.id_base, serial)
    return UUID(bytes=table.existing.ids[-1 - serial].tobytes())
