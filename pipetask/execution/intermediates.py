"""Where the datasets are that this run has made so far, as long as some quantum is still to read them."""

from __future__ import annotations

import marshal
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import numpy.typing as npt

from pipetask.butler import ArtifactRecord
from pipetask.execution.report import Report
from pipetask.graph.tables import QUANTUM_INPUTS, QUANTUM_OUTPUTS, DatasetTable, uuid_of

if TYPE_CHECKING:
    from pipetask.graph.quantum_graph import QuantumGraph


class Intermediates:
    """Artifacts of the datasets that were made in this run, kept until their last reader is done.

    Parameters
    ----------
    graph : `QuantumGraph`
        Says who makes and reads what.
    """

    def __init__(self, graph: QuantumGraph) -> None:
        self._graph = graph
        self._kept: dict[str, dict[int, bytes]] = {}  # by dataset type and row in its table
        self._is_made: dict[str, npt.NDArray[np.bool_]] = {}
        for task in graph.tasks:
            for connection in task.connections:
                if connection.kind in QUANTUM_OUTPUTS:
                    rows = graph.edges[task.label, connection.name].indices
                    nothing = np.zeros(len(graph.datasets[connection.dataset_type]), bool)
                    self._is_made.setdefault(connection.dataset_type, nothing)[rows] = True
        self._count: dict[str, npt.NDArray[np.int64]] = {}
        for task in graph.tasks:
            for connection in task.connections:
                name = connection.dataset_type
                if connection.kind in QUANTUM_INPUTS and name in self._is_made:
                    rows = graph.edges[task.label, connection.name].indices
                    count = np.bincount(rows, minlength=len(graph.datasets[name]))
                    self._count[name] = self._count.get(name, 0) + count

    def __len__(self) -> int:
        return sum(map(len, self._kept.values()))

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
                records = report.written.get(_id_of(graph, table, row))
                if count[row] and records is not None:
                    kept = self._kept.setdefault(connection.dataset_type, {})
                    # A third of the memory that the objects take: there may be very many.
                    kept[row] = marshal.dumps([tuple(record) for record in records])

    def inputs_of(self, quantum: int) -> dict[UUID, Sequence[ArtifactRecord]]:
        """Return the artifacts of those inputs of a quantum that others were to make; none if they didn't."""
        found: dict[UUID, Sequence[ArtifactRecord]] = {}
        for name, row in self._made_inputs(quantum):
            data = self._kept.get(name, {}).get(row)
            id = _id_of(self._graph, self._graph.datasets[name], row)
            found[id] = [ArtifactRecord(*fields) for fields in marshal.loads(data)] if data else ()  # noqa: S302
        return found

    def drop_inputs_of(self, quantum: int) -> None:
        """Note that a quantum has read its inputs, and forget those that nobody else will read."""
        for name, row in self._made_inputs(quantum):
            count = self._count[name]
            count[row] -= 1
            if not count[row]:
                self._kept.get(name, {}).pop(row, None)

    def _made_inputs(self, quantum: int) -> Iterator[tuple[str, int]]:
        """Yield the inputs that others are to make: names of dataset types and rows in their tables."""
        graph = self._graph
        task = graph.task_of(quantum)
        for connection in task.connections:
            is_made = self._is_made.get(connection.dataset_type)
            if connection.kind in QUANTUM_INPUTS and is_made is not None:
                rows = graph.edges[task.label, connection.name][quantum - task.first]
                for row in rows[is_made[rows]].tolist():
                    yield connection.dataset_type, row


def _id_of(graph: QuantumGraph, table: DatasetTable, row: int) -> UUID:
    serial = int(table.serials[row])
    if serial >= 0:
        return uuid_of(graph.header.id_base, serial)
    return UUID(bytes=table.existing.ids[-1 - serial].tobytes())
