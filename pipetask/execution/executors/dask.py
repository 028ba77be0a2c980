"""Workers of a dask cluster, on this machine or on others: quanta travel in batches, reports come back.

A future costs dask about a millisecond, so quanta that are short share one. Each worker has one batch, so
that nobody else is suspected if it is lost; then its quanta are tried again one by one, and the one that is
lost again has failed.
"""

from __future__ import annotations

import logging
import pickle
import queue
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from uuid import uuid4

import distributed
from distributed.scheduler import KilledWorker

from pipetask.errors import LostClusterError, WorkerStartError, described
from pipetask.execution.executors.base import (
    LOST_WORKER,
    Executor,
    Runner,
    Work,
    lost,
    next_in_chain,
    numbers,
)
from pipetask.execution.executors.dask_worker import close_runner, open_runner, run_batch, software
from pipetask.execution.report import Report

_log = logging.getLogger(__name__)

BATCH_S = 0.5
"""Expected time of a batch: long beside what a future costs, short beside what a lost worker repeats."""
MOST_IN_BATCH = 100
QUEUE_PER_WORKER = 300
LOOK_S = 0.2
"""How often it is looked which workers there are."""
PATIENCE_S = 30.0
"""How often it is said that there is none."""
MOST_STILLBORN = 5
"""So many workers in a row may be lost before they could run any quantum."""


class _Sent(NamedTuple):
    works: list[Work]  # none while the worker loads what all quanta need
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
    modules : `~collections.abc.Iterable` [`str`], optional
        Modules that each worker loads before its first quantum.
    """

    def __init__(self, runner: Runner, client: distributed.Client, *, modules: Iterable[str] = ()) -> None:
        self._client = client
        self._address = client.scheduler.address
        self._modules = sorted(modules)
        self._runner = pickle.dumps(runner)
        self._key = uuid4().hex
        self._queue: deque[Work] = deque()
        self._alone: deque[Work] = deque()
        self._sent: dict[distributed.Future, _Sent] = {}
        self._workers: set[str] = set()
        self._ready: set[str] = set()
        self._refused: set[str] = set()
        self._stillborn = 0
        self._looked = 0.0
        self._last_seen = time.monotonic()
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
            if left <= 0 or not (self._sent or self._queue or self._alone):
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
        if self._client.status != "running":
            return
        idle = self._ready - {sent.worker for sent in self._sent.values()}
        with suppress(OSError):  # the cluster ends at this moment
            self._client.cancel(list(self._sent), force=True)
            self._client.run(close_runner, self._key, workers=sorted(idle), on_error="ignore")
        self._sent.clear()

    def _look(self) -> list[Report]:
        """See which workers there are; report what was lost with those that are gone."""
        now = time.monotonic()
        if now - self._looked < LOOK_S:
            return []
        self._check_connection()
        self._looked = now
        self._workers = set(self._client.scheduler_info(n_workers=-1)["workers"])
        if self._workers:
            self._last_seen = now
        elif now - self._last_seen > PATIENCE_S:
            self._last_seen = now
            _log.warning("The dask cluster has no worker any more; waiting for one. Ctrl-C gives up.")
        self._ready &= self._workers
        gone = [future for future, sent in self._sent.items() if sent.worker not in self._workers]
        reports = [report for future in gone if not future.done() for report in self._lost(future)]
        known = self._ready | self._refused | {sent.worker for sent in self._sent.values()}
        for worker in self._workers - known:
            self._send([], worker, open_runner, self._key, self._runner, self._modules, software())
        return reports

    def _check_connection(self) -> None:
        if self._client.status != "running":
            # It goes on trying until it is closed, and would print a traceback for each attempt.
            logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
            raise LostClusterError(
                f"The connection to the dask scheduler {self._address} was lost. What was done is kept: go "
                "on with --extend-run, as soon as no worker of that cluster runs any more."
            )

    def _feed(self) -> None:
        """Give each worker that has none a batch."""
        idle = self._ready - {sent.worker for sent in self._sent.values()}
        while idle and (self._queue or self._alone):
            batch = [self._alone.popleft()] if self._alone else self._next_batch()
            self._send(batch, idle.pop(), run_batch, self._key, pickle.dumps(batch))

    def _send(self, works: list[Work], worker: str, function: Callable[..., Any], *arguments: Any) -> None:
        key = f"quanta-{uuid4().hex}"
        future = self._client.submit(function, *arguments, key=key, workers=[worker], pure=False)
        self._sent[future] = _Sent(works, worker, time.monotonic())
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
            self._check_connection()
            error = future.exception() if future.status == "error" else None
            if self._sent[future].works or error is None or isinstance(error, KilledWorker):
                return self._lost(future, error)
            self._admit(self._sent.pop(future).worker, described(error))
            return []
        works, worker, _ = self._sent.pop(future)
        if not works:
            self._admit(worker, future.result())
            return []
        chains = [[Report.from_bytes(data) for data in chain] for chain in future.result()]
        for work, chain in zip(works, chains, strict=True):
            self._learn(work.label, sum(max(each.end_ns - each.begin_ns, 1000) for each in chain) * 1e-9)
        return [report for chain in chains for report in chain]

    def _admit(self, worker: str, hindrance: str) -> None:
        """Use a worker from now on, or never."""
        if not hindrance:
            self._stillborn = 0
            self._ready.add(worker)
            return
        self._refused.add(worker)
        _log.warning("The dask worker %s is not used: %s", worker, hindrance)
        if self._workers <= self._refused:
            raise WorkerStartError(
                f"No worker of the dask cluster {self._address} can be used; of {worker}: {hindrance}. "
                "Go on with --extend-run."
            )

    def _lost(self, future: distributed.Future, error: BaseException | None = None) -> list[Report]:
        works, worker, begun = self._sent.pop(future)
        told = self._told(future) if len(works) == 1 and works[0].followers else []
        future.cancel()
        self._workers.discard(worker)
        self._ready.discard(worker)
        if not works:
            self._note_stillborn(worker)
        if len(works) != 1:
            self._alone.extend(works)
            return []
        running = next_in_chain(works[0], {report.quantum: report.ok for report in told})
        if running is None:
            return told
        message = (
            f"The dask worker {worker} was lost while it ran this quantum. Out of memory? Its log may tell."
        )
        if error is not None and not isinstance(error, KilledWorker):
            message = f"The dask worker {worker} can't run this quantum: {described(error)}"
        return [*told, lost(running, LOST_WORKER, message, pid=0, ran_s=time.monotonic() - begun)]

    def _told(self, future: distributed.Future) -> list[Report]:
        """Ask how far a worker was in a chain."""
        try:
            told = self._client.get_metadata([future.key], default=())
        except OSError:  # the scheduler is gone, too
            return []
        return [Report.from_bytes(data) for data in told]

    def _note_stillborn(self, worker: str) -> None:
        self._stillborn += 1
        if self._stillborn >= MOST_STILLBORN:
            raise WorkerStartError(
                f"{self._stillborn} dask workers in a row were lost before they could run any quantum; see "
                f"the log of the last, {worker}. Then go on with --extend-run."
            )

    def _learn(self, label: str, duration_s: float) -> None:
        before = self._expected_s.get(label, duration_s)
        self._expected_s[label] = 0.7 * before + 0.3 * duration_s
