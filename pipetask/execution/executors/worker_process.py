"""A worker process as the coordinator sees it: what it was sent, and how it ended."""

from __future__ import annotations

import signal
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess

from pipetask.execution.executors.base import Work, next_in_chain

LOST_SERVER = 255
"""What `multiprocessing` gives as exit code if the fork server can't tell it any more."""


@dataclass(slots=True, eq=False)
class WorkerProcess:
    """A process, its pipes, and what was sent to it."""

    process: ForkServerProcess
    connection: Connection
    life: Connection
    """The end of the pipe whose other end tells the worker, by being closed, that this process is gone."""
    sent: deque[tuple[Work, int, float]] = field(default_factory=deque)
    """Quanta not yet reported, with size of their messages and expected time; the first is running."""
    sent_bytes: int = 0
    sent_s: float = 0.0
    begun: float | None = None
    """When the first one began (monotonic), as far as can be seen from here; None while the worker starts."""
    outcomes: dict[int, bool] = field(default_factory=dict)
    """Which quanta of the chain that is running have ended, and whether they succeeded."""
    hung_up: bool = False
    """Whether it has closed its end of the pipe, which a process that ends does before others are told."""

    def add(self, work: Work, size: int, expected_s: float) -> None:
        """Note a quantum that was sent."""
        self.sent.append((work, size, expected_s))
        self.sent_bytes += size
        self.sent_s += expected_s

    @property
    def running(self) -> Work:
        """The quantum that it runs, or will run first of what it was sent."""
        work = self.sent[0][0]
        return next_in_chain(work, self.outcomes) or work

    def note_end(self, *, ok: bool) -> Work:
        """Note that the running quantum has ended, and return it."""
        work = self.running
        self.outcomes[work.quantum] = ok
        if next_in_chain(self.sent[0][0], self.outcomes) is None:
            self.forget_first()
        return work

    def forget_first(self) -> None:
        """Forget the quantum that was running, with its chain."""
        _, size, expected_s = self.sent.popleft()
        self.sent_bytes -= size
        self.sent_s = self.sent_s - expected_s if self.sent else 0.0
        self.outcomes.clear()


def ending(worker: WorkerProcess) -> tuple[str, str]:
    """Say how a worker ended, and what the reason may be."""
    code = worker.process.exitcode
    if code is None:
        return "closed its connection", ""
    if code == LOST_SERVER:
        return "was lost, with the server that workers come from or by itself,", " Out of memory?"
    if code < 0:
        name = signal.Signals(-code).name
        return f"was ended by {name}", " Out of memory?" if name == "SIGKILL" else ""
    return f"ended itself with exit code {code}", ""
