"""The butler's view of collections, under the names of the reference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry.registry import Registry


class ButlerCollections:
    """Collections of a repository, as ``butler.collections``.

    Parameters
    ----------
    registry : `Registry`
        Where they are.
    defaults : sequence of `str`
        What is searched where no collections are named.
    """

    def __init__(self, registry: Registry, defaults: Sequence[str]) -> None:
        self._all = registry.collections
        self.defaults = tuple(defaults)

    def register(self, name: str, type: str = "RUN", doc: str = "") -> bool:
        """Make a collection of type RUN, TAGGED, CHAINED or CALIBRATION; `False` if it is there already."""
        return self._all.register(name, kind_name(type), doc)

    def query(
        self,
        expression: str | Iterable[str] = "*",
        collection_types: str | Iterable[str] | None = None,
        *,
        flatten_chains: bool = False,
        include_chains: bool = True,
    ) -> list[str]:
        """Return the names that match a shell pattern (or one of several), of some types only."""
        kinds = None if collection_types is None else _kind_names(collection_types)
        return self._all.query(
            expression, kinds=kinds, flatten_chains=flatten_chains, include_chains=include_chains
        )

    def get_info(self, name: str) -> Any:
        """Return name, kind, documentation and children of a collection."""
        return self._all.get_info(name)

    def query_info(self, expression: str | Iterable[str] = "*", **options: Any) -> list[Any]:
        """Return `get_info` of what `query` finds."""
        return [self._all.get_info(name) for name in self.query(expression, **options)]

    def redefine_chain(self, parent: str, children: str | Sequence[str]) -> None:
        """Give a chain other children."""
        self._all.set_chain(parent, children)

    def prepend_chain(self, parent: str, children: str | Sequence[str]) -> None:
        """Put children at the front of a chain."""
        self._all.prepend_chain(parent, children)

    def extend_chain(self, parent: str, children: str | Sequence[str]) -> None:
        """Put children at the end of a chain."""
        self._all.extend_chain(parent, children)

    def remove_from_chain(self, parent: str, children: str | Sequence[str]) -> None:
        """Take children out of a chain."""
        self._all.remove_from_chain(parent, children)

    def x_remove(self, name: str) -> None:
        """Remove a collection that is no run; its datasets stay (see ``Butler.removeRuns``)."""
        self._all.remove(name)


def kind_name(kind: Any) -> Any:  # a string, or a member of an enumeration like the reference's
    """Return RUN, TAGGED, CHAINED or CALIBRATION of what names a collection type."""
    return str(getattr(kind, "name", kind)).upper()


def _kind_names(kinds: Any) -> list[str]:
    return [kind_name(kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)]
