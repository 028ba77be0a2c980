"""Trying again what a remote store failed at, more patiently each time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from datastore.errors import StoreRefusedError, StoreUnavailableError

ATTEMPTS = 6
FIRST_WAIT_S = 0.25
"""Doubled each time, give or take half of it, lest many workers come back at once."""

_DEFINITE = (
    FileNotFoundError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
    NotImplementedError,
    ValueError,
    TypeError,
    ImportError,
    MemoryError,
)
"""What would be the same the next time."""

_Result = TypeVar("_Result")


def retried(uri: str, action: Callable[[], _Result]) -> _Result:
    """Return what an action returns, tried again after errors of the network or the server.

    Raises
    ------
    StoreRefusedError
        If the store does not allow it.
    StoreUnavailableError
        If it fails each time.
    """
    wait_s = FIRST_WAIT_S
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return action()
        except Exception as error:  # each library has its own
            err = _cause(error)
            if isinstance(err, PermissionError):
                raise StoreRefusedError(uri, str(err)) from err
            if isinstance(err, _DEFINITE):
                raise err from error.__cause__
            if attempt == ATTEMPTS:
                reason = f"failed {ATTEMPTS} times: {type(err).__name__}: {err}"
                raise StoreUnavailableError(uri, reason) from err
            time.sleep(wait_s * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
            wait_s *= 2
    raise AssertionError("not reached")


def _cause(error: Exception) -> Exception:
    """Return what happened: fsspec says of whatever an HTTP server answers that there is no such file."""
    behind = error.__cause__
    if not isinstance(error, FileNotFoundError) or not type(behind).__module__.startswith("aiohttp"):
        return error
    status = getattr(behind, "status", None)
    if status in (401, 403):
        return PermissionError(str(behind))
    if status in (404, 410) or not isinstance(behind, Exception):
        return error
    return behind
