"""Outputs that exist already: quanta that were done before, outputs in the way."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipetask.butler import suggest
from pipetask.butler.defaults import reused_collection
from pipetask.errors import MissingCollectionError, OutputExistsError
from pipetask.graph.codes import Codebooks
from pipetask.graph.datasets import Datasets, find_existing
from pipetask.graph.draft import DraftTask

if TYPE_CHECKING:
    from pipetask.butler import DatasetType, Registry

log = logging.getLogger(__name__)


class ExistingOutputs:
    """Finds outputs of earlier executions.

    Parameters
    ----------
    registry, codebooks
        Where to read from, and how values are encoded.
    output_run
        The run that the graph's outputs go to; it need not exist.
    skip_existing_in
        Collections in which the metadata of a quantum tells that it was done before.
    retained
        Names or patterns of the dataset types that such quanta have kept.
    temporary
        Dataset types that they may have kept.
    clobber_outputs
        Whether outputs in the way are to be overwritten.
    """

    def __init__(
        self,
        registry: Registry,
        codebooks: Codebooks,
        *,
        output_run: str,
        skip_existing_in: Sequence[str],
        retained: Sequence[str] = ("*",),
        temporary: Collection[str] = (),
        clobber_outputs: bool,
    ) -> None:
        self._registry = registry
        self._codebooks = codebooks
        self._output_run = output_run
        own = (output_run, reused_collection(output_run))
        self._skip_in = tuple(name for name in skip_existing_in if name not in own or self._is_there(name))
        self._retained = tuple(retained)
        self._temporary = temporary
        self._clobber = clobber_outputs
        self._run_is_there = self._is_there(output_run)

    def _is_there(self, collection: str) -> bool:
        try:
            self._registry.collections.get_info(collection)
        except MissingCollectionError:
            return False
        return True

    def in_run(self, kind: DatasetType) -> Datasets:
        """Find what the output run holds of a type."""
        return self._find(kind, [self._output_run] if self._run_is_there else [])

    def done_before(self, kind: DatasetType, runs: Sequence[str]) -> Datasets:
        """Find what the collections hold in which quanta that were done are searched, and then some runs."""
        return self._find(kind, (*self._skip_in, *runs))

    def _find(self, kind: DatasetType, collections: Sequence[str]) -> Datasets:
        return find_existing(self._registry, self._codebooks, kind, collections)

    def mark_done(self, tasks: Sequence[DraftTask]) -> None:
        """Mark quanta whose metadata exist as skipped, unless one to run needs what they did not keep.

        Parameters
        ----------
        tasks
            All tasks, each after those whose outputs it reads.
        """
        if not self._skip_in:
            return
        for task in tasks:
            for metadata in task.of_kind("metadata"):
                found, _ = self._rows(metadata.datasets, self._skip_in)
                task.is_skipped[metadata.pairs.left[found[metadata.pairs.right] >= 0]] = True
        self._warn_of_unknown(tasks)
        for task in reversed(tasks):
            if task.is_skipped.any():
                self._wake(task, tasks)

    def _wake(self, task: DraftTask, tasks: Sequence[DraftTask]) -> None:
        """Let quanta run again whose outputs are needed and were not kept."""
        for made in task.of_kind("output"):
            name = made.connection.dataset_type
            if self._is_retained(name) and name not in self._temporary:
                continue
            is_needed = np.zeros(len(made.datasets), bool)
            for user in tasks:
                for read in user.of_kind("input"):
                    if read.datasets is made.datasets:
                        is_needed[read.pairs.right[~user.is_skipped[read.pairs.left]]] = True
            if self._is_retained(name):
                is_needed &= self._rows(made.datasets, self._skip_in)[0] < 0
            is_woken = np.zeros(len(task.data_ids), bool)
            is_woken[made.pairs.left[is_needed[made.pairs.right]]] = True
            task.is_redone |= task.is_skipped & is_woken
            task.is_skipped &= ~is_woken

    def _is_retained(self, dataset_type: str) -> bool:
        return any(fnmatchcase(dataset_type, pattern) for pattern in self._retained)

    def _warn_of_unknown(self, tasks: Sequence[DraftTask]) -> None:
        names = {edges.connection.dataset_type for task in tasks for edges in task.edges.values()}
        for pattern in self._retained:
            if pattern != "*" and not any(fnmatchcase(name, pattern) for name in names):
                log.warning(
                    "Retained dataset types: '%s' is none of this pipeline%s",
                    pattern,
                    suggest(pattern, names),
                )

    def skip_done(self, task: DraftTask) -> None:
        """Take quanta out that are skipped; what they made exists, or is not there for consumers."""
        if not task.is_skipped.any():
            return
        task.drop(task.is_skipped)
        for edges in task.of_kind("output", "log", "metadata"):
            is_done = np.zeros(len(edges.datasets), bool)
            is_done[edges.pairs.right[task.is_skipped[edges.pairs.left]]] = True
            found, there = self._rows(edges.datasets, self._skip_in)
            rows = np.flatnonzero(is_done & (found >= 0))
            edges.datasets.adopt(rows, there.table.existing.take(found[rows]))
            edges.datasets.is_there[rows] = True

    def check_in_the_way(self, task: DraftTask) -> None:
        """Find outputs of the quanta left that are in the output run; with clobbering they keep their ids.

        A quantum that is redone for what it did not keep leaves what it kept as it is. Logs are replaced in
        any case: a quantum that failed leaves one, and may be tried again. A part that several quanta offer
        is there as soon as one of them is done.

        Raises
        ------
        OutputExistsError
            If there are any, and clobbering is not allowed.
        """
        if not self._run_is_there:
            return
        for edges in task.of_kind("output", "log", "metadata"):
            found, there = self._rows(edges.datasets, [self._output_run])
            is_made, is_ours = np.zeros(len(edges.datasets), bool), np.zeros(len(edges.datasets), bool)
            is_made[edges.pairs.right[task.is_kept[edges.pairs.left]]] = True
            is_ours[edges.pairs.right[task.is_redone[edges.pairs.left]]] = True
            rows = np.flatnonzero(is_made & (found >= 0))
            if not rows.size:
                continue
            in_the_way = rows[~is_ours[rows]]
            made = edges.datasets.table.dataset_type.dimensions
            is_shared = edges.connection.is_part and not set(task.data_ids.dimensions) <= set(made.names)
            if in_the_way.size and not (self._clobber or edges.connection.kind == "log" or is_shared):
                example = edges.datasets.data_ids.text(int(in_the_way[0]), self._codebooks)
                raise OutputExistsError(
                    f"Run '{self._output_run}' holds {in_the_way.size} '{edges.connection.dataset_type}' "
                    f"that task '{task.node.label}' would make, such as {example}. Continue the run and "
                    "overwrite them (--extend-run --clobber-outputs), or choose another run."
                )
            edges.datasets.adopt(rows, there.table.existing.take(found[rows]))

    def _rows(self, datasets: Datasets, collections: Sequence[str]) -> tuple[npt.NDArray[np.int64], Datasets]:
        """Find, for each dataset that the graph knows, the row among those that collections hold."""
        there = self._find(datasets.table.dataset_type, collections)
        ours = datasets.data_ids
        return there.data_ids.find(ours.columns(), len(ours), self._codebooks), there
