"""The reserve: room that a repository keeps for removals, which need some before they make more."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

NAME = ".reserve"
SIZE = 2**20
"""Bytes kept: room to remove 1,500 datasets at once (0.6 kB of SQLite's log for each)."""


def keep(root: str) -> None:
    """Make sure that a repository has its reserve; without one where there is no room for it."""
    path = Path(root) / NAME
    if not path.exists():
        temporary = path.with_suffix(".part")
        with suppress(OSError):
            try:
                temporary.write_bytes(bytes(SIZE))
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)


def release(root: str) -> bool:
    """Give the reserve up if the disk is full; return whether there is none now."""
    path = Path(root) / NAME
    if path.exists():
        if shutil.disk_usage(root).free >= SIZE:
            return False
        path.unlink(missing_ok=True)
    return True
