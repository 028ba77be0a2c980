"""What a store is: a place that keeps bytes under relative names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

from datastore.appender import Appender, ObjectAppender
from datastore.artifact import Buffer
from datastore.errors import LocationError
from datastore.inventory import FoundFile
from datastore.locations import Source
from datastore.transfer import Transfer


def checked(path: str) -> str:
    """Return a relative path that stays below the root; `LocationError` for any other."""
    if path.startswith("/") or ".." in path.split("/"):
        raise LocationError(path, "it leaves the root of the datastore")
    return path


class Store(ABC):
    """A place that keeps bytes under names relative to its root, with slashes.

    An artifact becomes visible in one step and whole. Where ``clobber`` is not asked for, of several writers
    of one name exactly one wins, and the others get `ArtifactExistsError`.

    Parameters
    ----------
    name : `str`
        What records call it.
    root : `str`
        Absolute path or URI.
    """

    is_remote: ClassVar[bool] = False
    """Whether it takes a network."""

    def __init__(self, name: str, root: str) -> None:
        self.name = name
        self.root = root

    @abstractmethod
    def put(self, path: str, data: Buffer, *, sync: bool = True, clobber: bool = False) -> None:
        """Keep bytes under a name; with ``sync``, return when they are durable."""

    def stage(self, path: str, data: Buffer) -> Any:
        """Keep bytes, not under their name yet; return what `place` or `discard` is to be given."""
        checked(path)
        return bytes(data)

    def place(self, staged: Any, path: str) -> None:
        """Give staged bytes a name that nothing has, in one step; they stay staged if it is taken.

        They are not synced.

        Raises
        ------
        ArtifactExistsError
            If something has the name.
        """
        self.put(path, staged, sync=False)

    def discard(self, staged: Any) -> None:
        """Forget staged bytes; of those that have been placed, nothing is taken away."""
        del staged

    @abstractmethod
    def take(self, local: str, path: str, transfer: Transfer, *, sync: bool = True) -> None:
        """Bring a local file, which exists, to a name that is free; `LocationError` for a mode it lacks."""

    @abstractmethod
    def source(self, path: str, *, fragment: str = "", offset: int = -1, size: int = -1) -> Source:
        """Return what reads an artifact, or a slice of it; nothing is opened yet."""

    @abstractmethod
    def size(self, path: str) -> int | None:
        """Return the size of an artifact, `None` if there is none."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """Delete an artifact; one that is gone already is no error."""

    def delete_all(self, paths: Sequence[str]) -> None:
        """Delete artifacts."""
        for path in paths:
            self.delete(path)

    @abstractmethod
    def move(self, path: str, target: str) -> None:
        """Give an artifact another name."""

    @abstractmethod
    def files(self, folder: str = "") -> Iterator[FoundFile]:
        """Yield all that lies below a folder."""

    def delete_tree(self, folder: str, *, keep: Iterable[str] = ()) -> None:
        """Delete all that lies below a folder, except what is below those to keep."""
        kept = tuple(f"{each}/" for each in keep)
        self.delete_all([file.path for file in self.files(folder) if not file.path.startswith(kept)])

    @abstractmethod
    def sync(self, paths: Iterable[str]) -> None:
        """Make artifacts durable that were put without ``sync``."""

    def appender(self, path: str) -> Appender:
        """Return what takes the bytes of many small datasets; `path` is its own."""
        return ObjectAppender(self, path)

    def relative(self, local: str) -> str | None:
        """Return the name of a local file in this store, `None` if it does not lie in it."""
        return None

    def uri(self, path: str) -> str:
        """Return the absolute URI of an artifact."""
        return f"{self.root}/{path}"
