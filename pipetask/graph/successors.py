"""Which quanta wait for which: those that read a dataset for those that make it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipetask.graph.project import CSR, Pairs
from pipetask.graph.tables import QUANTUM_INPUTS, QUANTUM_OUTPUTS, Kind

if TYPE_CHECKING:
    from pipetask.graph.quantum_graph import QuantumGraph


def successors(graph: QuantumGraph) -> CSR:
    """List, for each quantum, those that read what it makes."""
    makers = _edges_of_kinds(graph, QUANTUM_OUTPUTS)
    users = _edges_of_kinds(graph, QUANTUM_INPUTS)
    left, right = [np.empty(0, np.int32)], [np.empty(0, np.int32)]
    for name in makers.keys() & users.keys():
        # A part of a composite that is written once may have several makers: readers wait for all.
        for maker in _makers(makers[name], len(graph.datasets[name])):
            for pairs in users[name]:
                source = maker[pairs.right]
                left.append(source[source >= 0])
                right.append(pairs.left[source >= 0])
    pairs = Pairs.distinct(np.concatenate(left), np.concatenate(right), graph.n_quanta)
    return CSR.from_pairs(pairs, graph.n_quanta)


def _edges_of_kinds(graph: QuantumGraph, kinds: frozenset[Kind]) -> dict[str, list[Pairs]]:
    """Collect the pairs of quantum and dataset by dataset type."""
    found: dict[str, list[Pairs]] = {}
    for task in graph.tasks:
        for connection in task.connections:
            if connection.kind in kinds and task.count:
                pairs = graph.edges[task.label, connection.name].pairs()
                here = Pairs((pairs.left + np.int32(task.first)).astype(np.int32), pairs.right)
                found.setdefault(connection.dataset_type, []).append(here)
    return found


def _makers(found: list[Pairs], n_datasets: int) -> Iterator[npt.NDArray[np.int32]]:
    """Yield arrays of the maker of each dataset, -1 for none: one, unless datasets have several makers."""
    for pairs in found:
        left, right = pairs.left, pairs.right
        while right.size:
            maker = np.full(n_datasets, -1, np.int32)
            maker[right] = left
            yield maker
            is_left_out = maker[right] != left
            left, right = left[is_left_out], right[is_left_out]
