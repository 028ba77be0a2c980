"""Staged artifacts: bytes that are kept, but have no name yet that anybody reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from datastore.errors import ArtifactExistsError
from datastore.records import ArtifactRecord
from datastore.stores.base import Store


@dataclass(frozen=True, slots=True)
class StagedArtifact:
    """An artifact that becomes visible when it is placed.

    Parameters
    ----------
    record : `ArtifactRecord`
        What it will be.
    store : `Store`
        Where.
    content : object
        What the store knows it by until then.
    """

    record: ArtifactRecord
    store: Store
    content: Any

    def place(self, distinction: str) -> ArtifactRecord:
        """Make it visible under its name, in one step, and return its record.

        A name that something has, left there or about to be deleted, stays with that: the artifact gets one
        of its own, with the distinction before its extension.
        """
        try:
            self.store.place(self.content, self.record.path)
        except ArtifactExistsError:
            path = distinct(self.record.path, distinction)
            self.store.place(self.content, path)
            return self.record._replace(path=path)
        return self.record

    def discard(self) -> None:
        """Forget the bytes; of what was placed, nothing is taken away."""
        self.store.discard(self.content)


def distinct(path: str, distinction: str) -> str:
    """Return a path with a distinction before its extension."""
    folder, slash, name = path.rpartition("/")
    stem, dot, extension = name.partition(".")
    return f"{folder}{slash}{stem}-{distinction}{dot}{extension}"
