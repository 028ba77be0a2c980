"""Appender: many small datasets (logs, metadata) in one file per writer."""

# Plain os calls cost a tenth of pathlib's, which counts for small files.
# ruff: noqa: PTH110, PTH120

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

from datastore.artifact import ALGORITHM, checksum, make_folder, sync_folders
from datastore.errors import ArtifactWriteError
from datastore.locations import Root
from datastore.records import ArtifactRecord


class Appender:
    """An append-only file that one writer owns; records say offset and size.

    Parameters
    ----------
    root : `Root`
        Of the datastore.
    path : `str`
        Relative to the root; made if it is not there, else continued at its end.
    store : `str`
        Name of the datastore.
    """

    def __init__(self, root: Root, path: str, store: str) -> None:
        self._root = root.text
        self._target = target = root.local_path(path)
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
