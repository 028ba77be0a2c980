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

    Links are not followed to other names. What does not exist, a folder without any match, and a match that
    is no file (a link that leads nowhere, a pipe) are failures.
    """
    found: set[str] = set()
    failures = []
    for location in locations:
        path = Path(os.path.abspath(location))  # noqa: PTH100  (keeps the name of a link)
        if path.is_dir():
            below = [
                file
                for file in path.rglob("*")
                if any(fnmatch.fnmatch(file.name, pattern) for pattern in patterns) and not file.is_dir()
            ]
            found.update(str(file) for file in below if file.is_file())
            failures += [Failure(str(file), _why_no_file(file)) for file in below if not file.is_file()]
            if not below:
                failures.append(Failure(str(path), f"no file below it matches {' or '.join(patterns)}"))
        elif path.is_file():
            found.add(str(path))
        else:
            failures.append(Failure(str(path), _why_no_file(path)))
    return sorted(found), failures


def _why_no_file(path: Path) -> str:
    if path.is_symlink():
        return f"a link that leads nowhere, to {path.readlink()}"
    return "not a file" if path.exists() else "no such file or folder"
