"""How much memory workers may use together: what is expected of quanta, and what is seen of processes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipetask.execution.executors.base import Work, chain_of
from pipetask.execution.executors.worker_process import WorkerProcess

_PAGE = os.sysconf("SC_PAGE_SIZE")
_CGROUPS = Path("/sys/fs/cgroup")


class MemoryBudget:
    """What all workers together may use, and what quanta of each task are expected to.

    Parameters
    ----------
    limit : `int`
        For all workers together [byte]; 0 if there is no limit.
    processes : `int`
        Number of workers: a task of which nothing is known is expected to need its share.
    peaks : `~collections.abc.Mapping` [ `str`, `int` ], optional
        Largest memory of earlier quanta [byte], by task.
    """

    def __init__(self, limit: int = 0, processes: int = 1, peaks: Mapping[str, int] | None = None) -> None:
        self.limit = limit
        self._share = limit // processes
        self.peaks = dict(peaks or {})

    def expected(self, work: Work) -> int:
        """Return how much a quantum, or the greediest of its chain, is expected to need [byte]."""
        return max(self.peaks.get(each.label, self._share) for each in chain_of(work))

    def held_by(self, worker: WorkerProcess) -> int:
        """Return how much a worker is expected to need for what it was sent [byte]."""
        return max((self.expected(work) for work, *_ in worker.sent), default=0)

    def may_run(self, work: Work, worker: WorkerProcess, workers: Iterable[WorkerProcess]) -> bool:
        """Tell whether a quantum may be sent to a worker, beside what it has, and all the others."""
        is_alone = work.is_alone or any(each.sent and each.sent[0][0].is_alone for each in workers)
        if not self.limit and not is_alone:
            return True
        others = [other for other in workers if other.sent and other is not worker]
        if is_alone or not others:
            return not others and not (is_alone and worker.sent)
        held = sum(map(self.held_by, others))
        return held + max(self.expected(work), self.held_by(worker)) <= self.limit

    def learn(self, label: str, peak: int) -> None:
        """Note what a quantum needed, or had when it was stopped."""
        if peak > self.peaks.get(label, 0):
            self.peaks[label] = peak


def private_memory(pid: int) -> int:
    """Return what a process holds that it shares with no file [byte]; 0 if it is gone, or can't be asked."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
    except OSError:
        return 0
    return (int(fields[1]) - int(fields[2])) * _PAGE


def oom_kills(cgroups: Path = _CGROUPS, own: Path = Path("/proc/self/cgroup")) -> int:
    """Return how many processes the kernel killed because this process' control group was out of memory.

    A system has one hierarchy of groups (version 2), or one for each controller (version 1), or both.
    """
    try:
        groups = [line.split(":", 2)[1:] for line in own.read_text(encoding="ascii").splitlines()]
    except OSError:
        return 0
    counts = 0
    for controllers, group in groups:
        if not controllers:
            counts += _oom_kills_in(cgroups / group.strip("/") / "memory.events")
        elif "memory" in controllers.split(","):
            counts += _oom_kills_in(cgroups / "memory" / group.strip("/") / "memory.oom_control")
    return counts


def _oom_kills_in(file: Path) -> int:
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
