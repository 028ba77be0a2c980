"""All quanta one after the other in this process: the simplest executor, and the one for debuggers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from pipetask.execution.executors.base import Executor, Runner, Work, numbers, run_chain
from pipetask.execution.report import Report


class SerialExecutor(Executor):
    """Runs each quantum in the calling thread, when its report is collected.

    It can neither stop a quantum that takes too long nor survive one that ends the process.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        runner.open()
        self._queue: deque[Work] = deque()
        self._chain: Iterator[Report] = iter(())

    @property
    def capacity(self) -> int:
        """How many quanta more it can make use of now."""
        return max(0, 1 - len(self._queue))

    def submit(self, batch: Sequence[Work]) -> None:
        """Queue quanta."""
        self._queue.extend(batch)

    def collect(self, timeout_s: float) -> list[Report]:
        """Run the next quantum, however long it takes."""
        report = next(self._chain, None)
        while report is None and self._queue:
            self._chain = run_chain(self._runner, self._queue.popleft())
            report = next(self._chain, None)
        return [] if report is None else [report]

    def cancel(self) -> list[int]:
        """Forget the queue."""
        forgotten = numbers(self._queue)
        self._queue.clear()
        return forgotten

    def close(self) -> None:
        """Finish what the runner has open."""
        self._queue.clear()
        self._runner.close()
