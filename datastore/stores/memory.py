"""The memory of this process: for tests, notebooks and what is needed only while a program runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from datastore.artifact import Buffer
from datastore.errors import ArtifactExistsError, ArtifactMissingError, LocationError
from datastore.inventory import FoundFile
from datastore.locations import Source
from datastore.stores.base import Store, checked
from datastore.transfer import Transfer

SCHEME = "in-memory"
_contents: dict[str, dict[str, tuple[bytes, float]]] = {}
_lock = threading.Lock()  # protects _contents: two writers of one name


class MemoryStore(Store):
    """Bytes in a dictionary that all stores of one root and process share; they end with the process."""

    def put(self, path: str, data: Buffer, *, sync: bool = True, clobber: bool = False) -> None:
        """Keep a copy of the bytes."""
        content = bytes(data), time.time()
        with _lock:
            held = _contents.setdefault(self.root, {})
            if not clobber and path in held:
                raise ArtifactExistsError(self.uri(path))
            held[checked(path)] = content

    def take(self, local: str, path: str, transfer: Transfer, *, sync: bool = True) -> None:
        """Read a file in."""
        if transfer not in ("auto", "copy", "move"):
            raise LocationError(local, f"memory takes files by copy or move, not by {transfer}")
        self.put(path, Path(local).read_bytes())
        if transfer == "move":
            Path(local).unlink()

    def source(self, path: str, *, fragment: str = "", offset: int = -1, size: int = -1) -> Source:
        """Return what reads the bytes."""
        return Source(self.uri(path), None, fragment, offset, size, _Held(self, checked(path)))

    def size(self, path: str) -> int | None:
        """Return the number of bytes."""
        found = self.held().get(checked(path))
        return None if found is None else len(found[0])

    def delete(self, path: str) -> None:
        """Forget the bytes."""
        self.held().pop(checked(path), None)

    def move(self, path: str, target: str) -> None:
        """Rename."""
        self.held()[checked(target)] = self.held().pop(path)

    def files(self, folder: str = "") -> Iterator[FoundFile]:
        """Yield what there is."""
        prefix = f"{folder}/" if folder else ""
        for path, (content, changed_s) in list(self.held().items()):
            if path.startswith(prefix):
                yield FoundFile(path, len(content), changed_s, self.name)

    def sync(self, paths: Iterable[str]) -> None:
        """Do nothing: memory lasts as long as it does."""

    def held(self) -> dict[str, tuple[bytes, float]]:
        """Return the bytes by name, each with the time when they were put."""
        return _contents.setdefault(self.root, {})


class _Held:
    """Bytes of one name, looked up when they are read."""

    def __init__(self, store: MemoryStore, path: str) -> None:
        self._store, self._path = store, path

    def size(self) -> int:
        return len(self._content())

    def read(self, begin: int, end: int) -> bytes:
        return self._content()[begin:end]

    def _content(self) -> bytes:
        found = self._store.held().get(self._path)
        if found is None:
            raise ArtifactMissingError(self._store.uri(self._path))
        return found[0]
