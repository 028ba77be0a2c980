"""What runs inside a dask worker: batches of quanta, by a runner that stays as long as the worker."""

from __future__ import annotations

import importlib
import pickle
import platform
import threading
from collections.abc import Sequence
from importlib.metadata import version

import distributed
from distributed.utils import sync

from pipetask.errors import described
from pipetask.execution.executors.base import Runner, Work, run_chain

_lock = threading.Lock()
_runners: dict[str, Runner] = {}


def software() -> str:
    """Name what must be the same in the workers and in the command."""
    major, minor, _ = platform.python_version_tuple()
    return f"Python {major}.{minor} with pipetask {version('pipetask')}"


def hindrance(modules: Sequence[str], wanted: str) -> str:
    """Load the modules of tasks; return what is in the way of running them here, or nothing."""
    if (here := software()) != wanted:
        return f"it has {here}, and the command {wanted}"
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:
            return f"it can't import {module!r}: {described(error)}"
    return ""


def open_runner(key: str, runner: bytes, modules: Sequence[str], wanted: str) -> str:
    """Load what all quanta need, before the first; return what is in the way, or nothing."""
    if reason := hindrance(modules, wanted):
        return reason
    with _lock:
        if key not in _runners:
            made: Runner = pickle.loads(runner)  # noqa: S301 - written by our own coordinator
            made.open()
            _runners[key] = made
    return ""


def run_batch(key: str, batch: bytes) -> list[list[bytes]]:
    """Run chains of quanta, one after the other, whatever number of threads the worker has."""
    with _lock:
        works: list[Work] = pickle.loads(batch)  # noqa: S301 - as above
        runner = _runners[key]
        if len(works) == 1 and works[0].followers:
            return [_run_and_tell(runner, works[0])]
        return [[report.to_bytes() for report in run_chain(runner, work)] for work in works]


def close_runner(key: str) -> None:
    """Finish what a worker has open for an executor."""
    with _lock:
        if (runner := _runners.pop(key, None)) is not None:
            runner.close()


def _run_and_tell(runner: Runner, work: Work) -> list[bytes]:
    """Run a chain; after each of its quanta the scheduler has the reports, should this worker be lost."""
    worker = distributed.get_worker()
    future = [worker.get_current_task()]
    done: list[bytes] = []
    for report in run_chain(runner, work):
        done.append(report.to_bytes())
        sync(worker.loop, worker.scheduler.set_metadata, keys=future, value=done)
    return done
