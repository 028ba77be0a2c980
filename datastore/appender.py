"""Appenders: many small datasets (logs, metadata) of one writer, in one file where files can grow."""

# Plain os calls cost a tenth of pathlib's, which counts for small files.
# ruff: noqa: PTH110, PTH120

from __future__ import annotations

import itertools
import os
from abc import ABC, abstractmethod
from types import TracebackType
from typing import TYPE_CHECKING, Self

from datastore.artifact import ALGORITHM, checksum, make_folder, sync_folders
from datastore.errors import ArtifactWriteError
from datastore.records import ArtifactRecord

if TYPE_CHECKING:
    from datastore.stores.base import Store


class Appender(ABC):
    """What takes the bytes of one dataset after the other from one writer, and says where they are."""

    @abstractmethod
    def append(
        self, data: bytes, *, component: str = "", formatter: str, storage_class: str
    ) -> ArtifactRecord:
        """Keep the bytes of one dataset (see `Datastore.serialize`) and return its record."""

    @abstractmethod
    def sync(self) -> None:
        """Make everything appended so far durable."""

    @abstractmethod
    def close(self) -> None:
        """End; what was appended stays."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class ObjectAppender(Appender):
    """An object for each dataset, numbered, for stores whose objects cannot grow.

    Parameters
    ----------
    store : `Store`
        Where they go.
    path : `str`
        What their names begin with.
    """

    def __init__(self, store: Store, path: str) -> None:
        self._store = store
        self._path = path
        self._numbers = itertools.count()

    def append(
        self, data: bytes, *, component: str = "", formatter: str, storage_class: str
    ) -> ArtifactRecord:
        """Put an object."""
        path = f"{self._path}/{next(self._numbers):06d}"
        self._store.put(path, data)
        return ArtifactRecord(
            component,
            self._store.name,
            path,
            -1,
            len(data),
            checksum(data),
            ALGORITHM,
            formatter,
            storage_class,
        )

    def sync(self) -> None:
        """Do nothing: what was put is durable."""

    def close(self) -> None:
        """Do nothing: nothing is open."""


class FileAppender(Appender):
    """An append-only file that one writer owns; records say offset and size.

    Parameters
    ----------
    target : `str`
        Absolute path; made if it is not there, else continued at its end.
    path : `str`
        The same, relative to the root of the store.
    store : `str`
        Name of the store.
    root : `str`
        Folder of the store.
    """

    def __init__(self, target: str, path: str, store: str, root: str) -> None:
        self._root = root
        self._target = target
        self._path = path
        self._store = store
        make_folder(os.path.dirname(target))
        self._created = not os.path.exists(target)
        self._descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        self._end = os.fstat(self._descriptor).st_size

    def append(
        self, data: bytes, *, component: str = "", formatter: str, storage_class: str
    ) -> ArtifactRecord:
        """Append the bytes of one dataset (see `Datastore.serialize`) and return its record."""
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except OSError as err:
            os.ftruncate(self._descriptor, self._end)
            raise ArtifactWriteError(self._target, err.strerror or str(err)) from err
        offset, self._end = self._end, self._end + len(data)
        return ArtifactRecord(
            component,
            self._store,
            self._path,
            offset,
            len(data),
            checksum(data),
            ALGORITHM,
            formatter,
            storage_class,
        )

    def sync(self) -> None:
        """Make everything appended so far durable."""
        os.fsync(self._descriptor)
        if self._created:
            sync_folders(self._root, [self._target])
            self._created = False

    def close(self) -> None:
        """Close the file; what was appended stays."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
