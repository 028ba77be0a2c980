"""Imported by the fork server: loads the tasks' modules once, so that each worker starts with them.

The fork server of `multiprocessing` doesn't set ``sys.path`` before it imports, and ends if a module fails.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
from collections.abc import Iterable, Iterator

_VARIABLE = "PIPETASK_PRELOAD"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@contextlib.contextmanager
def environment(modules: Iterable[str], *, threads: int = 1) -> Iterator[None]:
    """Set what a fork server started in this block is to load, and how many threads libraries use per worker.

    Numbers of threads that the user has set are left alone, and all of them if ``threads`` is 0.
    """
    wanted = worker_environment(threads=threads)
    wanted[_VARIABLE] = json.dumps([sys.path, sorted(set(modules))])
    added = wanted.keys() - os.environ.keys()
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def worker_environment(*, threads: int = 1) -> dict[str, str]:
    """Return this process's variables as they are now, with how many threads libraries use per worker.

    Workers set it when they start: the fork server may be older than what this process has set since.
    """
    return (dict.fromkeys(_THREADS, str(threads)) if threads else {}) | dict(os.environ)


def _load() -> None:
    path, modules = json.loads(os.environ.pop(_VARIABLE, "[[], []]"))
    sys.path[:] = path or sys.path
    for module in modules:
        # A module that can't be imported fails the quanta that need it, by its own message, not all workers.
        with contextlib.suppress(Exception):
            importlib.import_module(module)


_load()
