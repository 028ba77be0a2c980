"""The butler's view of collections, under the names of the reference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from registry.errors import InvalidNameError
from registry.patterns import as_names

if TYPE_CHECKING:
    from registry.collections.base import CollectionInfo
    from registry.collections.history import CollectionEdit
    from registry.dataset_ref import DatasetRef
    from registry.dataset_type import DatasetType
    from registry.dimensions.coordinate import DataId
    from registry.registry import Registry
    from registry.timespan import Timespan

Names = str | Sequence[str]
ChainMode = Literal["redefine", "extend", "remove", "prepend", "pop"]


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
        self._registry = registry
        self._all = registry.collections
        self.defaults = tuple(defaults)

    # What there is

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

    def get_info(self, name: str) -> CollectionInfo:
        """Return name, kind, documentation and children of a collection."""
        return self._all.get_info(name)

    def query_info(self, expression: str | Iterable[str] = "*", **options: Any) -> list[CollectionInfo]:
        """Return `get_info` of what `query` finds."""
        return [self._all.get_info(name) for name in self.query(expression, **options)]

    def parents(self, name: str) -> list[str]:
        """Return the chains that hold a collection."""
        return self._all.parents(name)

    def tree(self, name: str, *, inverse: bool = False, depth: int = 0) -> list[tuple[int, CollectionInfo]]:
        """Return a collection and all below it (or above it) in chains, each with its depth, in order."""
        info = self.get_info(name)
        found = [(depth, info)]
        for other in self.parents(name) if inverse else info.children:
            found += self.tree(other, inverse=inverse, depth=depth + 1)
        return found

    def history(self, name: str) -> list[CollectionEdit]:
        """Return what was done to a collection, by whom and when, oldest first, even if it is gone."""
        return self._all.history(name)

    def dataset_types(self, names: Names) -> list[DatasetType]:
        """Return the dataset types that some of the collections may hold, by name."""
        return self._all.dataset_types(names)

    # Making and removing

    def register(self, name: str, type: str = "RUN", doc: str = "") -> bool:
        """Make a collection of type RUN, TAGGED, CHAINED or CALIBRATION; `False` if it is there already."""
        return self._all.register(name, kind_name(type), doc)

    def set_doc(self, name: str, doc: str) -> None:
        """Change what is said about a collection."""
        self._all.set_doc(name, doc)

    def x_remove(self, name: str, *, unlink_from_chains: bool = False) -> None:
        """Remove a collection that is no run; its datasets stay (see ``Butler.removeRuns``)."""
        self._all.remove(name, unlink_from_chains=unlink_from_chains)

    # Chains

    def redefine_chain(self, parent: str, children: Names, *, flatten: bool = False) -> None:
        """Give a chain other children; with ``flatten``, what is in chains instead of the chains."""
        self._all.set_chain(parent, self._flat(children) if flatten else children)

    def prepend_chain(self, parent: str, children: Names) -> None:
        """Put children at the front of a chain; those that it has move there."""
        self._all.prepend_chain(parent, children)

    def extend_chain(self, parent: str, children: Names) -> None:
        """Put children at the end of a chain; those that it has move there."""
        self._all.extend_chain(parent, children)

    def remove_from_chain(self, parent: str, children: Names) -> None:
        """Take children out of a chain."""
        self._all.remove_from_chain(parent, children)

    def pop_chain(self, parent: str, positions: Iterable[int] = (0,)) -> None:
        """Take the children at some positions (negative: from the end) out of a chain.

        Raises
        ------
        InvalidNameError
            If the chain has no such position.
        """
        with self._registry.transaction():
            children = self.get_info(parent).children
            gone = set()
            for position in positions:
                if not -len(children) <= position < len(children):
                    raise InvalidNameError(
                        f"Chain {parent!r} has no child number {position}: it has {len(children)}, "
                        "counted from 0."
                    )
                gone.add(position % len(children))
            self._all.set_chain(parent, [child for i, child in enumerate(children) if i not in gone])

    def update_chain(
        self,
        parent: str,
        children: Sequence[str],
        mode: ChainMode = "redefine",
        *,
        doc: str = "",
        flatten: bool = False,
    ) -> tuple[str, ...]:
        """Change a chain in one of five ways, all or nothing; return its children.

        Parameters
        ----------
        parent : `str`
            The chain; made by the modes that add to it, if it does not exist.
        children : sequence of `str`
            Collections; for ``pop``, positions (of the first child by default).
        mode : `str`, optional
            ``redefine``, ``extend``, ``remove``, ``prepend`` or ``pop``.
        doc : `str`, optional
            Description of a new chain.
        flatten : `bool`, optional
            Whether chains among the children are replaced by what they hold.

        Raises
        ------
        InvalidNameError
            If there are no children, where the mode needs some, or no such positions.
        """
        if mode not in get_args(ChainMode):
            raise InvalidNameError(f"{mode!r} is none of {', '.join(get_args(ChainMode))}.")
        if not children and mode != "pop":
            raise InvalidNameError(f"Mode {mode!r} needs children for chain {parent!r}.")
        with self._registry.transaction():
            if mode == "pop":
                self.pop_chain(parent, _positions(children) or (0,))
                return self.get_info(parent).children
            if flatten:
                children = self._flat(children)
            if mode == "remove":
                self.remove_from_chain(parent, children)
                return self.get_info(parent).children
            self.register(parent, "CHAINED", doc)
            change = {
                "redefine": self.redefine_chain,
                "extend": self.extend_chain,
                "prepend": self.prepend_chain,
            }
            change[mode](parent, children)
            return self.get_info(parent).children

    def _flat(self, names: Names) -> list[str]:
        return [info.name for info in self._all.resolve(as_names(names))]

    # Members

    def associate(self, name: str, refs: Iterable[DatasetRef]) -> None:
        """Add datasets to a TAGGED collection."""
        self._all.associate(name, refs)

    def disassociate(self, name: str, refs: Iterable[DatasetRef]) -> None:
        """Take datasets out of a TAGGED collection."""
        self._all.disassociate(name, refs)

    def certify(self, name: str, refs: Iterable[DatasetRef], timespan: Timespan) -> None:
        """Say for which time datasets are valid, in a CALIBRATION collection."""
        self._all.certify(name, refs, timespan)

    def decertify(
        self,
        name: str,
        dataset_type: str | DatasetType,
        timespan: Timespan,
        data_ids: Iterable[DataId] | None = None,
    ) -> int:
        """Say that datasets of a type are not valid in a timespan; return how many ranges were cut."""
        return self._all.decertify(name, dataset_type, timespan, data_ids)


def kind_name(kind: Any) -> Any:  # a string, or a member of an enumeration like the reference's
    """Return RUN, TAGGED, CHAINED or CALIBRATION of what names a collection type."""
    return str(getattr(kind, "name", kind)).upper()


def _kind_names(kinds: Any) -> list[str]:
    return [kind_name(kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)]


def _positions(children: Iterable[str]) -> list[int]:
    children = list(children)
    for child in children:
        if not child.removeprefix("-").isdecimal():
            raise InvalidNameError(f"Mode 'pop' takes positions of children, whole numbers, not {child!r}.")
    return [int(child) for child in children]
