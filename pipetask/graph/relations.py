"""The base relations of a graph, read from the registry: records, sky overlaps, datasets, the data query."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from pipetask.butler import DimensionElement, DimensionGroup, DimensionUniverse
from pipetask.graph.codes import Codebooks, Keys
from pipetask.graph.join import Relation
from pipetask.graph.narrowing import Narrowing
from pipetask.graph.project import DataIds, sorted_codes
from pipetask.graph.tables import Implied

if TYPE_CHECKING:
    from pipetask.butler import Registry
    from pipetask.graph.data_id_tables import DataIdTable


@dataclass(frozen=True, slots=True)
class Constraint:
    """A relation that takes part in the join, and what it says.

    Parameters
    ----------
    kind
        Where it comes from.
    subject
        Name of the element, the pair of elements, the dataset type, the text of the part of the query, or the
        name of the table of data IDs.
    relation
        The relation itself.
    """

    kind: Literal["records", "overlap", "datasets", "query", "table"]
    subject: str
    relation: Relation


@dataclass(frozen=True, slots=True)
class Times:
    """Timespans [TAI ns] of records, sorted by data ID."""

    data_ids: DataIds
    begin: Keys
    end: Keys


class DimensionRelations:
    """What dimension records say about dimensions, each relation read once.

    Parameters
    ----------
    registry
        Where to read from.
    codebooks
        To encode values with.
    """

    def __init__(self, registry: Registry, codebooks: Codebooks) -> None:
        self._registry = registry
        self._codebooks = codebooks
        self._elements: dict[str, Relation] = {}
        self._overlaps: dict[tuple[str, str], Relation] = {}
        self._times: dict[str, Times] = {}

    def element(self, name: str) -> Relation:
        """Read the required and implied dimensions of an element's records."""
        if name not in self._elements:
            found = self._registry.element_columns(name)
            columns = {d: found[d] for d in found if not d.startswith("timespan_")}
            self._elements[name] = Relation.encode(f"{name} records", columns, self._codebooks)
        return self._elements[name]

    def times(self, element: DimensionElement) -> Times:
        """Read the timespans of an element's records; a record without one is valid for ever."""
        if element.name not in self._times:
            names = [*element.required, "timespan_begin", "timespan_end"]
            found = self._registry.element_columns(element.name, names=names)
            columns = {d: self._codebooks[d].encode(found[d]) for d in element.required}
            codes, order = sorted_codes(columns, len(found["timespan_begin"]), self._codebooks)
            self._times[element.name] = Times(
                DataIds(element.required, codes),
                _integers(found["timespan_begin"], _EVER.min)[order],
                _integers(found["timespan_end"], _EVER.max)[order],
            )
        return self._times[element.name]

    def overlap(self, universe: DimensionUniverse, pair: tuple[str, str], narrowing: Narrowing) -> Relation:
        """Read which records of two spatial elements overlap on the sky."""
        both = universe.conform([d for name in pair for d in universe[name].required])
        where, bind = narrowing.condition(both)
        if where:
            found = self._registry.data_id_columns(both, where=where, bind=bind)
            return Relation.encode("sky overlaps", {d: found[d] for d in both.required}, self._codebooks)
        if pair not in self._overlaps:
            columns = self._registry.overlap_columns(*pair)
            self._overlaps[pair] = Relation.encode("sky overlaps", columns, self._codebooks)
        return self._overlaps[pair]

    def records(
        self, dimensions: DimensionGroup, *, known: Collection[DimensionGroup] = ()
    ) -> list[Constraint]:
        """Find the records that tie dimensions together.

        Parameters
        ----------
        dimensions
            The dimensions to tie together.
        known
            Groups whose dimensions are tied together already: relations within one of these are left out,
            but not what is implied.
        """
        universe = dimensions.universe
        found = []
        for name in dimensions.elements:
            element = universe[name]
            if not element.has_table:
                continue
            is_known = any(group.index.keys() >= set(element.required) for group in known)
            if element.implied or (element.always_join and not is_known):
                found.append(Constraint("records", name, self.element(name)))
        return found

    def overlaps(
        self,
        dimensions: DimensionGroup,
        narrowing: Narrowing,
        *,
        known: Collection[DimensionGroup] = (),
    ) -> list[Constraint]:
        """Find the sky overlaps that tie dimensions together; parameters as for `records`.

        Only what ``narrowing`` leaves is read.
        """
        universe = dimensions.universe
        found = []
        for pair in universe.overlap_pairs:
            is_known = any(set(group.spatial).issuperset(pair) for group in known)
            if set(dimensions.spatial).issuperset(pair) and not is_known:
                relation = self.overlap(universe, pair, narrowing)
                found.append(Constraint("overlap", " and ".join(pair), relation))
        return found

    def supply(self, dimensions: Collection[str], constraints: Collection[Constraint]) -> list[Constraint]:
        """Read the records of those dimensions that no relation has."""
        present = {d for constraint in constraints for d in constraint.relation.columns}
        return [Constraint("records", name, self.element(name)) for name in dimensions if name not in present]


def query_constraints(
    registry: Registry,
    codebooks: Codebooks,
    *,
    where: str,
    bind: Mapping[str, Any] | None,
    data_id: Mapping[str, Any] | None,
    tables: Sequence[DataIdTable],
    dimensions: DimensionGroup,
) -> tuple[list[Constraint], DimensionGroup]:
    """Turn a data query and tables of data IDs into one relation for each part that must hold.

    Returns
    -------
    constraints
        The parts.
    dimensions
        The given dimensions and all that the query speaks of.
    """
    constraints: list[Constraint] = []
    for table in tables:
        constraints.append(Constraint("table", table.name, table.relation(dimensions.universe, codebooks)))
        dimensions = dimensions | dimensions.universe.conform(table.columns)
    if not where and not data_id:
        return constraints, dimensions
    for part in registry.split_where(where, bind, data_id=data_id, dimensions=dimensions):
        columns = registry.data_id_columns(part.dimensions, where=part.where, bind=bind)
        text = part.text
        constraints.append(Constraint("query", text, Relation.encode(text, columns, codebooks)))
        dimensions = dimensions | part.dimensions
    return constraints, dimensions


def implied_of(
    relations: DimensionRelations, universe: DimensionUniverse, groups: Iterable[DimensionGroup]
) -> dict[str, Implied]:
    """Collect what records say about implied dimensions of some groups, by element."""
    names = {name for group in groups for name in group.names}
    found = {}
    for element in universe.elements:
        if element.name in names and element.has_table and element.implied:
            columns = relations.element(element.name).columns
            keys, values = (
                np.stack([columns[d] for d in group], axis=1) for group in (element.required, element.implied)
            )
            found[element.name] = Implied(element.required, element.implied, keys, values)
    return found


_EVER = np.iinfo(np.int64)


def _integers(column: Sequence[int | None] | npt.NDArray[Any], missing: int) -> Keys:
    """Make integers of a column that may lack values."""
    values = np.asarray(column)
    if values.dtype == object:
        values = np.array([missing if value is None else value for value in values.tolist()], np.int64)
    return values.astype(np.int64, copy=False)
