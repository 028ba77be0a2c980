"""Where the datasets are that this run has made so far, as long as some quantum is still to read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import numpy.typing as npt

from pipetask.execution.report import Report
from pipetask.graph.tables import QUANTUM_INPUTS, QUANTUM_OUTPUTS, DatasetTable, uuid_of

if TYPE_CHECKING:
    from pipetask.butler import ArtifactRecord
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
        self._kept: dict[UUID, Sequence[ArtifactRecord]] = {}
        self._readers: dict[UUID, int] = {}
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
        return len(self._kept)

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
                if count[row] and id in report.written:
                    self._kept[id] = report.written[id]
                    self._readers[id] = int(count[row])

    def inputs_of(self, quantum: int) -> dict[UUID, Sequence[ArtifactRecord]]:
        """Return the artifacts of those inputs of a quantum that others were to make; none if they didn't."""
        return {id: self._kept.get(id, ()) for id in self._made_inputs(quantum)}

    def drop_inputs_of(self, quantum: int) -> None:
        """Note that a quantum has read its inputs, and forget those that nobody else will read."""
        for id in self._made_inputs(quantum):
            if id in self._readers:
                self._readers[id] -= 1
                if not self._readers[id]:
                    del self._readers[id], self._kept[id]

    def _made_inputs(self, quantum: int) -> Iterator[UUID]:
        graph = self._graph
        task = graph.task_of(quantum)
        for connection in task.connections:
            is_made = self._is_made.get(connection.dataset_type)
            if connection.kind in QUANTUM_INPUTS and is_made is not None:
                table = graph.datasets[connection.dataset_type]
                rows = graph.edges[task.label, connection.name][quantum - task.first]
                yield from (_id_of(graph, table, row) for row in rows[is_made[rows]].tolist())


def _id_of(graph: QuantumGraph, table: DatasetTable, row: int) -> UUID:
    serial = int(table.serials[row])
    if serial >= 0:
        return uuid_of(graph.header.id_base, serial)
    return UUID(bytes=table.existing.ids[-1 - serial].tobytes())
