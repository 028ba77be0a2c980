"""Many requests to remote stores, a bounded number of them at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import TypeVar

AT_ONCE = 8
"""An HTTP client keeps ten connections to a server by default."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def side_by_side(
    action: Callable[[_Item], _Result], items: Sequence[_Item], done: Callable[[_Item, _Result], None]
) -> None:
    """Do something with each of many items; after a failure no more are begun, and it is raised.

    Parameters
    ----------
    action : callable
        What to do; called in several threads.
    items : sequence
        With what.
    done : callable
        Is given each item whose action has succeeded, and the result: here, in the caller's thread, and also
        if another one failed or Ctrl-C came.
    """
    with ThreadPoolExecutor(min(AT_ONCE, len(items)) or 1) as pool:
        running = {pool.submit(action, item): item for item in items}
        try:
            for future in as_completed(running):
                done(running[future], future.result())
                del running[future]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            for future, item in running.items():
                if _succeeded(future):
                    done(item, future.result())
            raise


def _succeeded(future: Future[_Result]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None
