"""Which quanta of a graph are meant: by task, by data ID, by id."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from pipetask.butler import suggest
from pipetask.errors import UnknownQuantumError

if TYPE_CHECKING:
    from pipetask.graph.quantum_graph import QuantumGraph
    from pipetask.graph.tables import TaskQuanta

Mask = npt.NDArray[np.bool_]


def selected(
    graph: QuantumGraph,
    *,
    tasks: Collection[str] | None = None,
    data_id: Mapping[str, Any] | None = None,
    ids: Iterable[UUID | str] | None = None,
) -> Mask:
    """Mark the quanta that satisfy all that is given; see `QuantumGraph.select`."""
    mask = np.ones(graph.n_quanta, bool)
    if tasks is not None:
        mask &= _of_tasks(graph, tasks)
    if data_id:
        mask &= _of_data_id(graph, data_id)
    if ids is not None:
        numbers = [index_of(graph, each) for each in ids]
        here = np.zeros(graph.n_quanta, bool)
        here[numbers] = True
        mask &= here
    return mask


def index_of(graph: QuantumGraph, id: UUID | str) -> int:
    """Find the number of a quantum by its id.

    Raises
    ------
    UnknownQuantumError
        If the graph has no such quantum.
    """
    try:
        wanted = id if isinstance(id, UUID) else UUID(id)
    except ValueError as err:
        raise UnknownQuantumError(
            f"'{id}' is no id of a quantum. Ids are shown by: pipetask qgraph -g FILE --show workflow"
        ) from err
    serial = wanted.int - graph.header.id_base
    if 0 <= serial < 2**40:
        for task in graph.tasks:
            serials = task.columns.serials  # ascending
            row = int(np.searchsorted(serials, serial))
            if row < task.count and serials[row] == serial:
                return task.first + row
    raise UnknownQuantumError(
        f"No quantum {wanted} in this graph of {graph.n_quanta:,}. Was the graph built again, or sent "
        "to another run? That gives new ids; see them with: pipetask qgraph -g FILE --show workflow"
    )


def _of_tasks(graph: QuantumGraph, labels: Collection[str]) -> Mask:
    known = {task.label: task for task in graph.tasks}
    mask = np.zeros(graph.n_quanta, bool)
    for label in labels:
        if label not in known:
            raise UnknownQuantumError(
                f"No quanta of task '{label}' in this graph{suggest(label, known) or '.'} It has: "
                f"{', '.join(known)}."
            )
        mask[known[label].first : known[label].first + known[label].count] = True
    return mask


def _of_data_id(graph: QuantumGraph, data_id: Mapping[str, Any]) -> Mask:
    universe = graph.header.universe
    values = {universe[name].name: value for name, value in data_id.items()}
    mask = np.zeros(graph.n_quanta, bool)
    for task in graph.tasks:
        if set(values) <= set(task.dimensions.names):
            mask[task.first : task.first + task.count] = _rows(graph, task, values)
    return mask


def _rows(graph: QuantumGraph, task: TaskQuanta, values: Mapping[str, Any]) -> Mask:
    mask = np.ones(task.count, bool)
    for name, value in values.items():
        if name in task.dimensions.required:
            known = graph.values[name]
            code = known.index(value) if value in known else -1
            mask &= task.codes[:, task.dimensions.required.index(name)] == code
    implied = {name: value for name, value in values.items() if name not in task.dimensions.required}
    for row in np.flatnonzero(mask).tolist() if implied else ():
        found = graph.data_id(task.first + row)
        mask[row] = all(found.get(name) == value for name, value in implied.items())
    return mask
