"""Where the inputs of a quantum are: those that existed before the run, and those that it has made so far."""

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
    from pipetask.task.quantum import Quantum


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
        self._count: dict[str, npt.NDArray[np.int32]] = {}
        for task in graph.tasks:
            for connection in task.connections:
                if connection.kind in QUANTUM_INPUTS:
                    name = connection.dataset_type
                    edges = graph.edges[task.label, connection.name].indices
                    count = np.bincount(edges, minlength=len(graph.datasets[name])).astype(np.int32)
                    self._count[name] = self._count[name] + count if name in self._count else count
        self._made_again = set(_made_again(graph))

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

    def inputs_of(self, quantum: int, unit: Quantum) -> dict[UUID, Sequence[ArtifactRecord]]:
        """Return the artifacts of the inputs of a quantum, as far as they exist now."""
        before = self._graph.input_records(quantum)
        found: dict[UUID, Sequence[ArtifactRecord]] = {
            id: records for id, records in before.items() if records and id not in self._made_again
        }
        for refs in unit.inputs.values():
            for ref in refs:
                if ref.id in self._kept:
                    found[ref.id] = self._kept[ref.id]
        return found

    def drop(self, unit: Quantum) -> None:
        """Note that a quantum has read its inputs, and forget those that nobody else will read."""
        for refs in unit.inputs.values():
            for ref in refs:
                if ref.id in self._readers:
                    self._readers[ref.id] -= 1
                    if not self._readers[ref.id]:
                        del self._readers[ref.id], self._kept[ref.id]


def _made_again(graph: QuantumGraph) -> Iterator[UUID]:
    """List datasets that existed before and that a quantum of the graph is to replace."""
    for task in graph.tasks:
        for connection in task.connections:
            if connection.kind in QUANTUM_OUTPUTS:
                table = graph.datasets[connection.dataset_type]
                rows = graph.edges[task.label, connection.name].indices
                yield from (_id_of(graph, table, row) for row in rows[table.serials[rows] < 0].tolist())


def _id_of(graph: QuantumGraph, table: DatasetTable, row: int) -> UUID:
    serial = int(table.serials[row])
    if serial >= 0:
        return uuid_of(graph.header.id_base, serial)
    return UUID(bytes=table.existing.ids[-1 - serial].tobytes())
