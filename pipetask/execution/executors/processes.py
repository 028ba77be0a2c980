"""Worker processes on this machine: started once, one pipe each, a lost one replaced.

Each worker has a pipe of its own and no lock is shared, so that one that is killed at any instruction takes
nothing with it but the quantum it was running. Workers come from a fork server: never a fork of this process,
whose threads and open database would come along.
"""

from __future__ import annotations

import pickle
import signal
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from math import inf
from multiprocessing.connection import wait
from typing import Any

from pipetask.execution.executors.base import (
    LOST_WORKER,
    OUT_OF_MEMORY,
    TIMEOUT,
    Executor,
    Runner,
    Work,
    chain_of,
    lost,
    numbers,
)
from pipetask.execution.executors.memory import MemoryBudget, oom_kills, private_memory
from pipetask.execution.executors.worker_process import LOST_SERVER, WorkerProcess, ending
from pipetask.execution.executors.worker_start import WorkerStarter
from pipetask.execution.report import Report

AHEAD_S = 0.2
"""Quanta sent to a busy worker may hold this much expected time: it hides the coordinator's syncs from quanta
of a millisecond, and keeps those that take long for whoever is free first (benchmarks/execution.py)."""
AHEAD_BYTES = 98_304
MESSAGE_BYTES = 1024
"""What may wait in a busy worker's pipe, and what the system counts for a message besides its content: half
of the usual buffer of a socket, so that sending never blocks."""
QUEUE_PER_WORKER = 200
"""Quanta asked for per worker: twice what its pipe may hold."""
UNKNOWN_S = 1e6
"""Expected time of a quantum as long as none of its task was seen: nobody gets another one beside it."""
GOODBYE_S = 5.0
"""How long an idle worker may take to end when it is asked to."""
WATCH_S = 0.1
"""How often it is looked how much memory workers hold."""


