"""After a crash: what the journal says is stored, what was half written, or is of no quantum, is removed."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from pipetask.butler import MissingCollectionError
from pipetask.butler.inventory import remove_left_overs
from pipetask.butler.repository import journal_path
from pipetask.counted import counted
from pipetask.errors import GraphFileError, InconsistentRunError, JournalError
from pipetask.execution.commit import commit
from pipetask.execution.journal import Journal
from pipetask.execution.journaled_reports import journaled_reports
from pipetask.graph.quantum_graph import QuantumGraph

if TYPE_CHECKING:
    from pipetask.butler import Butler

_log = logging.getLogger(__name__)


def graph_path(journal: Path) -> Path:
    """Where the graph of a run is kept beside its journal, whose numbers are those of its quanta."""
    return journal.with_suffix(".graph")


def is_registered(butler: Butler, run: str) -> bool:
    """Tell whether a run came so far that the registry knows it."""
    try:
        butler.registry.collections.get_info(run)
    except MissingCollectionError:
        return False
    return True


def replay(butler: Butler, run: str) -> int:
    """Store what an unfinished run did, so that it can be extended; nothing if the run ended well.

    To be called before the graph of the extended run is built.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    run : `str`
        Name of the run.

    Returns
    -------
    count : `int`
        Number of quanta found in the journal.

    Raises
    ------
    RunLockedError
        If the run is being executed.
    JournalError
        If the graph that the journal speaks of is gone, or the journal can't be understood.
    """
    path = journal_path(butler.root, run)
    if not path.exists() and not graph_path(path).exists():
        return 0
    with Journal(path) as journal:
        count = len(journal.records)
        if count:
            graph = _graph_of(path, run)
            commit(butler, graph, journaled_reports(journal.records, graph, path))
            _log.warning("Stored %s of run %s, which was cut short.", counted(count, "quantum"), run)
        if is_registered(butler, run):  # no file is written before that
            remove_left_overs(butler, run)
        forget(journal)
    return count


def check_replayed(butler: Butler, run: str, journal: Journal) -> None:
    """Raise `InconsistentRunError` if a run was cut short, and its journal was not replayed."""
    if not journal.records:
        return
    if is_registered(butler, run):
        raise InconsistentRunError(
            f"Run {run!r} was cut short, and what it did is in its journal only. Go on with --extend-run."
        )
    raise InconsistentRunError(
        f"The journal {journal.path} is of a run {run!r} that the registry doesn't know: it was removed, or "
        f"the database is an older copy. Remove the journal and {graph_path(journal.path)}, or name another "
        "run."
    )


def forget(journal: Journal) -> None:
    """Remove a journal and its graph, because the registry now holds all that they say."""
    journal.clear()  # first, since a journal without its graph can't be understood
    graph = graph_path(journal.path)
    for path in (graph, graph.with_name(f".{graph.name}.part")):  # the second is that of a save cut short
        path.unlink(missing_ok=True)
    journal.close()


def _graph_of(journal: Path, run: str) -> QuantumGraph:
    path = graph_path(journal)
    try:
        if not path.exists():
            wrong = "is gone"
        elif (graph := QuantumGraph.load(path)).header.output_run == run:
            return graph
        else:
            wrong = f"is of run {graph.header.output_run!r}"
    except GraphFileError:
        wrong = "is damaged"
    raise JournalError(
        f"The journal {journal} needs the graph {path}, which {wrong}. Restore it from a copy; or remove "
        "both, and with them all that they alone know."
    )
