"""Struct: the named results of a task."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class Struct(SimpleNamespace):
    """Named values, as attributes: ``Struct(catalog=table).catalog``."""

    def getDict(self) -> dict[str, Any]:  # values are whatever a task makes
        """Return the values by name, in the order given."""
        return dict(vars(self))

    def mergeItems(self, other: Struct, *names: str) -> None:
        """Take the named values of ``other``; a name that is set already is an error."""
        for name in names:
            if hasattr(self, name):
                raise ValueError(f"Cannot merge {name!r} into a Struct that has it already")
            setattr(self, name, getattr(other, name))

    def copy(self) -> Struct:
        """Return a new `Struct` of the same values."""
        return Struct(**vars(self))
