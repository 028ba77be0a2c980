"""Which files are meant by the locations that a user names."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipetask.observation.image_file import Failure


def find_files(
    locations: Iterable[str | os.PathLike[str]], patterns: Sequence[str]
) -> tuple[list[str], list[Failure]]:
    """Return absolute paths, sorted: files as named, and those below folders whose names match a pattern.

    Links are not followed to other names; what does not exist, and a folder without any match, is a failure.
    """
    found: set[str] = set()
    failures = []
    for location in locations:
        path = Path(os.path.abspath(location))  # noqa: PTH100  (keeps the name of a link)
        if path.is_dir():
            below = [
                str(file)
                for file in path.rglob("*")
                if any(fnmatch.fnmatch(file.name, pattern) for pattern in patterns) and file.is_file()
            ]
            found.update(below)
            if not below:
                failures.append(Failure(str(path), f"no file below it matches {' or '.join(patterns)}"))
        elif path.is_file():
            found.add(str(path))
        else:
            failures.append(Failure(str(path), "no such file or folder"))
    return sorted(found), failures
