"""What a run did, as data: counts and durations by task, errors in groups."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pipetask.butler.repository import journal_path
from pipetask.errors import EmptyQueryResultError
from pipetask.execution.commit import data_id_texts
from pipetask.execution.journal import read_journal
from pipetask.execution.report import Failure, Report, Status
from pipetask.execution.resume import graph_path
from pipetask.execution.summary import OK, SOME_FAILED, ErrorGroup, Errors
from pipetask.graph.quantum_graph import QuantumGraph

if TYPE_CHECKING:
    from pipetask.butler import Butler

_log = logging.getLogger(__name__)

DONE = frozenset({Status.SUCCEEDED, Status.NO_WORK})
RAN = frozenset({*DONE, Status.FAILED})
"""Status of quanta that were begun, and so have durations."""


@dataclass(frozen=True, slots=True)
class TaskReport:
    """The quanta of one task; those that were tried several times count once, as they ended last.

    Parameters
    ----------
    label : `str`
        The task.
    counts : `~collections.abc.Mapping` [ `Status`, `int` ]
        Number of quanta by status.
    median_s, longest_s, total_s : `float`
        Wall time of the quanta that ran [s].
    cpu_s : `float`
        Processor time of them all [s].
    peak_memory : `int`
        Largest resident set of any of them [byte].
    """

    label: str
    counts: Mapping[Status, int]
    median_s: float
    longest_s: float
    total_s: float
    cpu_s: float
    peak_memory: int


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did.

    Parameters
    ----------
    run : `str`
        Its name.
    tasks : `tuple` [`TaskReport`]
        In the order in which they began.
    errors : `tuple` [`ErrorGroup`]
        The most frequent first.
    wall_s : `float`
        From the beginning of the first quantum to the end of the last one [s].
    is_unfinished : `bool`
        Whether the run goes on at this moment, or was cut short and not resumed.
    """

    run: str
    tasks: tuple[TaskReport, ...]
    errors: tuple[ErrorGroup, ...]
    wall_s: float
    is_unfinished: bool

    def total(self, *statuses: Status) -> int:
        """Count the quanta with one of these statuses; all quanta if none is given."""
        return sum(task.counts.get(status, 0) for task in self.tasks for status in statuses or tuple(Status))

    @property
    def exit_code(self) -> int:
        """0 if all is done, 1 if something failed, was not attempted or is still to be done."""
        left = self.total(Status.FAILED, Status.BLOCKED, Status.NOT_ATTEMPTED)
        return SOME_FAILED if left or self.is_unfinished else OK

    def rows(self) -> list[dict[str, Any]]:
        """Return one plain mapping per task: label, a count for each status, durations [s], memory [byte]."""
        return [
            {"task": task.label}
            | {status.value: task.counts.get(status, 0) for status in Status}
            | {
                "median_s": task.median_s,
                "longest_s": task.longest_s,
                "total_s": task.total_s,
                "cpu_s": task.cpu_s,
                "peak_memory": task.peak_memory,
            }
            for task in self.tasks
        ]


class _Row(NamedTuple):
    label: str
    data_id: str
    status: Status
    begin_ns: int
    end_ns: int
    cpu_s: float
    peak_memory: int
    failure: Failure | None


def run_report(butler: Butler, name: str) -> RunReport:
    """Say what a run did.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    name : `str`
        A run, or a chain, whose newest run is meant.

    Raises
    ------
    EmptyQueryResultError
        If nothing was run there.
    """
    run = _newest_run(butler, name)
    last: dict[tuple[str, str], _Row] = {}
    rows = sorted([*_stored(butler, run), *_journaled(butler, run)], key=lambda row: row.begin_ns)
    # One that succeeded is never run again, whatever the clock said when others were tried.
    for row in sorted(rows, key=lambda row: row.status in DONE):
        last[row.label, row.data_id] = row
    if not last:
        raise EmptyQueryResultError(
            f"No quantum is recorded in {name!r} of {butler.root}. "
            "Runs are listed by: butler query-collections"
        )
    by_label: dict[str, list[_Row]] = {}
    errors = Errors()
    for row in last.values():
        by_label.setdefault(row.label, []).append(row)
        if row.status is Status.FAILED and row.failure:
            errors.add(row.label, row.data_id, row.failure)
    ran = [row for row in last.values() if row.status in RAN]
    wall_ns = max((row.end_ns for row in ran), default=0) - min((row.begin_ns for row in ran), default=0)
    return RunReport(
        run,
        tuple(_task_report(label, group) for label, group in by_label.items()),
        errors.groups(),
        wall_ns * 1e-9,
        is_unfinished=journal_path(butler.root, run).exists(),
    )


def _newest_run(butler: Butler, name: str) -> str:
    info = butler.registry.collections.get_info(name)
    if info.kind != "CHAINED":
        return name
    return next(
        (leaf.name for leaf in butler.registry.collections.resolve([name]) if leaf.kind == "RUN"), name
    )


def _stored(butler: Butler, run: str) -> Iterator[_Row]:
    for row in butler.registry.provenance.quanta(run):
        yield _Row(
            row.task_label,
            row.data_id,
            Status(row.status),
            row.begin_ns or 0,
            row.end_ns or 0,
            row.cpu_s or 0.0,
            row.peak_memory or 0,
            Failure(**json.loads(row.exception)) if row.exception else None,
        )


def _journaled(butler: Butler, run: str) -> Iterator[_Row]:
    """Read what an unfinished run has done so far; part of it may be stored already."""
    path = journal_path(butler.root, run)
    if not graph_path(path).exists():
        if count := len(list(read_journal(path))):
            _log.warning(
                "The journal %s tells of %d quanta more, which can't be shown: its graph is gone.",
                path,
                count,
            )
        return
    graph = QuantumGraph.load(graph_path(path))
    for report in map(Report.from_bytes, read_journal(path)):
        task = graph.task_of(report.quantum)
        yield _Row(
            task.label,
            data_id_texts(graph, task, np.array([report.quantum - task.first]))[0],
            report.status,
            report.begin_ns,
            report.end_ns,
            report.cpu_s,
            report.peak_memory,
            report.failure,
        )


def _task_report(label: str, rows: list[_Row]) -> TaskReport:
    seconds = np.array([row.end_ns - row.begin_ns for row in rows if row.status in RAN]) * 1e-9
    return TaskReport(
        label,
        Counter(row.status for row in rows),
        median_s=float(np.median(seconds)) if seconds.size else 0.0,
        longest_s=float(seconds.max(initial=0.0)),
        total_s=float(seconds.sum()),
        cpu_s=sum(row.cpu_s for row in rows),
        peak_memory=max(row.peak_memory for row in rows),
    )
