"""The quanta of a run, one row each, from the registry, from a journal, and from a saved graph."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipetask.butler.repository import journal_path
from pipetask.counted import counted
from pipetask.errors import GraphFileError, JournalError, MissingCollectionError
from pipetask.execution.commit import data_id_texts
from pipetask.execution.journal import read_journal
from pipetask.execution.journaled_reports import journaled_reports
from pipetask.execution.report import DONE, Failure, Status
from pipetask.execution.resume import graph_path
from pipetask.graph.quantum_graph import QuantumGraph

if TYPE_CHECKING:
    from pipetask.butler import Butler

_log = logging.getLogger(__name__)


class Row(NamedTuple):
    """A quantum; times in ns since 1970, memory in bytes."""

    label: str
    data_id: str
    outcome: Status
    begin_ns: int = 0
    end_ns: int = 0
    cpu_s: float = 0.0
    peak_memory: int = 0
    failure: Failure | None = None
    host: str = ""
    pid: int = 0


def latest_rows(butler: Butler, run: str, graph: QuantumGraph | None = None) -> list[Row]:
    """Return the quanta of a run, each as it ended last, in the order in which they began.

    Those of the graph, if one is given, or the run is not finished and has one, that nothing is known of come
    last: they were not attempted.
    """
    unfinished = _unfinished_graph(butler, run)
    rows = list(_journaled(butler, run, unfinished)) if unfinished else []
    graph = graph or unfinished
    try:
        rows = [*_stored(butler, run), *rows]
    except MissingCollectionError:
        if graph is None:
            raise  # else nobody has begun with it
    # One that succeeded is never run again, whatever the clock said when others were tried.
    rows.sort(key=lambda row: (row.outcome in DONE, row.begin_ns))
    last = {(row.label, row.data_id): row for row in rows}
    for task in graph.tasks if graph else ():
        assert graph is not None
        for data_id in data_id_texts(graph, task, np.arange(task.count)):
            last.setdefault((task.label, data_id), Row(task.label, data_id, Status.NOT_ATTEMPTED))
    return sorted(last.values(), key=lambda row: row.begin_ns or np.inf)


def _stored(butler: Butler, run: str) -> Iterator[Row]:
    for row in butler.registry.provenance.quanta(run):
        failure = _failure(row.exception) if row.exception else None
        yield Row(
            row.task_label,
            row.data_id,
            Status(row.status),
            row.begin_ns or 0,
            row.end_ns or 0,
            row.cpu_s or 0.0,
            row.peak_memory or 0,
            failure,
            row.host or "",
            row.pid or 0,
        )


@lru_cache(maxsize=1000)
def _failure(text: str) -> Failure:
    """Read what the registry holds: the same for all quanta that a task had no work for."""
    return Failure(**json.loads(text))


def _unfinished_graph(butler: Butler, run: str) -> QuantumGraph | None:
    """Return what a run that has not come to its end is executing, or was."""
    path = journal_path(butler.root, run)
    wrong = "is gone"
    try:
        if graph_path(path).exists():
            return QuantumGraph.load(graph_path(path))
    except GraphFileError:
        wrong = "is damaged"
    if count := len(list(read_journal(path))):
        message = "The journal %s tells of %s more, which can't be shown: its graph %s."
        _log.warning(message, path, counted(count, "quantum"), wrong)
    return None


def _journaled(butler: Butler, run: str, graph: QuantumGraph) -> Iterator[Row]:
    """Read what an unfinished run has done so far; part of it may be stored already."""
    path = journal_path(butler.root, run)
    try:
        reports = journaled_reports(read_journal(path), graph, path)
    except JournalError as error:
        _log.warning("%s", error)
        return
    for report in reports:
        task = graph.task_of(report.quantum)
        yield Row(
            task.label,
            data_id_texts(graph, task, np.array([report.quantum - task.first]))[0],
            report.status,
            report.begin_ns,
            report.end_ns,
            report.cpu_s,
            report.peak_memory,
            report.failure,
            report.host,
            report.pid,
        )
