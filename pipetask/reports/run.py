"""What a run did, as data: counts and durations by task, errors in groups."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipetask.butler.executions import Executions, executions_of
from pipetask.butler.repository import journal_path, name_needed
from pipetask.errors import EmptyQueryResultError
from pipetask.execution.report import DONE, RAN, Status
from pipetask.execution.summary import OK, SOME_FAILED, ErrorGroup, Errors, RunSummary
from pipetask.reports.rerun import rerun_command
from pipetask.reports.run_rows import Row, latest_rows

if TYPE_CHECKING:
    from pipetask.butler import Butler
    from pipetask.graph.quantum_graph import QuantumGraph


@dataclass(frozen=True, slots=True)
class TaskReport:
    """The quanta of one task; those that were tried several times count once, as they ended last.

    Parameters
    ----------
    label : `str`
        The task.
    counts : `~collections.abc.Mapping` [ `Status`, `int` ]
        Number of quanta by outcome.
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
    output : `str`
        Chain whose newest run it is; empty if there is none.
    no_work : `tuple` [`ErrorGroup`]
        Why quanta found nothing to do, in groups as errors are.
    repository : `str`
        Its folder, if commands given here must name it.
    executions : `Executions`
        What all its executions were asked for.
    """

    run: str
    tasks: tuple[TaskReport, ...]
    errors: tuple[ErrorGroup, ...]
    wall_s: float
    is_unfinished: bool
    output: str = ""
    no_work: tuple[ErrorGroup, ...] = ()
    repository: str = ""
    executions: Executions = field(default_factory=Executions)

    def total(self, *outcomes: Status) -> int:
        """Count the quanta with one of these outcomes; all quanta if none is given."""
        wanted = outcomes or tuple(Status)
        return sum(task.counts.get(outcome, 0) for task in self.tasks for outcome in wanted)

    @property
    def exit_code(self) -> int:
        """0 if all is done, 1 if something failed, was not attempted or is still to be done."""
        left = self.total() - self.total(*DONE)
        return SOME_FAILED if left or self.is_unfinished else OK

    def rows(self) -> list[dict[str, Any]]:
        """Return one plain mapping per task: label, a count per outcome, durations [s], memory [byte]."""
        return [
            {"task": task.label}
            | {outcome.value: task.counts.get(outcome, 0) for outcome in Status}
            | {
                "median_s": task.median_s,
                "longest_s": task.longest_s,
                "total_s": task.total_s,
                "cpu_s": task.cpu_s,
                "peak_memory": task.peak_memory,
            }
            for task in self.tasks
        ]

    def document(self) -> dict[str, Any]:
        """Return all of it as plain values: the content of ``--format json`` and ``--summary``."""
        return {
            "run": self.run,
            "output": self.output,
            "finished": not self.is_unfinished,
            "exit_code": self.exit_code,
            "wall_s": self.wall_s,
            "quanta": {outcome.value: self.total(outcome) for outcome in Status},
            "tasks": self.rows(),
            "errors": [
                {
                    "task": group.label,
                    "kind": group.failure.kind,
                    "message": group.failure.message,
                    "count": group.count,
                    "data_id": group.data_id,
                    "again": rerun_command(group, self),
                }
                for group in self.errors
            ],
            "no_work": [
                {
                    "task": group.label,
                    "kind": group.failure.kind,
                    "message": group.failure.message,
                    "count": group.count,
                    "data_id": group.data_id,
                }
                for group in self.no_work
            ],
        }


def run_report(butler: Butler, name: str, graph: QuantumGraph | None = None) -> RunReport:
    """Say what a run did.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    name : `str`
        A run, or a chain, whose newest run is meant.
    graph : `QuantumGraph`, optional
        What was to be run there; quanta that nothing is known of count as not attempted.

    Raises
    ------
    EmptyQueryResultError
        If nothing was run there.
    """
    run = newest_run(butler, name)
    return report_of(butler, run, latest_rows(butler, run, graph))


def report_of(butler: Butler, run: str, rows: list[Row]) -> RunReport:
    """Say what a run did, given its quanta."""
    if not rows:
        raise EmptyQueryResultError(
            f"No quantum is recorded in {run!r} of {butler.root}. "
            "Runs are listed by: butler query-collections"
        )
    by_label: dict[str, list[Row]] = {}
    errors, no_work = Errors(), Errors()
    for row in rows:
        by_label.setdefault(row.label, []).append(row)
        if row.failure and row.outcome in (Status.FAILED, Status.LOST):
            errors.add(row.label, row.data_id, row.failure)
        elif row.failure and row.outcome is Status.NO_WORK:
            no_work.add(row.label, row.data_id, row.failure)
    ran = [row for row in rows if row.outcome in RAN]
    wall_ns = max((row.end_ns for row in ran), default=0) - min((row.begin_ns for row in ran), default=0)
    return RunReport(
        run,
        tuple(_task_report(label, group) for label, group in by_label.items()),
        errors.groups(),
        wall_ns * 1e-9,
        is_unfinished=journal_path(butler.root, run).exists(),
        output=_chain_of(butler, run),
        no_work=no_work.groups(),
        repository=name_needed(butler.root),
        executions=executions_of(butler, run),
    )


def write_summary(butler: Butler, done: RunSummary, path: str) -> None:
    """Write as JSON what a run did that has just ended, with what was done before it was extended."""
    document: dict[str, Any] = {"run": done.run, "exit_code": done.exit_code}
    if done.total():
        document = run_report(butler, done.run).document() | document
    document |= {"interrupted": done.interrupted, "reused": dict(done.reused)}
    Path(path).write_text(json.dumps(document, indent=1), encoding="utf-8")


def newest_run(butler: Butler, name: str) -> str:
    """Return the newest run of a chain; other collections as they are."""
    info = butler.registry.collections.get_info(name)
    if info.kind != "CHAINED":
        return name
    return next(
        (leaf.name for leaf in butler.registry.collections.resolve([name]) if leaf.kind == "RUN"), name
    )


def _chain_of(butler: Butler, run: str) -> str:
    """Return the chain that a run was written to: it begins with the run, whose name begins like it."""
    collections = butler.registry.collections
    parent = run.rpartition("/")[0]
    chains = collections.query("*", kinds=["CHAINED"]) if parent else []
    return parent if parent in chains and collections.get_info(parent).children[:1] == (run,) else ""


def _task_report(label: str, rows: list[Row]) -> TaskReport:
    seconds = np.array([row.end_ns - row.begin_ns for row in rows if row.outcome in RAN]) * 1e-9
    return TaskReport(
        label,
        Counter(row.outcome for row in rows),
        median_s=float(np.median(seconds)) if seconds.size else 0.0,
        longest_s=float(seconds.max(initial=0.0)),
        total_s=float(seconds.sum()),
        cpu_s=sum(row.cpu_s for row in rows),
        peak_memory=max(row.peak_memory for row in rows),
    )
