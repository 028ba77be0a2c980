"""A function over many items, in worker processes if that pays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_CHUNKS_PER_PROCESS = 8  # some are slower than others: leave something to share out at the end
WORTH_A_PROCESS = 100  # to start a worker takes as long as some hundred headers do


def in_processes(function: Callable[[T], R], items: Sequence[T], processes: int) -> Iterator[R]:
    """Yield ``function(item)`` for each item, in order; with one process, or few items, in this one.

    The function and the items must be picklable. Workers are forked from a clean server, never from here.
    """
    processes = min(processes, len(items) // WORTH_A_PROCESS)
    if processes <= 1:
        yield from map(function, items)
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    chunk = max(1, len(items) // (processes * _CHUNKS_PER_PROCESS))
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        yield from pool.map(function, items, chunksize=chunk)
