"""Results of earlier quanta taken over: for each quantum of a draft, whether an earlier one was the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import numpy.typing as npt

from pipetask.graph.codes import Codebooks
from pipetask.graph.datasets import Datasets, find_existing
from pipetask.graph.draft import DraftEdges, DraftTask
from pipetask.graph.earlier_quanta import Earlier, EarlierQuanta, data_id_key
from pipetask.graph.plan import Cause, Plan, PlannedQuantum, State
from pipetask.graph.project import CSR
from pipetask.graph.tables import Reused
from pipetask.task.input_digests import dataset_digest

if TYPE_CHECKING:
    from pipetask.butler import Butler, Registry
    from pipetask.pipeline.pipeline_graph import PipelineGraph

Ids = npt.NDArray[np.uint8]


class Reuse:
    """Decides which quanta need not run, task by task in topological order.

    Parameters
    ----------
    butler, codebooks, pipeline
        Where to look, how values are encoded, and what is to be done.
    collections
        Where earlier quanta are searched, in the order of preference.
    inputs
        Where inputs are searched.

    Attributes
    ----------
    plan : `Plan`
        What becomes of each quantum, and why.
    """

    def __init__(
        self,
        butler: Butler,
        codebooks: Codebooks,
        pipeline: PipelineGraph,
        collections: Sequence[str],
        inputs: Sequence[str],
    ) -> None:
        self._registry = butler.registry
        self._codebooks = codebooks
        self._pipeline = pipeline
        self._earlier = EarlierQuanta(butler, codebooks, pipeline, collections, inputs)
        self._ids: dict[str, list[Ids]] = {}
        self.plan = Plan()

    @property
    def reused(self) -> Reused:
        """What is taken over: to be associated with the output collection."""
        return Reused(
            self.plan.n_reused(),
            {name: np.unique(np.concatenate(ids), axis=0) for name, ids in self._ids.items()},
        )

    def apply(self, task: DraftTask) -> None:
        """Take the quanta out whose results hold, and let what these made be the inputs of others."""
        matcher = _Matcher(task, self._earlier, self._registry, self._codebooks)
        planned: list[PlannedQuantum] = []
        taken: dict[str, list[int]] = {}
        for row in np.flatnonzero(task.is_kept).tolist():
            quantum = matcher.plan(row)
            planned.append(quantum)
            if quantum.state is State.REUSED:
                taken.setdefault(quantum.run, []).append(row)
        self.plan.tasks[task.node.label] = matcher.with_changed_inputs(planned)
        is_taken = np.zeros(len(task.data_ids), bool)
        is_taken[[row for rows in taken.values() for row in rows]] = True
        if not is_taken.any():
            return
        task.is_skipped |= is_taken
        task.done_in = tuple(taken)
        task.drop(is_taken)
        for run, rows in taken.items():
            self._adopt(task, matcher.outputs(run), rows)
        if not task.is_kept.any():
            self._take_init_outputs(task)

    def _adopt(self, task: DraftTask, outputs: Mapping[str, _Found], rows: Sequence[int]) -> None:
        """Let what quanta made in an earlier run take the place of what they would make."""
        is_taken = np.zeros(len(task.data_ids), bool)
        is_taken[rows] = True
        for name, found in outputs.items():
            edges = task.edges[name]
            ours = np.zeros(len(edges.datasets), bool)
            ours[edges.pairs.right[is_taken[edges.pairs.left]]] = True
            there = np.flatnonzero(ours & (found.row >= 0))
            existing = found.datasets.table.existing.take(found.row[there])
            edges.datasets.adopt(there, existing)
            edges.datasets.is_there[there] = True
            self._ids.setdefault(edges.connection.dataset_type, []).append(existing.ids)

    def _take_init_outputs(self, task: DraftTask) -> None:
        """Take over what a task as such made, if none of its quanta runs."""
        node = task.node
        for name in (*(edge.dataset_type for edge in node.init_outputs.values()), node.config_dataset):
            kind = self._pipeline.dataset_types[name].dataset_type
            found = find_existing(self._registry, self._codebooks, kind, task.done_in)
            if len(found):
                self._ids.setdefault(name, []).append(found.table.existing.ids)


@dataclass(frozen=True, slots=True)
class _Found:
    """The datasets of an output connection in an earlier run: row of each that the draft predicts, or -1."""

    datasets: Datasets
    row: npt.NDArray[np.int64]


class _Matcher:
    """Compares the quanta of one task with earlier ones."""

    def __init__(
        self, task: DraftTask, earlier: EarlierQuanta, registry: Registry, codebooks: Codebooks
    ) -> None:
        self._task = task
        self._earlier = earlier
        self._registry = registry
        self._codebooks = codebooks
        self._candidates = earlier.of_task(task.node)
        self._inputs = {
            edges.connection.name: (edges, CSR.from_pairs(edges.pairs, len(task.data_ids)))
            for edges in task.of_kind("input", "prerequisite")
        }
        self._outputs: dict[str, dict[str, _Found]] = {}
        self._n_outputs: dict[str, npt.NDArray[np.int64]] = {}
        self._changed: dict[int, tuple[Earlier, list[str], int]] = {}
        self._n_planned = 0

    def plan(self, row: int) -> PlannedQuantum:
        """Decide about one quantum."""
        number, self._n_planned = self._n_planned, self._n_planned + 1
        ids = self._task.data_ids
        codes = zip(ids.dimensions, ids.codes[row].tolist(), strict=True)
        data_id = {d: self._codebooks[d].values[code] for d, code in codes}
        candidates = self._candidates.get(data_id_key(data_id), ())
        if not candidates:
            return PlannedQuantum(data_id, State.NEW)
        compared = []
        upstream = [Cause("upstream", text) for text in self._made_anew(row)]
        digests = {} if upstream else self._digests(row)
        for earlier in candidates:
            changed = [] if upstream else self._changed_inputs(earlier, digests)
            causes = [*self._earlier.changes_of_task(self._task.node, earlier), *upstream]
            if not changed:
                causes += self._lost_outputs(earlier, row)
            if not causes and not changed:
                return PlannedQuantum(data_id, State.REUSED, run=earlier.run)
            compared.append((earlier, causes, changed))
        # The nearest one says most clearly what has changed.
        earlier, causes, changed = min(compared, key=lambda each: len(each[1]) + len(each[2]))
        if changed:
            self._changed[number] = earlier, changed, row
        return PlannedQuantum(data_id, State.INVALID, tuple(causes), earlier.run)

    def _made_anew(self, row: int) -> Iterator[str]:
        for edges, csr in self._inputs.values():
            n = int(np.count_nonzero(edges.datasets.table.serials[csr[row]] >= 0))
            if n:
                yield f"{n} '{edges.connection.dataset_type}' will be made anew"

    def _ids(self, edges: DraftEdges, csr: CSR, row: int) -> list[bytes]:
        table = edges.datasets.table
        rows = -1 - table.serials[csr[row]]
        return [id.tobytes() for id in table.existing.ids[rows]]

    def _digests(self, row: int) -> dict[str, str]:
        given = {name: self._ids(edges, csr, row) for name, (edges, csr) in self._inputs.items()}
        return {name: dataset_digest(ids) for name, ids in given.items() if ids}

    def _changed_inputs(self, earlier: Earlier, digests: Mapping[str, str]) -> list[str]:
        init = self._task.node.init_inputs
        names = dict.fromkeys((*digests, *(name for name in earlier.inputs if name not in init)))
        return [name for name in names if digests.get(name) != earlier.inputs.get(name)]

    def _lost_outputs(self, earlier: Earlier, row: int) -> Iterator[Cause]:
        self.outputs(earlier.run)
        n = int(self._n_outputs[earlier.run][row])
        if n < earlier.n_outputs:
            lost = earlier.n_outputs - n
            verb = "is" if lost == 1 else "are"
            yield Cause("output", f"{lost} of {earlier.n_outputs} datasets that it made {verb} gone")

    def outputs(self, run: str) -> dict[str, _Found]:
        """Find the outputs of all quanta in an earlier run, by connection, if their bytes are there."""
        if run not in self._outputs:
            found, count = {}, np.zeros(len(self._task.data_ids), np.int64)
            for edges in self._task.of_kind("output", "log", "metadata"):
                kind = edges.datasets.table.dataset_type
                there = find_existing(self._registry, self._codebooks, kind, [run])
                ours = edges.datasets.data_ids
                row = there.data_ids.find(ours.columns(), len(ours), self._codebooks)
                is_stored = np.zeros(len(there), bool)
                if len(there):
                    index, _ = self._registry.location_columns(there.table.existing.ids)
                    is_stored[np.asarray(index, np.int64)] = True
                row[row >= 0] = np.where(is_stored[row[row >= 0]], row[row >= 0], -1)
                count += np.bincount(edges.pairs.left[row[edges.pairs.right] >= 0], minlength=count.size)
                found[edges.connection.name] = _Found(there, row)
            self._outputs[run], self._n_outputs[run] = found, count
        return self._outputs[run]

    def with_changed_inputs(self, planned: Sequence[PlannedQuantum]) -> list[PlannedQuantum]:
        """Add to quanta with changed inputs which ones these are: those read before are looked up at once."""
        read: dict[tuple[UUID, str], set[bytes]] = {}
        ids = [earlier.id for earlier, _, _ in self._changed.values()]
        for quantum, dataset, connection in self._registry.provenance.inputs(ids) if ids else ():
            read.setdefault((quantum, connection), set()).add(dataset.bytes)
        result = list(planned)
        for number, (earlier, names, row) in self._changed.items():
            causes = [self._input_cause(name, read.get((earlier.id, name), set()), row) for name in names]
            old = result[number]
            result[number] = PlannedQuantum(old.data_id, old.state, (*old.causes, *causes), old.run)
        return result

    def _input_cause(self, name: str, before: set[bytes], row: int) -> Cause:
        if name not in self._inputs:
            return Cause("input", f"connection '{name}' is no longer read")
        edges, csr = self._inputs[name]
        dataset_type = edges.datasets.table.dataset_type
        now = set(self._ids(edges, csr, row))
        changes = {"more": len(now - before), "fewer": len(before - now)}
        if changes["more"] == changes["fewer"]:
            text = f"{changes['more'] or 'some'} '{dataset_type.name}' replaced"
        else:
            text = " and ".join(f"{n} '{dataset_type.name}' {what}" for what, n in changes.items() if n)
        return Cause("calibration" if dataset_type.isCalibration() else "input", text)
