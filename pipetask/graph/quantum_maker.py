"""One quantum of a graph as an object, of the rows that belong to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipetask.graph.folding import Folder
from pipetask.graph.tables import uuid_of, with_edges
from pipetask.task.quantum import Quantum

if TYPE_CHECKING:
    from pipetask.butler import DatasetRef, DatasetType
    from pipetask.graph.project import CSR
    from pipetask.graph.quantum_graph import QuantumGraph
    from pipetask.graph.refs import RefMaker
    from pipetask.graph.tables import DatasetTable, Kind, TaskQuanta


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the datasets of a connection come from, looked up once for all quanta of a task."""

    name: str
    kind: Kind
    edges: CSR
    table: DatasetTable
    dataset_type: DatasetType


class QuantumMaker:
    """Makes the quanta of a graph.

    Parameters
    ----------
    graph
        The graph.
    refs
        Makes its refs.
    """

    def __init__(self, graph: QuantumGraph, refs: RefMaker) -> None:
        self._graph = graph
        self._refs = refs
        self._sources: dict[str, list[_Source]] = {}
        self._folders: dict[str, Folder] = {}

    def quantum(self, i: int) -> Quantum:
        """Make the i-th quantum."""
        task = self._graph.task_of(i)
        row = i - task.first
        found: dict[str, list[DatasetRef]] = {}
        made: list[str] = []
        alone: dict[str, DatasetRef] = {}
        for source in self._sources_of(task):
            rows = source.edges[row].tolist()
            refs = [self._refs.ref(source.table, each, source.dataset_type) for each in rows]
            if source.kind in ("log", "metadata"):
                alone[source.kind] = refs[0]
            else:
                found[source.name] = refs
                if source.kind in ("output", "composite_output"):
                    made.append(source.name)
        if self._graph.header.composites:
            found = self._folder(task).fold(found)
        outputs = {name: found.pop(name) for name in made if name in found}
        return Quantum(
            label=task.label,
            task_class_name=task.task_class_name,
            dataId=self._graph.data_id(i),
            inputs=found,
            outputs=outputs,
            initInputs=dict(self._graph.init_inputs.get(task.label, {})),
            id=uuid_of(self._graph.header.id_base, int(task.columns.serials[row])),
            metadata_ref=alone.get("metadata"),
            log_ref=alone.get("log"),
        )

    def _folder(self, task: TaskQuanta) -> Folder:
        if task.label not in self._folders:
            self._folders[task.label] = Folder(task.connections, self._graph.header.composites)
        return self._folders[task.label]

    def _sources_of(self, task: TaskQuanta) -> list[_Source]:
        if task.label not in self._sources:
            self._sources[task.label] = [
                _Source(
                    connection.name,
                    connection.kind,
                    self._graph.edges[task.label, connection.name],
                    table := self._graph.datasets[connection.dataset_type],
                    self._refs.type_of(connection, table),
                )
                for connection in with_edges(task.connections)
            ]
        return self._sources[task.label]
