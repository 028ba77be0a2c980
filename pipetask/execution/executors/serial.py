"""All quanta one after the other in this process: the simplest executor, and the one for debuggers."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from pipetask.execution.executors.base import Executor, Runner, Work, numbers
from pipetask.execution.report import Report

GROUP_S = 0.25
"""Quanta shorter than this are reported together, so that one sync serves many (benchmarks/execution.py)."""
QUEUE = 1000
"""Quanta asked for at a time: enough to fill a group."""


class SerialExecutor(Executor):
    """Runs each quantum in the calling thread, when its report is collected.

    It can neither stop a quantum that takes too long nor survive one that ends the process.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._queue: deque[Work] = deque()

    @property
    def capacity(self) -> int:
        """How many quanta more it can make use of now."""
        return QUEUE - len(self._queue)

    def submit(self, batch: Sequence[Work]) -> None:
        """Queue quanta."""
        self._queue.extend(batch)

    def collect(self, timeout_s: float) -> list[Report]:
        """Run quanta for a fraction of a second, or until one fails: the others may not be wanted then."""
        end = time.monotonic() + GROUP_S
        reports: list[Report] = []
        while self._queue:
            reports.append(self._runner.run(self._queue.popleft()))
            if not reports[-1].ok or time.monotonic() >= end:
                break
        return reports

    def cancel(self) -> list[int]:
        """Forget the queue."""
        forgotten = numbers(self._queue)
        self._queue.clear()
        return forgotten

    def close(self) -> None:
        """Finish what the runner has open."""
        self._queue.clear()
        self._runner.close()
