"""The contract of executors: quanta go in, reports come out, and a lost worker is a report like any other."""

from __future__ import annotations

import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from pipetask.execution.report import Failure, Report, Status

LOST_WORKER = "LostWorker"
TIMEOUT = "Timeout"
OUT_OF_MEMORY = "OutOfMemory"
LOST = frozenset({LOST_WORKER, TIMEOUT, OUT_OF_MEMORY})
"""Kinds of failures that an executor reports itself, because the worker can't any more."""


class Work(Protocol):
    """What an executor sees of a quantum that is to be run; the whole must be picklable."""

    @property
    def quantum(self) -> int:
        """Its number in the graph."""

    @property
    def label(self) -> str:
        """Its task: quanta of one task are expected to take similar times and memory."""

    @property
    def is_alone(self) -> bool:
        """Whether nothing else may run beside it, because memory was too short for that."""

    @property
    def followers(self) -> Sequence[Work]:
        """What the same worker runs next, in this order: with these it is a chain."""

    @property
    def needs(self) -> frozenset[int]:
        """Quanta of its chain that must have succeeded."""


class Runner(Protocol):
    """Runs quanta. Every worker process gets a copy, before any use, and keeps it as long as it lives."""

    def open(self) -> None:
        """Load what all quanta need, before the first; the time that this takes is no quantum's."""

    def run(self, work: Work) -> Report:
        """Run one quantum; exceptions of the task are in the report, never raised."""

    def close(self) -> None:
        """Finish what is open."""


class Executor(ABC):
    """Where quanta run.

    One thread uses it. `submit` as many as `capacity` says, `collect` what is finished, `close` at the end.
    """

    @property
    @abstractmethod
    def capacity(self) -> int:
        """How many quanta more it can make use of now."""

    @abstractmethod
    def submit(self, batch: Sequence[Work]) -> None:
        """Begin quanta, or chains of them, now or later, in this order as far as workers are free."""

    @abstractmethod
    def collect(self, timeout_s: float) -> list[Report]:
        """Take the reports of quanta that have ended since; waits for at least one, or for the time-out.

        Of a chain, those are never begun, nor reported, that need one that failed; if its worker is lost, so
        are the quanta after the one that was running.
        """

    @abstractmethod
    def cancel(self) -> list[int]:
        """Forget the quanta that no worker has begun, and say which these were: of a chain, the first."""

    @abstractmethod
    def close(self) -> None:
        """End the workers at once; what still runs is lost without a report."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()


def chain_of(work: Work) -> tuple[Work, ...]:
    """Return a quantum with those that follow it."""
    return (work, *work.followers)


def next_in_chain(work: Work, outcomes: Mapping[int, bool]) -> Work | None:
    """Return the next quantum of a chain to run, given how the others ended; None at its end."""
    failed: set[int] = set()
    for each in chain_of(work):
        ok = outcomes.get(each.quantum)
        if ok is False or (ok is None and not failed.isdisjoint(each.needs)):
            failed.add(each.quantum)
        elif ok is None:
            return each
    return None


def run_chain(runner: Runner, work: Work) -> Iterator[Report]:
    """Run the quanta of a chain, and yield the report of each as soon as it has ended."""
    outcomes: dict[int, bool] = {}
    while (each := next_in_chain(work, outcomes)) is not None:
        report = runner.run(each)
        outcomes[each.quantum] = report.ok
        yield report


def lost(work: Work, kind: str, message: str, *, pid: int, ran_s: float) -> Report:
    """Report, from this host, for a quantum whose worker can't any more; it ran until now."""
    now = time.time_ns()
    return Report(
        work.quantum,
        Status.FAILED if kind == TIMEOUT else Status.LOST,
        begin_ns=now - int(ran_s * 1e9),
        end_ns=now,
        host=socket.gethostname(),
        pid=pid,
        failure=Failure(kind, message),
    )


def numbers(works: Iterable[Work]) -> list[int]:
    """Graph numbers of quanta, those that begin chains."""
    return [work.quantum for work in works]
