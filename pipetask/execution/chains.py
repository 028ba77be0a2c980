"""Which quanta one worker runs in one go, so that it can hand on in memory what they make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipetask.graph.tables import QUANTUM_INPUTS

if TYPE_CHECKING:
    from pipetask.graph.quantum_graph import QuantumGraph

MOST_READERS = 8
"""Readers of a temporary dataset that follow its maker, one after the other; if there are more they run in
parallel, and read it from a file."""

Pairs = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


class Chains:
    """Chains of quanta of a graph.

    A quantum follows those that make what is temporary for it, or the one whose only reader it is. It must
    not wait for anything else by then: all that it needs is made in the chain, or before the chain begins.
    Quanta that need several chains, as all that combine many images do, follow none.

    Parameters
    ----------
    graph : `QuantumGraph`
        The graph.
    """

    def __init__(self, graph: QuantumGraph) -> None:
        successors = graph.successors()
        self._n_successors = np.diff(successors.indptr)
        makers = np.repeat(np.arange(graph.n_quanta), self._n_successors)
        order = np.argsort(successors.indices, kind="stable")
        counts = np.bincount(successors.indices, minlength=graph.n_quanta)
        self._bounds = np.concatenate([[0], np.cumsum(counts)]).tolist()
        self._makers = makers[order]
        self._first = list(range(graph.n_quanta))
        self._followers: dict[int, list[int]] = {}
        wanted = self._wanted(graph, makers, successors.indices)
        for quantum in sorted(wanted):  # makers come before their readers
            self._append(quantum, wanted[quantum])

    def followers(self, quantum: int) -> list[int]:
        """Return the quanta that come after one in its chain, in this order."""
        first = self._first[quantum]
        followers = self._followers.get(first, [])
        return followers if quantum == first else [each for each in followers if each > quantum]

    def needs(self, quantum: int) -> frozenset[int]:
        """Return the quanta of its chain that one reads from."""
        first = self._first[quantum]
        return frozenset(maker for maker in self._needed(quantum) if self._first[maker] == first)

    def _needed(self, quantum: int) -> list[int]:
        found: list[int] = self._makers[self._bounds[quantum] : self._bounds[quantum + 1]].tolist()
        return found

    def _wanted(
        self, graph: QuantumGraph, makers: npt.NDArray[np.int64], readers: npt.NDArray[np.int32]
    ) -> dict[int, list[int]]:
        """Find, for each quantum, those in whose chain it should be."""
        is_only = self._n_successors[makers] == 1
        found: dict[int, list[int]] = {}
        for some_makers, some_readers in ((makers[is_only], readers[is_only]), *_temporary_pairs(graph)):
            for maker, reader in zip(some_makers.tolist(), some_readers.tolist(), strict=True):
                found.setdefault(reader, []).append(maker)
        return found

    def _append(self, quantum: int, wanted: list[int]) -> None:
        first, *others = {self._first[maker] for maker in wanted}
        if others:
            return
        outside = [maker for maker in self._needed(quantum) if self._first[maker] != first]
        if set(outside) <= set(self._needed(first)):
            self._first[quantum] = first
            self._followers.setdefault(first, []).append(quantum)


def _temporary_pairs(graph: QuantumGraph) -> Iterator[Pairs]:
    """Yield makers and readers of the temporary datasets with few readers."""
    for name in sorted(graph.header.temporary & graph.datasets.keys()):
        maker = np.full(len(graph.datasets[name]), -1, np.int64)
        readers, rows = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for task in graph.tasks:
            for connection in task.connections:
                if connection.dataset_type != name:
                    continue
                pairs = graph.edges[task.label, connection.name].pairs()
                if connection.kind == "output":
                    maker[pairs.right] = pairs.left + task.first
                elif connection.kind in QUANTUM_INPUTS:
                    readers.append(pairs.left.astype(np.int64) + task.first)
                    rows.append(pairs.right.astype(np.int64))
        reader, row = np.concatenate(readers), np.concatenate(rows)
        n_readers = np.bincount(row, minlength=maker.size)
        is_fit = (maker[row] >= 0) & (n_readers[row] <= MOST_READERS)
        yield maker[row[is_fit]], reader[is_fit]
