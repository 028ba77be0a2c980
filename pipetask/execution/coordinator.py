"""The loop of a run: ready quanta to the executor, reports to the journal, and from there on."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pipetask.butler import ArtifactRecord
from pipetask.execution.chains import Chains
from pipetask.execution.commit import data_id_texts
from pipetask.execution.dispatch import Dispatch
from pipetask.execution.executors.base import LOST, Executor
from pipetask.execution.intermediates import Intermediates
from pipetask.execution.interruption import Interruption
from pipetask.execution.report import Failure, Report, Status
from pipetask.execution.retries import Retries
from pipetask.execution.stored_reports import StoredReports
from pipetask.execution.summary import Errors, RunSummary, Tally
from pipetask.execution.walker import Walker

if TYPE_CHECKING:
    from pipetask.execution.journal import Journal
    from pipetask.graph.quantum_graph import QuantumGraph

_log = logging.getLogger(__name__)

WAIT_S = 0.2
"""How often the loop looks up even if nothing is reported, for Ctrl-C and for commits that are due."""
PAUSE_S = 0.05
"""How often it looks up while all that is left waits to be tried again."""
GROUP_S = 0.2
"""Reports are made durable together this often, as long as nobody waits for them: a sync costs milliseconds
however few the files. A crash loses no more than so much work (benchmarks/execution.py)."""


class Files(Protocol):
    """Where the artifacts of quanta are: a datastore."""

    def sync(self, records: Iterable[ArtifactRecord]) -> None:
        """Make them durable, in one pass."""

    def remove(self, records: Iterable[ArtifactRecord]) -> None:
        """Delete them."""


class Coordinator:
    """Runs a graph.

    Parameters
    ----------
    graph : `QuantumGraph`
        What to run.
    executor : `Executor`
        Where quanta run.
    files : `Files`
        Where their artifacts are made durable.
    journal : `Journal`
        The run's journal.
    stored : `StoredReports`
        Where reports go from the journal.
    earlier : `~collections.abc.Mapping` [ `int`, `Report` ], optional
        How quanta went that need not be run any more.
    left_out : `~collections.abc.Iterable` [ `int` ], optional
        Quanta that others run, or nobody.
    fail_fast : `bool`
        Whether nothing more is begun after the first failure.
    retries : `int`
        How often quanta that failed are tried again.
    chains : `Chains`, optional
        Which quanta one worker runs in one go; then temporary datasets are not kept.
    progress : callable, optional
        Called with the `Tally` after each change.

    Attributes
    ----------
    has_left_overs : `bool`
        Whether a worker was lost, which may have written files that nobody knows of.
    """

    def __init__(
        self,
        graph: QuantumGraph,
        executor: Executor,
        files: Files,
        journal: Journal,
        stored: StoredReports,
        *,
        earlier: Mapping[int, Report] = MappingProxyType({}),
        left_out: Iterable[int] = (),
        fail_fast: bool = False,
        retries: int = 0,
        chains: Chains | None = None,
        progress: Callable[[Tally], None] | None = None,
    ) -> None:
        self._graph = graph
        self._executor = executor
        self._files = files
        self._journal = journal
        self._stored = stored
        self._fail_fast = fail_fast
        self._progress = progress
        successors = graph.successors()
        done = {*earlier, *left_out}
        self._walker = Walker(successors.indptr, successors.indices, done=done)
        self._intermediates = Intermediates(graph, graph.header.temporary if chains else ())
        for report in earlier.values():
            self._intermediates.keep(report)
        self._dispatch = Dispatch(graph, self._walker, self._intermediates, chains, has_retries=retries > 0)
        self._retries = Retries(retries)
        self._group: list[Report] = []
        self._is_urgent = False
        self._last_secured = time.monotonic()
        self._blocked: dict[int, Failure] = {}
        self.has_left_overs = False
        self._errors, self._no_work = Errors(), Errors()
        before = Counter(map(graph.label_of, done))
        self._tally = Tally({task.label: task.count - before[task.label] for task in graph.tasks})

    def run(self) -> RunSummary:
        """Run all quanta that can be run, and store what became of each."""
        begin = time.monotonic()
        with Interruption() as interruption:
            stopping = False
            while self._dispatch.running or (self._walker.active and not stopping):
                if not stopping:
                    self._submit()
                self._add(self._collected(stopping=stopping))
                if self._is_group_due():
                    self._secure_group()
                if not stopping and (interruption.asked or (self._fail_fast and self._errors.groups())):
                    stopping = True
                    self._dispatch.give_back(self._executor.cancel())
                    self._add([*self._dispatch.give_up(), *self._retries.give_up()])
                self._stored.store_if_due()
        self._finish()
        return RunSummary(
            self._graph.header.output_run,
            self._tally.counts,
            self._errors.groups(),
            time.monotonic() - begin,
            interrupted=interruption.asked,
            reused=self._graph.reused.n_quanta,
            output=self._graph.header.output,
            no_work=self._no_work.groups(),
        )

    def _submit(self) -> None:
        due = self._retries.due()
        if self._group and (due or self._dispatch.has_spared):
            self._secure_group()  # it has what these read
        again = [
            work
            for quantum in due
            for work in self._dispatch.begin_again(quantum, is_alone=self._retries.is_alone(quantum))
        ]
        self._executor.submit([*again, *self._dispatch.take(self._executor.capacity)])

    def _collected(self, *, stopping: bool) -> list[Report]:
        """Take the reports that have come, those of quanta that will be run again left out."""
        reports: list[Report] = []
        for report in self._executor.collect(WAIT_S):
            if report.ok:
                reports += self._dispatch.note_success(report)
                continue
            self.has_left_overs |= report.failure is not None and report.failure.kind in LOST
            self.has_left_overs |= bool(self._graph.header.composites)  # parts are not taken back
            is_again = self._retries.postpone(report, is_ending=stopping)
            reports += self._dispatch.note_failure(report, is_again=is_again, is_ending=stopping)
            if is_again:
                work = self._dispatch.running[report.quantum]
                name = f"{work.label} {self._data_id(report.quantum)}"
                _log.warning("%s %s and is tried again: %s", name, _fate(report), report.failure)
            else:
                reports.append(report)
        if not reports and self._retries and len(self._retries) == self._dispatch.n_at_work:
            time.sleep(PAUSE_S)  # an executor that has nothing to do doesn't wait
        return list(map(self._retries.counted, reports))

    def _add(self, reports: list[Report]) -> None:
        self._group += reports
        self._is_urgent |= not all(report.ok for report in reports)

    def _is_group_due(self) -> bool:
        """Tell whether others may wait for what is in the group, or the last sync was long ago."""
        if not self._group:
            return False
        is_long_ago = time.monotonic() - self._last_secured >= GROUP_S
        return is_long_ago or not self._walker.n_ready or self._is_urgent

    def _secure_group(self) -> None:
        """Make a group of reports durable, artifacts first, and only then let others build on it."""
        reports, self._group, self._is_urgent = self._group, [], False
        self._files.sync(
            record for report in reports for records in report.written.values() for record in records
        )
        self._journal.append(*(report.to_bytes() for report in reports))
        for report in reports:
            self._note(report)
        self._stored.add(reports)
        self._last_secured = time.monotonic()
        if self._progress:
            self._progress(self._tally)

    def _note(self, report: Report) -> None:
        work = self._dispatch.running.pop(report.quantum)
        self._tally.add(work.label, report.status)
        if report.ok:
            self._intermediates.keep(report)
        if over := self._intermediates.drop_inputs_of(report.quantum):
            self._files.remove(over)
        blocked = self._walker.finish(report.quantum, ok=report.ok)
        if report.failure and report.ok:
            self._no_work.add(work.label, self._data_id(report.quantum), report.failure)
        elif report.failure:
            name = f"{work.label} {self._data_id(report.quantum)}"
            _log.error("%s %s: %s", name, _fate(report), report.failure.headline)
            self._errors.add(work.label, self._data_id(report.quantum), report.failure)
            reason = Failure("Blocked", f"It needs what {name} was to make, which failed.")
            self._blocked.update(dict.fromkeys(blocked, reason))
            for quantum in blocked:
                self._tally.add(self._graph.label_of(quantum), Status.BLOCKED)

    def _data_id(self, quantum: int) -> str:
        task = self._graph.task_of(quantum)
        return data_id_texts(self._graph, task, np.array([quantum - task.first]))[0]

    def _finish(self) -> None:
        """Store the rest, and say which quanta were never begun."""
        if over := self._intermediates.temporary_left():
            self._files.remove(over)
        left = self._walker.not_attempted()
        self._stored.store_rest(self._blocked, left)
        for quantum in left:
            self._tally.add(self._graph.label_of(quantum), Status.NOT_ATTEMPTED)
        if self._progress:
            self._progress(self._tally)


def _fate(report: Report) -> str:
    return "was lost" if report.status is Status.LOST else "failed"
