"""Whether a run is being executed: its journal is locked by the process that does it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from pipetask.butler.repository import journal_path


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
