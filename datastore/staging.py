"""Staged artifacts: bytes that are kept, but have no name yet that anybody reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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

    def place(self) -> None:
        """Make it visible under its name, in one step; what has that name is replaced."""
        self.store.place(self.content, self.record.path)

    def discard(self) -> None:
        """Forget the bytes; of what was placed, nothing is taken away."""
        self.store.discard(self.content)
