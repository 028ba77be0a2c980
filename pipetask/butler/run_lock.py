"""Whether a run is being executed: its journal is locked by the process that does it, or that removes it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipetask.butler.repository import journal_path
from pipetask.errors import RunLockedError

LOCK_ATTEMPTS = 10
LOCK_PAUSE_S = 0.03
"""A process that only looks whether a run is being executed holds the lock for microseconds."""


def is_executing(root: str | os.PathLike[str], run: str) -> bool:
    """Tell whether some process is executing a run at this moment."""
    return is_locked(journal_path(root, run))


def is_locked(journal: Path) -> bool:
    """Tell whether a process holds a journal; whoever wants it just now waits for this glance to pass."""
    try:
        fd = os.open(journal, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


@contextmanager
def held(root: str | os.PathLike[str], run: str) -> Iterator[None]:
    """Keep everybody from executing a run; `RunLockedError` if somebody does."""
    path = journal_path(root, run)
    try:
        fd = open_locked(path)
    except RunLockedError:
        raise RunLockedError(
            f"Run {run!r} is being executed; wait until that has ended, or stop it, and remove it then."
        ) from None
    try:
        yield
    finally:
        state = os.fstat(fd)
        if not state.st_size and state.st_nlink:  # made for the lock only, and not removed with the run
            path.unlink(missing_ok=True)
        os.close(fd)


def open_locked(path: Path) -> int:
    """Open a journal, made if needed, for this process alone; `RunLockedError` if another one has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    attempts_left = LOCK_ATTEMPTS
    while True:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            attempts_left -= 1
            if attempts_left:
                time.sleep(LOCK_PAUSE_S)
                continue
            raise RunLockedError(
                f"Another process is executing this run: it holds {path}. Wait for it, or name another run."
            ) from None
        try:
            if os.path.samestat(os.fstat(fd), path.stat()):
                _sync_folder(path.parent)
                return fd
        except FileNotFoundError:
            pass
        # Between opening and locking, another process finished and removed the file: this lock is of no use.
        os.close(fd)


def _sync_folder(folder: Path) -> None:
    """Make a new name in a folder durable: a journal whose name is lost is lost."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
