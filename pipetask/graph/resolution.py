"""The third to fifth step of graph building, task by task: what is done, missing or unwanted is dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipetask.errors import MissingPrerequisiteError
from pipetask.graph import funnel as steps
from pipetask.graph.adjust import Adjuster, drop_without_inputs, quanta_without_prerequisite
from pipetask.graph.funnel import MAX_EXAMPLES, Funnel

if TYPE_CHECKING:
    from pipetask.graph.codes import Codebooks
    from pipetask.graph.composites import Wholeness
    from pipetask.graph.draft import DraftTask
    from pipetask.graph.outputs import ExistingOutputs
    from pipetask.graph.prerequisites import PrerequisiteFinder
    from pipetask.graph.refs import DataIdDecoder
    from pipetask.graph.reuse import Reuse
    from pipetask.pipeline.pipeline_graph import PipelineGraph


class Resolver:
    """Drops the quanta of a task that can't or need not run; tasks have to come after those that they need.

    Parameters
    ----------
    pipeline, codebooks, decoder
        Where dataset types are defined; how data IDs are encoded.
    outputs, wholeness, prerequisites, adjuster, reuse
        What knows of results there are, composites, prerequisites, `adjustQuantum` and earlier quanta.
    funnel
        Where the steps are counted.
    is_asked
        Whether quanta without a prerequisite are dropped, to tell why when asked, instead of an error.
    """

    def __init__(
        self,
        pipeline: PipelineGraph,
        codebooks: Codebooks,
        decoder: DataIdDecoder,
        outputs: ExistingOutputs,
        wholeness: Wholeness,
        prerequisites: PrerequisiteFinder,
        adjuster: Adjuster,
        reuse: Reuse | None,
        funnel: Funnel,
        *,
        is_asked: bool,
    ) -> None:
        self._pipeline = pipeline
        self._codebooks = codebooks
        self._decoder = decoder
        self._outputs = outputs
        self._wholeness = wholeness
        self._prerequisites = prerequisites
        self._adjuster = adjuster
        self._reuse = reuse
        self._funnel = funnel
        self._is_asked = is_asked

    def resolve(self, task: DraftTask) -> None:
        """Settle which quanta of a task are to run."""
        self._outputs.skip_done(task)
        self._outputs.check_in_the_way(task)
        before = task.is_kept.copy()
        lacking = drop_without_inputs(task)
        reasons = [f"{n:,} lack input '{name}'" for name, n in lacking.items()]
        reasons += self._wholeness.apply(task, self._decoder, is_asked=self._is_asked)
        if task.is_kept.any():
            self._add_prerequisites(task)
            reasons += dict.fromkeys(task.lacking.values())
        self._note(task, steps.PREREQUISITES, before, reasons)
        before = task.is_kept.copy()
        reasons = self._adjuster.apply(task)
        self._note(task, steps.ADJUSTED, before, reasons, has_examples=True)
        if self._reuse:
            self._reuse.apply(task)
        n_left, n_skipped = np.count_nonzero(task.is_kept), np.count_nonzero(task.is_skipped)
        self._funnel.add(task.node.label, steps.TO_RUN, int(n_left), int(n_skipped))

    def _add_prerequisites(self, task: DraftTask) -> None:
        for edge in task.node.prerequisite_inputs.values():
            if edge.connection in task.edges:
                continue  # a part of a composite, found with it
            stored = self._pipeline.dataset_types[edge.dataset_type].dataset_type
            try:
                self._prerequisites.add_to(task, edge, stored, self._decoder)
            except MissingPrerequisiteError as error:
                if not self._is_asked:
                    raise
                task.drop_lacking(quanta_without_prerequisite(task, task.edges[edge.connection]), str(error))

    def _note(
        self,
        task: DraftTask,
        step: str,
        before: npt.NDArray[np.bool_],
        reasons: list[str],
        *,
        has_examples: bool = False,
    ) -> None:
        """Count what a step left, with examples; quanta done before count as having passed it."""
        kept = int(np.count_nonzero(task.is_kept) + np.count_nonzero(task.is_skipped))
        dropped = np.flatnonzero(before & ~task.is_kept)
        if dropped.size and not has_examples:
            reasons = [
                *reasons,
                *(task.data_ids.text(int(i), self._codebooks) for i in dropped[:MAX_EXAMPLES]),
            ]
        self._funnel.add(task.node.label, step, kept, int(dropped.size), tuple(reasons))
