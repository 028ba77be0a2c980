"""From the journal to the registry: reports are stored in bulk, and again while the database is away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Protocol

from pipetask.errors import DatabaseBusyError, DatabaseUnavailableError
from pipetask.execution.commit import commit, commit_unrun
from pipetask.execution.report import Failure, Report, Status

if TYPE_CHECKING:
    from pipetask.butler import Butler
    from pipetask.execution.journal import Journal
    from pipetask.graph.quantum_graph import QuantumGraph

_log = logging.getLogger(__name__)

COMMIT_REPORTS = 500
COMMIT_S = 5.0
"""Reports are committed when there are so many, since that takes no longer than workers have work, or after
this time (benchmarks/execution.py)."""
RETRY_S = 2.0
"""How often a commit is tried again while the database is away or locked; the journal has it meanwhile."""
TELL_S = 30.0
"""How often that is said."""
OUTAGE_S = 600.0
"""How long a run that has nothing else to do waits for the database."""


class StoredReports(Protocol):
    """Where reports go that are durable in the journal."""

    def add(self, reports: Sequence[Report]) -> None:
        """Take some more."""

    def store_if_due(self) -> None:
        """Store them if there are many, or if the first has waited for long."""

    def store_rest(self, blocked: Mapping[int, Failure], not_attempted: Sequence[int]) -> None:
        """Store all, and the quanta that were never begun."""


class LeftInJournal:
    """Stores nothing: journals stay, and are read by who brings them to the registry."""

    def add(self, reports: Sequence[Report]) -> None:
        """Do nothing."""

    def store_if_due(self) -> None:
        """Do nothing."""

    def store_rest(self, blocked: Mapping[int, Failure], not_attempted: Sequence[int]) -> None:
        """Do nothing."""


class RegistryReports:
    """Stores reports in the registry, and then clears the journal.

    Parameters
    ----------
    graph : `QuantumGraph`
        The graph that is run.
    butler : `Butler`
        The repository.
    journal : `Journal`
        The run's journal.
    """

    def __init__(self, graph: QuantumGraph, butler: Butler, journal: Journal) -> None:
        self._graph = graph
        self._butler = butler
        self._journal = journal
        self._pending: list[Report] = []
        self._last_commit = time.monotonic()
        self._try_again_at = 0.0
        self._told = -inf

    def add(self, reports: Sequence[Report]) -> None:
        """Take some more."""
        self._pending += reports

    def store_if_due(self) -> None:
        """Commit them if there are many, or if the last commit was long ago."""
        now = time.monotonic()
        is_due = len(self._pending) >= COMMIT_REPORTS or now - self._last_commit >= COMMIT_S
        if self._pending and is_due and now >= self._try_again_at:
            try:
                self._commit()
            except (DatabaseUnavailableError, DatabaseBusyError) as error:
                self._tell(error)
                self._try_again_at = time.monotonic() + RETRY_S

    def store_rest(self, blocked: Mapping[int, Failure], not_attempted: Sequence[int]) -> None:
        """Commit all, and the quanta that were never begun, waiting for a database that is away."""
        end = time.monotonic() + OUTAGE_S
        if self._pending:
            self._patiently(self._commit, end)
        for quanta, status in ((sorted(blocked), Status.BLOCKED), (not_attempted, Status.NOT_ATTEMPTED)):
            self._patiently(partial(commit_unrun, self._butler, self._graph, quanta, status, blocked), end)

    def _commit(self) -> None:
        commit(self._butler, self._graph, self._pending)
        self._journal.clear()
        self._pending = []
        self._last_commit = time.monotonic()

    def _patiently(self, store: Callable[[], None], end: float) -> None:
        """Store something, again and again until then (monotonic) while the database is away or locked."""
        while True:
            try:
                return store()
            except (DatabaseUnavailableError, DatabaseBusyError) as error:
                if time.monotonic() > end:
                    raise
                self._tell(error)
                time.sleep(RETRY_S)

    def _tell(self, error: Exception) -> None:
        if time.monotonic() - self._told >= TELL_S:
            self._told = time.monotonic()
            _log.warning("%s Trying again; what is done is in the journal.", error)
