"""A folder of local copies of remote artifacts, bounded in size and age, shared by many processes."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from datastore.artifact import TEMPORARY_SUFFIX, Buffer, write_artifact
from datastore.errors import ArtifactWriteError, CacheDefinitionError
from datastore.locations import Source
from datastore.records import ArtifactRecord

_KEYS = frozenset({"folder", "size_gb", "age_days"})
_SLACK = 0.1  # of the size, by which it shrinks at once: scans are that much rarer
_STALE_PART_S = 3600.0  # a download that is older was interrupted


class ArtifactCache:
    """Copies of whole artifacts. Any of them may vanish at any time: it is copied again then.

    Parameters
    ----------
    folder : `str`
        Where they are; made when it is needed.
    size : `int`
        Bytes that are kept: what was used last.
    age_s : `float`
        How long a copy stays that nobody uses [s].

    Notes
    -----
    A copy is complete when it gets its name, which follows from where the artifact is and what is recorded of
    it: a replaced artifact has another. Readers hold copies open, so that deleting one disturbs nobody. One
    process at a time deletes. The folder may hold more than ``size`` until that is noticed: each one looks
    after it has added a tenth.
    """

    def __init__(self, folder: str, size: int, age_s: float) -> None:
        self._folder = folder
        self._size = size
        self._age_s = age_s
        self._unnoticed: float = size  # bytes since the last scan; the first copy begins with one

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ArtifactCache:
        """Return the cache of ``datastore: cache`` in a configuration."""
        if unknown := set(config) - _KEYS:
            raise CacheDefinitionError(f"unknown keys {sorted(unknown)}; it has {sorted(_KEYS)}")
        folder, size_gb, age_days = (config.get(key) for key in ("folder", "size_gb", "age_days"))
        if not isinstance(folder, str) or not folder:
            raise CacheDefinitionError("it needs a folder")
        for name, value in (("size_gb", size_gb), ("age_days", age_days)):
            if not isinstance(value, (int, float)) or value <= 0:
                raise CacheDefinitionError(f"{name} is a positive number, not {value!r}")
        path = os.path.abspath(os.path.expandvars(os.path.expanduser(folder)))  # noqa: PTH100, PTH111
        return cls(path, int(float(size_gb or 0) * 1e9), float(age_days or 0) * 86400.0)

    def source(self, record: ArtifactRecord, remote: Source, *, fetch: bool) -> Source:
        """Return what reads the copy of an artifact; the artifact itself if there is none.

        Parameters
        ----------
        record : `ArtifactRecord`
            The artifact.
        remote : `Source`
            What reads it where it is.
        fetch : `bool`
            Make a copy if there is none.
        """
        path = self._path(record, remote.uri)
        if (copy := _Copy.open(path, record.size)) is None and fetch:
            self._add(path, remote.read_bytes())
            copy = _Copy.open(path, record.size)
        return remote if copy is None else replace(remote, ranges=copy)

    def keep(self, record: ArtifactRecord, uri: str, data: Buffer) -> None:
        """Keep a copy of an artifact that was just written."""
        self._add(self._path(record, uri), data)

    def _path(self, record: ArtifactRecord, uri: str) -> str:
        key = f"{uri} {record.size} {record.checksum}"
        return f"{self._folder}/{hashlib.sha256(key.encode()).hexdigest()}"

    def _add(self, path: str, data: Buffer) -> None:
        """Write a copy; a full disk, or somebody who was faster, is no error."""
        with suppress(ArtifactWriteError, PermissionError):
            write_artifact(path, data, root=self._folder, sync=False, clobber=True)
            self._unnoticed += memoryview(data).nbytes
            if self._unnoticed >= self._size * _SLACK:
                self._shrink()

    def _shrink(self) -> None:
        """Delete what is too old or too much, unless another process does."""
        descriptor = os.open(f"{self._folder}/.lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        else:
            self._delete_superfluous()
            self._unnoticed = 0
        finally:
            os.close(descriptor)

    def _delete_superfluous(self) -> None:
        now, held = time.time(), 0
        for copy in sorted(_copies(self._folder), key=lambda each: -each.used_s):
            if copy.is_partial:
                superfluous = now - copy.used_s > _STALE_PART_S
            else:
                held += copy.size
                superfluous = now - copy.used_s > self._age_s or held > self._size * (1 - _SLACK)
            if superfluous:
                Path(copy.path).unlink(missing_ok=True)


class _Found(NamedTuple):
    path: str
    size: int
    used_s: float

    @property
    def is_partial(self) -> bool:
        return self.path.endswith(TEMPORARY_SUFFIX)


def _copies(folder: str) -> list[_Found]:
    found = []
    for entry in os.scandir(folder):
        with suppress(FileNotFoundError):  # deleted or renamed meanwhile
            if entry.name != ".lock":
                status = entry.stat()
                found.append(_Found(entry.path, status.st_size, status.st_mtime))
    return found


class _Copy:
    """An open copy; see `Ranges`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __del__(self) -> None:
        os.close(self._descriptor)

    @classmethod
    def open(cls, path: str, size: int) -> _Copy | None:
        """Open a copy, and note that it was used; `None` if there is none, or one that a crash cut short."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        copy = cls(descriptor)
        if size >= 0 and copy.size() != size:
            return None
        with suppress(OSError):  # of another user
            os.utime(descriptor)
        return copy

    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def read(self, begin: int, end: int) -> bytes:
        return os.pread(self._descriptor, end - begin, begin)
