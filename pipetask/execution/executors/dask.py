"""Workers of a dask cluster, on this machine or on others: quanta travel in batches, reports come back.

A future costs dask about a millisecond, so quanta that are short share one. Each worker has one batch, so
that nobody else is suspected if it is lost; then its quanta are tried again one by one, and the one that is
lost again has failed.
"""

from __future__ import annotations

import pickle
import queue
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple
from uuid import uuid4

import distributed

from pipetask.errors import described
from pipetask.execution.executors.base import LOST_WORKER, Executor, Runner, Work, lost, numbers, run_chain
from pipetask.execution.report import Report

BATCH_S = 0.5
"""Expected time of a batch: long beside what a future costs, short beside what a lost worker repeats."""
MOST_IN_BATCH = 100
QUEUE_PER_WORKER = 300
LOOK_S = 0.2
"""How often it is looked which workers there are."""


class _Sent(NamedTuple):
    works: list[Work]
    worker: str
    begun: float


class DaskExecutor(Executor):
    """Runs quanta on the workers of a dask cluster.

    Parameters
    ----------
    runner : `Runner`
        Each worker gets a copy.
    client : `distributed.Client`
        Connected to a cluster.
    """

    def __init__(self, runner: Runner, client: distributed.Client) -> None:
        self._client = client
        self._runner = pickle.dumps(runner)
        self._key = uuid4().hex
        self._queue: deque[Work] = deque()
        self._alone: deque[Work] = deque()
        self._sent: dict[distributed.Future, _Sent] = {}
        self._workers: set[str] = set()
        self._looked = 0.0
        self._done: queue.SimpleQueue[distributed.Future] = queue.SimpleQueue()
        self._expected_s: dict[str, float] = {}
        self._look()

    @property
    def capacity(self) -> int:
        """How many quanta more it can make use of now."""
        held = len(self._queue) + len(self._alone) + sum(len(sent.works) for sent in self._sent.values())
        return max(0, QUEUE_PER_WORKER * max(1, len(self._workers)) - held)

    def submit(self, batch: Sequence[Work]) -> None:
        """Send quanta to the cluster, as far as it has use for them; the others wait here."""
        self._queue.extend(batch)
        self._feed()

    def collect(self, timeout_s: float) -> list[Report]:
        """Take the reports of batches that have ended."""
        reports: list[Report] = []
        end = time.monotonic() + timeout_s
        while not reports:
            reports += self._look()
            self._feed()
            left = end - time.monotonic()
            if not self._sent or left <= 0:
                break
            with suppress(queue.Empty):
                reports += self._reports_of(self._done.get(timeout=min(left, LOOK_S)))
                while True:
                    reports += self._reports_of(self._done.get_nowait())
        self._feed()
        return reports

    def cancel(self) -> list[int]:
        """Forget the quanta that are still here."""
        forgotten = numbers([*self._alone, *self._queue])
        self._queue.clear()
        self._alone.clear()
        return forgotten

    def close(self) -> None:
        """Give up what still runs, or finish what the workers have open."""
        self._queue.clear()
        self._alone.clear()
        if self._sent:
            self._client.cancel(list(self._sent), force=True)
            self._sent.clear()
        elif self._client.status == "running":
            self._client.run(close_runner, self._key)

    def _look(self) -> list[Report]:
        """See which workers there are; report what was lost with those that are gone."""
        if time.monotonic() - self._looked < LOOK_S:
            return []
        self._looked = time.monotonic()
        self._workers = set(self._client.scheduler_info(n_workers=-1)["workers"])
        gone = [future for future, sent in self._sent.items() if sent.worker not in self._workers]
        return [report for future in gone if not future.done() for report in self._lost(future, "it is gone")]

    def _feed(self) -> None:
        """Give each worker that has none a batch."""
        idle = self._workers - {sent.worker for sent in self._sent.values()}
        while idle and (self._queue or self._alone):
            batch = [self._alone.popleft()] if self._alone else self._next_batch()
            worker = idle.pop()
            future = self._client.submit(
                run_batch,
                self._key,
                self._runner,
                pickle.dumps(batch),
                key=f"quanta-{uuid4().hex}",
                workers=[worker],
                pure=False,
            )
            self._sent[future] = _Sent(batch, worker, time.monotonic())
            future.add_done_callback(self._done.put)

    def _next_batch(self) -> list[Work]:
        """Take quanta of a batch's time, but never so many that other workers have none."""
        fair = -(-len(self._queue) // max(1, len(self._workers)))
        batch: list[Work] = []
        expected_s = 0.0
        while self._queue and len(batch) < min(MOST_IN_BATCH, fair) and expected_s < BATCH_S:
            batch.append(self._queue.popleft())
            expected_s += self._expected_s.get(batch[-1].label, BATCH_S)
        return batch

    def _reports_of(self, future: distributed.Future) -> list[Report]:
        if future not in self._sent:
            return []  # given up before
        if future.status != "finished":
            error = future.exception() if future.status == "error" else None
            return self._lost(future, described(error) if error else f"its future is {future.status}")
        works = self._sent.pop(future).works
        chains = [[Report.from_bytes(data) for data in chain] for chain in future.result()]
        for work, chain in zip(works, chains, strict=True):
            self._learn(work.label, sum(max(each.end_ns - each.begin_ns, 1000) for each in chain) * 1e-9)
        return [report for chain in chains for report in chain]

    def _lost(self, future: distributed.Future, why: str) -> list[Report]:
        sent = self._sent.pop(future)
        future.cancel()
        self._workers.discard(sent.worker)
        if len(sent.works) > 1:
            self._alone.extend(sent.works)
            return []
        message = f"The dask worker {sent.worker} was lost while it ran this quantum: {why}"
        return [lost(sent.works[0], LOST_WORKER, message, pid=0, ran_s=time.monotonic() - sent.begun)]

    def _learn(self, label: str, duration_s: float) -> None:
        before = self._expected_s.get(label, duration_s)
        self._expected_s[label] = 0.7 * before + 0.3 * duration_s


_lock = threading.Lock()
_runners: dict[str, Runner] = {}


def run_batch(key: str, runner: bytes, batch: bytes) -> list[list[bytes]]:
    """Run chains of quanta in a worker, one after the other, whatever number of threads it has."""
    with _lock:
        if key not in _runners:
            made: Runner = pickle.loads(runner)  # noqa: S301 - written by our own coordinator
            made.open()
            _runners[key] = made
        works: list[Work] = pickle.loads(batch)  # noqa: S301 - as above
        return [[report.to_bytes() for report in run_chain(_runners[key], work)] for work in works]


def close_runner(key: str) -> None:
    """Finish what a worker has open for an executor."""
    with _lock:
        if (runner := _runners.pop(key, None)) is not None:
            runner.close()
