"""Outputs that a quantum made when it was done before, and that stay as they are if it is done again."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from pipetask.graph.quantum_graph import QuantumGraph
    from pipetask.graph.tables import Connection

NONE: frozenset[UUID] = frozenset()


def is_kept(graph: QuantumGraph, connection: Connection) -> bool:
    """Tell whether outputs of a connection that exist are kept: not parts, which several quanta may offer."""
    return connection.kind == "output" and not connection.is_part and not graph.header.clobber


def are_records_replaced(graph: QuantumGraph) -> bool:
    """Tell whether there are logs or metadata of earlier attempts, in whose place others are written."""
    return any(
        connection.kind in ("log", "metadata") and len(graph.datasets[connection.dataset_type].existing)
        for task in graph.tasks
        for connection in task.connections
    )


def kept_outputs(graph: QuantumGraph, quantum: int) -> frozenset[UUID]:
    """Return the ids of those outputs of a quantum that exist and are kept."""
    task = graph.task_of(quantum)
    found: list[UUID] = []
    for connection in task.connections:
        existing = graph.datasets[connection.dataset_type].existing
        if len(existing) and is_kept(graph, connection):
            rows = graph.edges[task.label, connection.name][quantum - task.first]
            serials = graph.datasets[connection.dataset_type].serials[rows].tolist()
            found += [UUID(bytes=existing.ids[-1 - serial].tobytes()) for serial in serials if serial < 0]
    return frozenset(found) if found else NONE
