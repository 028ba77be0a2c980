"""One quantum of a graph as an object, of the rows that belong to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipetask.graph.folding import Folder
from pipetask.graph.tables import WITH_EDGES, uuid_of
from pipetask.task.quantum import Quantum

if TYPE_CHECKING:
    from pipetask.butler import DatasetRef
    from pipetask.graph.quantum_graph import QuantumGraph
    from pipetask.graph.refs import RefMaker
    from pipetask.graph.tables import Connection, TaskQuanta


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
        self._folders: dict[str, Folder] = {}

    def quantum(self, i: int) -> Quantum:
        """Make the i-th quantum."""
        task = self._graph.task_of(i)
        row = i - task.first
        found: dict[str, list[DatasetRef]] = {}
        made: list[str] = []
        alone: dict[str, DatasetRef] = {}
        for connection in task.connections:
            if connection.kind in ("log", "metadata"):
                alone[connection.kind] = self._refs_of(task, connection, row)[0]
            elif connection.kind in WITH_EDGES:
                found[connection.name] = self._refs_of(task, connection, row)
                if connection.kind in ("output", "composite_output"):
                    made.append(connection.name)
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

    def _refs_of(self, task: TaskQuanta, connection: Connection, row: int) -> list[DatasetRef]:
        rows = self._graph.edges[task.label, connection.name][row].tolist()
        return self._refs.refs(connection, self._graph.datasets[connection.dataset_type], rows)
