"""Reading less: what a data query leaves of single dimensions, as a condition on big tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pipetask.graph.codes import Codebooks
from pipetask.graph.join import Joined, Relation, join_all

if TYPE_CHECKING:
    from pipetask.butler import DimensionGroup

Condition: TypeAlias = tuple[str, dict[str, list[Any]]]
"""A data query and the values bound in it."""

EVERYTHING: Final[Condition] = ("", {})

MAX_VALUES = 500
"""More values than this are not worth naming: reading the whole table is as fast."""


class Narrowing:
    """The values that are left of dimensions when some small relations are joined.

    Parameters
    ----------
    relations
        What must hold; nothing is narrowed without any.
    codebooks
        What they are encoded with.
    """

    def __init__(self, relations: Sequence[Relation], codebooks: Codebooks) -> None:
        self._relations = relations
        self._codebooks = codebooks
        self._joined: Joined | None = None
        self._values: dict[str, list[Any]] = {}

    def condition(self, dimensions: DimensionGroup) -> Condition:
        """Say which data IDs of some dimensions can matter; `EVERYTHING` if that is not worth saying.

        The dimension of which the least part is left is named, with those that it requires.
        """
        present = {d for relation in self._relations for d in relation.columns}
        narrow = {d: self._left(d) for d in dimensions.required if d in present}
        worthwhile = [
            d
            for d, values in narrow.items()
            if 0 < len(values) <= MAX_VALUES and len(values) < len(self._codebooks[d])
        ]
        if not worthwhile:
            return EVERYTHING
        best = min(worthwhile, key=lambda d: len(narrow[d]) / len(self._codebooks[d]))
        named = {d: narrow[d] for d in dimensions.universe[best].required if d in narrow}
        where = " AND ".join(f"{d} IN ({d}_values)" for d in named)
        return where, {f"{d}_values": values for d, values in named.items()}

    def _left(self, dimension: str) -> list[Any]:
        if self._joined is None:
            present = {d for relation in self._relations for d in relation.columns}
            self._joined = join_all(self._relations, self._codebooks, keep=present)
        if dimension not in self._values:
            codes = self._joined.project((dimension,)).columns[dimension]
            self._values[dimension] = self._codebooks[dimension].decode(codes)
        return self._values[dimension]
