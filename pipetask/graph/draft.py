"""A quantum graph while it is being built: which quanta and edges are left after each step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipetask.graph.datasets import Datasets
from pipetask.graph.project import DataIds, Pairs
from pipetask.graph.tables import Connection, Kind, Serials

if TYPE_CHECKING:
    from pipetask.pipeline.nodes import Edge, TaskNode

Mask = npt.NDArray[np.bool_]


@dataclass(slots=True)
class DraftEdges:
    """The edges of one connection of a task."""

    connection: Connection
    datasets: Datasets
    pairs: Pairs

    def count(self, n_quanta: int) -> npt.NDArray[np.int64]:
        """How many datasets each quantum has."""
        return np.bincount(self.pairs.left, minlength=n_quanta)


@dataclass(slots=True)
class DraftTask:
    """The quanta of one task.

    Attributes
    ----------
    node : `TaskNode`
        The task.
    data_ids : `DataIds`
        Data IDs of all its quanta, those already dropped included.
    serials
        Identities.
    is_kept : shape (n,), bool
        Whether each quantum is still in.
    is_skipped : shape (n,), bool
        Whether it is not in only because it was done before.
    is_redone : shape (n,), bool
        Whether it is in although it was done before, for outputs that were not kept.
    edges : `dict` [`str`, `DraftEdges`]
        Edges by name of connection.
    done_in : `tuple` [`str`]
        Runs whose results are used again for some of the quanta.
    reasons : `dict` [`int`, `str`]
        Why `adjustQuantum` dropped quanta, by row.
    lacking : `dict` [`int`, `str`]
        Which prerequisite quanta lack, by row, where that is asked for instead of being an error.
    incomplete : `list` [`tuple`]
        What composites lacked, and which quanta were dropped for that.
    """

    node: TaskNode
    data_ids: DataIds
    serials: Serials
    is_kept: Mask = field(init=False)
    is_skipped: Mask = field(init=False)
    is_redone: Mask = field(init=False)
    edges: dict[str, DraftEdges] = field(default_factory=dict)
    done_in: tuple[str, ...] = ()
    reasons: dict[int, str] = field(default_factory=dict)
    lacking: dict[int, str] = field(default_factory=dict)
    incomplete: list[tuple[str, Mask]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.is_kept = np.ones(len(self.data_ids), bool)
        self.is_skipped = np.zeros(len(self.data_ids), bool)
        self.is_redone = np.zeros(len(self.data_ids), bool)

    def add(self, connection: Connection, datasets: Datasets, pairs: Pairs) -> None:
        """Note the edges of a connection."""
        self.edges[connection.name] = DraftEdges(connection, datasets, pairs)

    def of_kind(self, *kinds: Kind) -> Iterator[DraftEdges]:
        """List the edges of the connections of some kinds."""
        return (edges for edges in self.edges.values() if edges.connection.kind in kinds)

    def drop(self, is_dropped: Mask) -> None:
        """Take quanta out, and with them what nobody else would have made."""
        self.is_kept &= ~is_dropped
        for edges in self.of_kind("output", "log", "metadata"):
            edges.datasets.is_there[edges.pairs.right[is_dropped[edges.pairs.left]]] = False
            if edges.connection.is_part:  # which quanta that are kept may share
                edges.datasets.is_there[edges.pairs.right[self.is_kept[edges.pairs.left]]] = True

    def drop_lacking(self, rows: npt.NDArray[np.int64], why: str) -> None:
        """Take quanta out that lack a prerequisite."""
        self.lacking |= dict.fromkeys(rows.tolist(), why)
        is_lacking = np.zeros(len(self.data_ids), bool)
        is_lacking[rows] = True
        self.drop(is_lacking)


def connection_of(edge: Edge, kind: Kind) -> Connection:
    """Describe an edge of the pipeline graph as graphs keep it."""
    return Connection(edge.connection, kind, edge.dataset_type, edge.component or "", edge.storage_class)
