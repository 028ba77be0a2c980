"""DimensionGroup: a set of dimensions, complete under their dependencies, in one fixed order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from .universe import DimensionUniverse

Pick = Callable[[tuple[Any, ...]], tuple[Any, ...]]


@final
class DimensionGroup:
    """Dimensions that identify something, with all that they require and imply.

    Made by `DimensionUniverse.conform`, which returns the same object for the same dimensions.

    Attributes
    ----------
    universe : `DimensionUniverse`
        Where the dimensions are defined.
    names : `tuple` [`str`]
        All dimensions, those that others depend on first.
    required : `tuple` [`str`]
        Those that must have a value in a data ID.
    implied : `tuple` [`str`]
        Those whose values follow from the required ones.
    keys : `tuple` [`str`]
        ``required + implied``: the order of values in a full data ID.
    elements : `tuple` [`str`]
        The dimensions, and the relations among them.
    governors : `tuple` [`str`]
        Those that rule others: instrument, skymap.
    spatial, temporal : `tuple` [`str`]
        The most specific element of each family that has regions, or timespans.
    """

    __slots__ = (
        "_hash",
        "_picks",
        "elements",
        "governors",
        "implied",
        "index",
        "keys",
        "names",
        "required",
        "spatial",
        "temporal",
        "universe",
    )

    def __init__(self, universe: DimensionUniverse, names: frozenset[str]) -> None:
        self.universe = universe
        self.names = universe.sort(names)
        elements = {name: universe[name] for name in self.names}
        implied = {other for element in elements.values() for other in element.implied}
        self.required = tuple(name for name in self.names if name not in implied)
        self.implied = tuple(name for name in self.names if name in implied)
        self.keys = self.required + self.implied
        self.index = {name: i for i, name in enumerate(self.keys)}
        relations = [e.name for e in universe.relations if names.issuperset(e.required)]
        self.elements = self.names + universe.sort(relations)
        self.governors = tuple(name for name in self.names if elements[name].governor)
        self.spatial = universe.most_specific(self.elements, "spatial")
        self.temporal = universe.most_specific(self.elements, "temporal")
        self._hash = hash(self.required)
        self._picks: dict[tuple[str, ...], Pick] = {}

    def pick(self, names: tuple[str, ...]) -> Pick:
        """Return a function that takes the values of ``names`` out of a tuple ordered as `keys`."""
        if names not in self._picks:
            self._picks[names] = pick_of(self.keys, names)
        return self._picks[names]

    def __contains__(self, name: object) -> bool:
        return name in self.index or self.universe.resolve(str(name)) in self.index

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __or__(self, other: DimensionGroup) -> DimensionGroup:
        return self.universe.conform((*self.names, *other.names))

    def __and__(self, other: DimensionGroup) -> DimensionGroup:
        return self.universe.conform(name for name in self.names if name in other.index)

    def __le__(self, other: DimensionGroup) -> bool:
        return self.index.keys() <= other.index.keys()

    def __lt__(self, other: DimensionGroup) -> bool:
        return self.index.keys() < other.index.keys()

    def __ge__(self, other: DimensionGroup) -> bool:
        return other <= self

    def __gt__(self, other: DimensionGroup) -> bool:
        return other < self

    def isdisjoint(self, other: DimensionGroup) -> bool:
        """Return whether no dimension is in both."""
        return self.index.keys().isdisjoint(other.index)

    def union(self, others: Iterable[DimensionGroup]) -> DimensionGroup:
        """Return the group of all dimensions of this one and the others."""
        return self.universe.conform([*self.names, *(name for other in others for name in other.names)])

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, DimensionGroup):
            return NotImplemented
        return self.names == other.names and self.universe == other.universe

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return _conform, (self.universe, self.required)

    def __str__(self) -> str:
        return f"{{{', '.join(self.names)}}}"

    def __repr__(self) -> str:
        return f"DimensionGroup({self!s})"


def pick_of(known: Sequence[str], names: Sequence[str]) -> Pick:
    """Return a function that takes the values of ``names`` out of a tuple ordered as ``known``."""
    positions = [known.index(name) for name in names]
    if len(positions) > 1:
        return itemgetter(*positions)
    if positions:
        position = positions[0]
        return lambda values: (values[position],)
    return lambda values: ()  # noqa: ARG005


def _conform(universe: DimensionUniverse, names: tuple[str, ...]) -> DimensionGroup:
    return universe.conform(names)
