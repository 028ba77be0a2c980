"""Quanta that failed and are to be tried again: how often, and when."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from heapq import heappop, heappush

from pipetask.execution.executors.base import OUT_OF_MEMORY
from pipetask.execution.report import Report

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
"""A failure may come from a file system that is away for a while: each pause is twice the one before."""


class Retries:
    """Decides which failed quanta are tried again, and keeps them until then.

    Parameters
    ----------
    most : `int`
        How often a quantum is tried again after failures other than those for which memory was too short:
        these have one more attempt each, without others beside it.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._attempts: Counter[int] = Counter()
        self._alone: set[int] = set()
        self._waiting: list[tuple[float, int]] = []
        self._reports: dict[int, Report] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def is_alone(self, quantum: int) -> bool:
        """Tell whether a quantum is to have the machine for itself."""
        return quantum in self._alone

    def postpone(self, report: Report, *, is_ending: bool = False) -> bool:
        """Note a failure; return whether the quantum will be tried again: not if the run is ending."""
        quantum, failure = report.quantum, report.failure
        if failure is None:
            return False
        self._attempts[quantum] += 1
        if is_ending:
            return False
        if failure.kind == OUT_OF_MEMORY and quantum not in self._alone:
            self._alone.add(quantum)
            pause_s = 0.0
        elif failure.is_repeatable or self._attempts[quantum] - (quantum in self._alone) > self._most:
            return False
        else:
            pause_s = min(FIRST_PAUSE_S * 2 ** (self._attempts[quantum] - 1), LONGEST_PAUSE_S)
        heappush(self._waiting, (time.monotonic() + pause_s, quantum))
        self._reports[quantum] = report
        return True

    def due(self) -> list[int]:
        """Take the quanta whose pause is over."""
        now = time.monotonic()
        found = []
        while self._waiting and self._waiting[0][0] <= now:
            found.append(heappop(self._waiting)[1])
            del self._reports[found[-1]]
        return found

    def give_up(self) -> list[Report]:
        """Take the last reports of those that still wait, because the run ends."""
        reports = [self.counted(report) for report in self._reports.values()]
        self._waiting.clear()
        self._reports.clear()
        return reports

    def counted(self, report: Report) -> Report:
        """Put the number of attempts into the last report of a quantum."""
        failed = self._attempts[report.quantum] if self._attempts else 0
        attempts = failed + report.ok
        return report if attempts == report.attempts else replace(report, attempts=attempts)
