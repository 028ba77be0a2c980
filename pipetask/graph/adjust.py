"""The rules on how many datasets a quantum needs, and the tasks' own ``adjustQuantum``."""

from __future__ import annotations

from itertools import islice

import numpy as np

from pipetask.butler import DataCoordinate, DatasetRef
from pipetask.errors import NoWorkFound
from pipetask.graph.codes import Codebooks
from pipetask.graph.draft import DraftEdges, DraftTask
from pipetask.graph.folding import Folder
from pipetask.graph.funnel import MAX_EXAMPLES
from pipetask.graph.part_matches import keep_parts
from pipetask.graph.project import CSR, Pairs
from pipetask.graph.refs import DataIdDecoder, RefMaker
from pipetask.graph.tables import QUANTUM_COMPOSITES, QUANTUM_INPUTS
from pipetask.task.adjust import adjust, check_counts, overrides_adjust_quantum


def drop_without_inputs(task: DraftTask) -> dict[str, int]:
    """Drop quanta that have fewer inputs than they need, of those that exist or will be made.

    Returns
    -------
    dropped
        How many quanta lack each connection.
    """
    dropped = {}
    for edges in task.of_kind("input"):
        edges.pairs = edges.pairs.where(edges.datasets.is_there[edges.pairs.right])
        minimum = task.node.inputs[edges.connection.name].minimum
        is_short = task.is_kept & (edges.count(len(task.data_ids)) < minimum)
        if is_short.any():
            dropped[edges.connection.name] = int(np.count_nonzero(is_short))
            task.drop(is_short)
    return dropped


def quanta_without_prerequisite(
    task: DraftTask, edges: DraftEdges
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """List the quanta left that have fewer datasets of a prerequisite than they need."""
    minimum = task.node.prerequisite_inputs[edges.connection.name].minimum
    return np.flatnonzero(task.is_kept & (edges.count(len(task.data_ids)) < minimum))


class Adjuster:
    """Applies ``adjustQuantum`` and the single-dataset rule.

    Parameters
    ----------
    decoder, maker
        To make the data IDs and refs that a hook sees.
    codebooks
        How values are encoded.
    """

    def __init__(self, decoder: DataIdDecoder, maker: RefMaker, codebooks: Codebooks) -> None:
        self._decoder = decoder
        self._maker = maker
        self._codebooks = codebooks

    def apply(self, task: DraftTask) -> list[str]:
        """Adjust the quanta of a task that are left.

        Returns
        -------
        reasons
            Why quanta were dropped, for a few of them.
        """
        if overrides_adjust_quantum(task.node.connections):
            return self._call_hooks(task)
        self._check_single(task)
        return []

    def _check_single(self, task: DraftTask) -> None:
        """Let the first quantum speak that has several datasets where its task takes one."""
        node = task.node
        singles = {
            name: edge
            for group in (node.inputs, node.prerequisite_inputs, node.outputs)
            for name, edge in group.items()
            if not edge.multiple
        }
        composites = node.composites.values()
        singles |= {use.edge.connection: use.edge for use in composites if not use.edge.multiple}
        for name in singles.keys() & task.edges.keys():
            too_many = np.flatnonzero(task.is_kept & (task.edges[name].count(len(task.data_ids)) > 1))
            if too_many.size:
                row = int(too_many[0])
                inputs, outputs = self._refs(task, self._slices(task), row)
                check_counts(node.connections, inputs, outputs, node.label, self._data_id(task, row))

    def _call_hooks(self, task: DraftTask) -> list[str]:
        slices = self._slices(task)
        kept: dict[str, list[tuple[int, int]]] = {}
        is_dropped = np.zeros(len(task.data_ids), bool)
        # One call per quantum: the hook is the task's own Python code.
        for row in np.flatnonzero(task.is_kept).tolist():
            before = self._refs(task, slices, row)
            data_id = self._data_id(task, row)
            try:
                after = adjust(task.node.connections, *before, task.node.label, data_id)
            except NoWorkFound as why:
                task.reasons[row] = str(why)
                continue
            if any(before[1].values()) and not any(after[1].values()):
                task.reasons[row] = "adjustQuantum left no output"
                continue
            for old, new in zip(before, after, strict=True):
                for name, refs in old.items():
                    position = {ref.id: at for ref, at in zip(refs, slices[name][row].tolist(), strict=True)}
                    kept.setdefault(name, []).extend((row, position[ref.id]) for ref in new[name])
        is_dropped[list(task.reasons)] = True
        task.drop(is_dropped)
        for edges in task.of_kind("input", "prerequisite", "output", *QUANTUM_COMPOSITES):
            if edges.connection.is_part:
                continue
            pairs = np.array(kept.get(edges.connection.name, []), np.int64).reshape(-1, 2)
            after_hook = Pairs.distinct(pairs[:, 0], pairs[:, 1], len(edges.datasets))
            if edges.connection.kind == "output":
                edges.datasets.is_there[edges.pairs.right[task.is_kept[edges.pairs.left]]] = False
                edges.datasets.is_there[after_hook.right] = True
            edges.pairs = after_hook
        keep_parts(task, self._codebooks)
        examples = islice(task.reasons.items(), MAX_EXAMPLES)
        return [f"{self._data_id(task, row)}: {reason}" for row, reason in examples]

    def _data_id(self, task: DraftTask, row: int) -> DataCoordinate:
        return self._decoder.decode(task.node.dimensions, tuple(task.data_ids.codes[row].tolist()))

    def _slices(self, task: DraftTask) -> dict[str, CSR]:
        return {name: CSR.from_pairs(edges.pairs, len(task.data_ids)) for name, edges in task.edges.items()}

    def _refs(
        self, task: DraftTask, slices: dict[str, CSR], row: int
    ) -> tuple[dict[str, list[DatasetRef]], dict[str, list[DatasetRef]]]:
        """Make the inputs and outputs of one quantum, as its task sees them."""
        refs, made = {}, []
        for edges in task.of_kind(*QUANTUM_INPUTS, "output", *QUANTUM_COMPOSITES):
            name = edges.connection.name
            refs[name] = self._maker.refs(edges.connection, edges.datasets.table, slices[name][row].tolist())
            if edges.connection.kind in ("output", "composite_output"):
                made.append(name)
        if task.node.composites:
            definitions = {use.whole.name: use.composite for use in task.node.composites.values()}
            refs = Folder((edges.connection for edges in task.edges.values()), definitions).fold(refs)
        outputs = {name: refs.pop(name) for name in made if name in refs}
        return refs, outputs
