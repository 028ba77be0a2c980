"""What lies below a root, seen from the files: for comparing with what records say."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from datastore.artifact import TEMPORARY_SUFFIX

_TEMPORARY = re.compile(rf"\.[0-9a-f]+-\d+-\d+{re.escape(TEMPORARY_SUFFIX)}")


class FoundFile(NamedTuple):
    """A file below a root."""

    path: str
    """Relative to the root."""
    size: int
    changed_s: float
    """When its content or its name changed last [s since 1970], which no program can set at will."""
    store: str
    """Name of the store."""

    @property
    def is_temporary(self) -> bool:
        """Whether it has the name of a write that is going on, or was interrupted."""
        return _TEMPORARY.fullmatch(os.path.basename(self.path)) is not None  # noqa: PTH119 - plain text


def files_below(root: str, folder: str, store: str) -> Iterator[FoundFile]:
    """Yield the files below a folder of a root; what disappears meanwhile is left out."""
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            entries = list(os.scandir(f"{root}/{here}" if here else root))
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            path = f"{here}/{entry.name}" if here else entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append(path)
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            yield FoundFile(path, status.st_size, status.st_ctime, store)
