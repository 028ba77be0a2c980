"""Which datasets of a part belong to which composites of a quantum: those of equal shared dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipetask.graph.codes import Codebooks, row_keys
from pipetask.graph.draft import DraftTask
from pipetask.graph.folding import shared_dimensions

if TYPE_CHECKING:
    from pipetask.pipeline.nodes import CompositeEdge, PartEdge


@dataclass(frozen=True, slots=True)
class Match:
    """Which datasets of a part belong to which composites, within each quantum.

    Parameters
    ----------
    wholes, parts
        For each pair of a quantum and a composite, or a dataset, a number; equal for those that match.
    count
        How many datasets each pair of a quantum and a composite has.
    """

    wholes: npt.NDArray[np.int64]
    parts: npt.NDArray[np.int64]
    count: npt.NDArray[np.int64]


def match_parts(task: DraftTask, use: CompositeEdge, part: PartEdge, codebooks: Codebooks) -> Match:
    """Match the datasets of a part with the composites of the quanta of a task."""
    wholes, parts = task.edges[use.edge.connection], task.edges[part.name]
    shared = shared_dimensions(part.part, use.whole.dimensions.required, part.dimensions.required)
    tables = []
    for edges in (wholes, parts):
        columns = edges.datasets.data_ids.columns()
        tables.append([edges.pairs.left, *(columns[d][edges.pairs.right] for d in shared)])
    (of_wholes, of_parts), _ = row_keys(
        tables,
        [len(task.data_ids), *codebooks.sizes(shared)],
        [wholes.pairs.left.size, parts.pairs.left.size],
    )
    distinct, inverse = np.unique(np.concatenate([of_wholes, of_parts]), return_inverse=True)
    of_wholes, of_parts = np.split(inverse, [of_wholes.size])
    count = np.bincount(of_parts, minlength=distinct.size)[of_wholes]
    return Match(of_wholes, of_parts, count)


def keep_parts(task: DraftTask, codebooks: Codebooks) -> None:
    """Leave the edges to parts that a composite of the quantum is made of."""
    for use in reversed(list(task.node.composites.values())):
        for part in use.parts:
            match = match_parts(task, use, part, codebooks)
            is_used = np.zeros(max(match.wholes.max(initial=-1), match.parts.max(initial=-1)) + 1, bool)
            is_used[match.wholes] = True
            edges = task.edges[part.name]
            after = edges.pairs.where(is_used[match.parts])
            if edges.connection.kind == "output":
                edges.datasets.is_there[edges.pairs.right[task.is_kept[edges.pairs.left]]] = False
                edges.datasets.is_there[after.right[task.is_kept[after.left]]] = True
            edges.pairs = after