class ProcessExecutor(Executor):
    """Runs quanta in ``processes`` workers.

    Parameters
    ----------
    runner : `Runner`
        Each worker gets a copy.
    processes : `int`
        Number of workers.
    modules : `~collections.abc.Iterable` [`str`]
        Modules that the fork server loads, once for all workers.
    timeout_s : `float`, optional
        A quantum that takes longer is stopped, with its worker, and has failed.
    memory : `MemoryBudget`, optional
        How much all workers may use, and what quanta are expected to.
    threads : `int`, optional
        How many threads libraries may use in each worker; 0 if that is left to them.
    """

    def __init__(
        self,
        runner: Runner,
        processes: int,
        *,
        modules: Iterable[str] = (),
        timeout_s: float | None = None,
        memory: MemoryBudget | None = None,
        threads: int = 1,
    ) -> None:
        self._starter = WorkerStarter(runner, modules, threads=threads)
        self._timeout_s = inf if timeout_s is None else timeout_s
        self._queue: deque[Work] = deque()
        self._expected_s: dict[str, float] = {}
        self._memory = memory or MemoryBudget()
        self._watched = 0.0
        self._oom_kills = oom_kills()
        self._workers = [self._starter.start() for _ in range(processes)]

    @property
    def capacity(self) -> int:
        """How many quanta more it can make use of now."""
        held = len(self._queue) + sum(len(worker.sent) for worker in self._workers)
        return QUEUE_PER_WORKER * len(self._workers) - held

    def submit(self, batch: Sequence[Work]) -> None:
        """Send quanta to free workers; the others wait here."""
        self._queue.extend(batch)
        self._feed()

    def collect(self, timeout_s: float) -> list[Report]:
        """Take what workers sent, note those that ended, stop those that are over their time."""
        reports = self._receive(0.0)
        end = time.monotonic() + timeout_s
        while not reports and (left := min(end, self._next_deadline()) - time.monotonic()) > 0:
            reports = self._receive(left)
        reports += self._stop_late()
        reports += self._stop_greedy()
        self._feed()
        return reports

    def cancel(self) -> list[int]:
        """Forget the quanta that are still here."""
        forgotten = numbers(self._queue)
        self._queue.clear()
        return forgotten

    def close(self) -> None:
        """Let idle workers finish, kill the others."""
        self._queue.clear()
        for worker in self._workers:
            if worker.sent:
                worker.process.kill()
            else:
                with suppress(OSError):
                    worker.connection.send_bytes(b"")
        for worker in self._workers:
            worker.process.join(GOODBYE_S)
            self._discard(worker)
        self._workers.clear()

    def _feed(self) -> None:
        """Give each free worker one quantum, then each busy one as much as it may hold in advance."""
        for worker in sorted(self._workers, key=lambda worker: len(worker.sent)):
            if self._queue and not worker.sent and self._may_run(worker):
                self._send(worker)
        hungry = deque(self._workers)
        while self._queue and hungry:
            worker = hungry.popleft()
            if self._has_room(worker) and self._may_run(worker) and self._send(worker):
                hungry.append(worker)

    def _has_room(self, worker: WorkerProcess) -> bool:
        return worker.sent_s + self._expected(self._queue[0]) <= AHEAD_S

    def _expected(self, work: Work) -> float:
        return sum(self._expected_s.get(each.label, UNKNOWN_S) for each in chain_of(work))

    def _may_run(self, worker: WorkerProcess) -> bool:
        return self._memory.may_run(self._queue[0], worker, self._workers)

    def _send(self, worker: WorkerProcess) -> bool:
        message = pickle.dumps(self._queue[0], pickle.HIGHEST_PROTOCOL)
        size = len(message) + MESSAGE_BYTES
        if worker.sent and worker.sent_bytes + size > AHEAD_BYTES:
            return False
        try:
            worker.connection.send_bytes(message)
        except OSError:
            return False  # it has ended: `collect` will see that and put another in its place
        work = self._queue.popleft()
        worker.add(work, size, self._expected(work))
        if len(worker.sent) == 1 and worker.begun is not None:
            worker.begun = time.monotonic()
        return True

    def _receive(self, timeout_s: float) -> list[Report]:
        # By connection and by number of the sentinel.
        ends: dict[Any, WorkerProcess] = {worker.connection: worker for worker in self._workers}
        ends |= {worker.process.sentinel: worker for worker in self._workers}
        reports: list[Report] = []
        for worker in dict.fromkeys(ends[end] for end in wait(list(ends), timeout_s)):
            reports += self._receive_from(worker)
            if worker.hung_up or not worker.process.is_alive():
                reports += self._receive_from(worker)  # what it sent with its last breath
                worker.process.join(GOODBYE_S)
                if worker.begun is None:
                    self._starter.note_stillborn(ending(worker)[0])
                    self._replace(worker)
                else:
                    reports += self._replace(worker, *self._how_it_ended(worker))
        return reports

    def _receive_from(self, worker: WorkerProcess) -> list[Report]:
        reports: list[Report] = []
        try:
            while worker.connection.poll(0):
                message = worker.connection.recv_bytes()
                worker.begun = time.monotonic()
                if not message:
                    self._starter.note_ready()
                else:
                    report = Report.from_bytes(message)
                    work = worker.note_end(ok=report.ok)
                    self._learn(work.label, max(report.end_ns - report.begin_ns, 1000) * 1e-9)
                    self._memory.learn(work.label, report.peak_memory)
                    reports.append(report)
        except (EOFError, OSError):
            worker.hung_up = True
        return reports

    def _learn(self, label: str, duration_s: float) -> None:
        """Expect a mean of a task's last few durations, in which one that stalled doesn't count in full."""
        before = self._expected_s.get(label, duration_s)
        self._expected_s[label] = 0.7 * before + 0.3 * min(duration_s, 10.0 * before)

    def _replace(self, worker: WorkerProcess, kind: str = "", message: str = "") -> list[Report]:
        """Start another worker; the running quantum has failed if a kind is given, the others run again."""
        reports = []
        if worker.sent and kind:
            running = worker.running
            worker.forget_first()
            ran_s = 0.0 if worker.begun is None else time.monotonic() - worker.begun
            reports.append(lost(running, kind, message, pid=worker.process.pid or 0, ran_s=ran_s))
        self._queue.extendleft(work for work, *_ in reversed(worker.sent))
        self._workers[self._workers.index(worker)] = self._starter.start()
        self._discard(worker)
        return reports

    def _next_deadline(self) -> float:
        begun = (worker.begun for worker in self._workers if worker.sent and worker.begun is not None)
        return min(begun, default=inf) + self._timeout_s

    def _stop_late(self) -> list[Report]:
        now = time.monotonic()
        late = [
            worker
            for worker in self._workers
            if worker.sent
            and worker.begun is not None
            and now - worker.begun > self._timeout_s
            # One that has something to say, or has ended by itself, is heard first.
            and not wait([worker.connection, worker.process.sentinel], 0)
        ]
        reports: list[Report] = []
        for worker in late:
            worker.process.kill()
            worker.process.join()
            if in_time := self._receive_from(worker):
                reports += in_time + self._replace(worker)
            else:
                message = (
                    f"Stopped after {self._timeout_s:g} s, the time allowed for one quantum (--timeout)."
                )
                reports += self._replace(worker, TIMEOUT, message)
        return reports

    def _stop_greedy(self) -> list[Report]:
        """Stop the worker that is furthest over what was expected of it, if all together hold too much."""
        now = time.monotonic()
        if not self._memory.limit or now - self._watched < WATCH_S:
            return []
        self._watched = now
        held = {worker: private_memory(worker.process.pid or 0) for worker in self._workers if worker.sent}
        if sum(held.values()) <= self._memory.limit:
            return []
        worker = max(held, key=lambda worker: held[worker] - self._memory.held_by(worker))
        worker.process.kill()
        worker.process.join()
        if in_time := self._receive_from(worker):
            return in_time + self._replace(worker)
        self._memory.learn(worker.running.label, held[worker])
        message = (
            f"Stopped when it held {held[worker] / 2**20:.0f} MiB, since all workers together held more than "
            f"the {self._memory.limit / 2**20:.0f} MiB allowed (--max-memory)."
        )
        return self._replace(worker, OUT_OF_MEMORY, message)

    def _how_it_ended(self, worker: WorkerProcess) -> tuple[str, str]:
        """Say how a worker ended: the kind of failure that is for its quantum, and a sentence."""
        kind, (how, hint) = LOST_WORKER, ending(worker)
        if worker.process.exitcode in (-signal.SIGKILL, LOST_SERVER) and oom_kills() > self._oom_kills:
            self._oom_kills = oom_kills()
            kind, hint = OUT_OF_MEMORY, " Memory was short."
        return kind, f"Worker process {worker.process.pid} {how} while it ran this quantum.{hint}"

    @staticmethod
    def _discard(worker: WorkerProcess) -> None:
        worker.connection.close()
        worker.life.close()
        worker.process.kill()
        worker.process.join()
        worker.process.close()
