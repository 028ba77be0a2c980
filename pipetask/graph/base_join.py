"""The first step of graph building: the base relations of a part of a pipeline, and their natural join."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pipetask.graph import funnel as steps
from pipetask.graph.codes import Codebooks, Codes
from pipetask.graph.datasets import Datasets, find_existing
from pipetask.graph.diagnosis import no_record, why_empty, why_one_is_missing
from pipetask.graph.funnel import Funnel
from pipetask.graph.input_constraint import InputConstraint
from pipetask.graph.join import Joined, Relation, join_all
from pipetask.graph.narrowing import Narrowing
from pipetask.graph.parts import Part
from pipetask.graph.project import DataIds, Projections
from pipetask.graph.relations import Constraint, DimensionRelations

if TYPE_CHECKING:
    from pipetask.butler import DimensionGroup, Registry
    from pipetask.graph.recorded import RecordedComposites
    from pipetask.pipeline.nodes import Edge
    from pipetask.pipeline.pipeline_graph import PipelineGraph

Query = Callable[..., "tuple[list[Constraint], DimensionGroup]"]


class BaseJoin:
    """Joins what records, sky overlaps, the data query and existing inputs say about data IDs.

    Parameters
    ----------
    part, pipeline
        The tasks concerned, and where their dataset types are defined.
    registry, codebooks, relations, collections
        Where to read from, and how values are encoded.
    recorded
        The composites that were put, whose parts take the place of those that are found.
    query
        Gives, for ``dimensions``, the constraints of the data query, and all dimensions concerned.
    must_exist
        Which inputs must exist for a data ID to be considered.

    Attributes
    ----------
    inputs : `dict` [`str`, `Datasets`]
        The existing overall inputs that can matter, by dataset type.
    """

    def __init__(
        self,
        part: Part,
        pipeline: PipelineGraph,
        registry: Registry,
        codebooks: Codebooks,
        relations: DimensionRelations,
        collections: Sequence[str],
        *,
        recorded: RecordedComposites,
        query: Query,
        must_exist: InputConstraint,
    ) -> None:
        self._part = part
        self._pipeline = pipeline
        self._registry = registry
        self._codebooks = codebooks
        self._relations = relations
        self._collections = collections
        self._recorded = recorded
        self._must_exist = must_exist
        self._query, self._dimensions = query(dimensions=part.dimensions)
        self._records = relations.records(self._dimensions)
        self.inputs: dict[str, Datasets] = {}
        self._all_inputs: dict[str, Datasets] = {}

    def join(self) -> Joined:
        """Join all base relations; of the big ones only what the query can want is read."""
        return self._join(self._constraints(narrow=bool(self._query)))

    @property
    def conditions(self) -> list[Constraint]:
        """What the data query and tables of data IDs demand."""
        return self._query

    def conditions_on(self, dimensions: DimensionGroup) -> list[Constraint]:
        """List the conditions that are about some dimensions only."""
        names = set(dimensions.names)
        return [c for c in self._query if names.issuperset(c.relation.columns)]

    def join_around(self, seed: Relation, dimensions: DimensionGroup) -> Joined:
        """Join what goes together with some data IDs; only conditions on some dimensions hold."""
        found = [*self._relations.records(self._part.dimensions), *self.conditions_on(dimensions)]
        narrowing = Narrowing([seed, *(c.relation for c in found)], self._codebooks)
        found += self._relations.overlaps(self._part.dimensions, narrowing)
        narrowing = Narrowing([seed, *(c.relation for c in found)], self._codebooks)
        for name in self._part.overall_inputs:
            kind = self._pipeline.dataset_types[name].dataset_type
            edges = [edge for _, edge in self._readers(name)]
            if not kind.dimensions or not self._must_exist.applies(name, edges):
                continue
            if name not in self._all_inputs:
                condition = narrowing.condition(kind.dimensions)
                datasets = find_existing(self._registry, self._codebooks, kind, self._collections, condition)
            else:
                datasets = self._all_inputs[name]
            found += self._demands(name, datasets)
        found += self._relations.supply(self._part.required, found)
        return self._join([*found, Constraint("records", seed.name, seed)])

    def read_all_inputs(self) -> None:
        """Let `inputs` be all datasets of these types, whether the query can want them or not."""
        for name in self._part.overall_inputs:
            kind = self._pipeline.dataset_types[name].dataset_type
            self._all_inputs[name] = find_existing(self._registry, self._codebooks, kind, self._collections)
        self.inputs = dict(self._all_inputs)

    def why_empty(self) -> list[str]:
        """Say why the join is empty, the cause first."""
        return why_empty(self._whole(), self._codebooks, self._collections, self._registry)

    def why_without(self, unit: Mapping[str, Codes]) -> tuple[str, str]:
        """Say why one data ID, in codes by dimension, is not in the join: the step, and the cause."""
        for element in self._dimensions.universe.elements:
            if element.name in unit and element.has_table:
                records = self._relations.element(element.name)
                if join_all([Relation("", unit, 1), records], self._codebooks, keep=()).is_empty:
                    value = self._codebooks[element.name][int(unit[element.name][0])]
                    return steps.JOINED, no_record(element.name, value)
        return why_one_is_missing(Relation("", unit, 1), self._whole(), self._codebooks, self._collections)

    def _whole(self) -> list[Constraint]:
        """List all constraints; what the query excludes is to be told from what is not there at all."""
        inputs = dict(self.inputs)
        whole = self._constraints(narrow=False)
        self.inputs = inputs
        universe, there = self._dimensions.universe, set(self._dimensions.spatial)
        pairs = [pair for pair in universe.overlap_pairs if there.issuperset(pair)]
        present = {constraint.subject for constraint in whole if constraint.kind == "records"}
        wanted = {*self._part.required, *(name for pair in pairs for name in pair)} - present
        # Those that others depend on come first: an empty one of these is the cause.
        for element in universe.elements:
            if element.name in wanted and element.has_table:
                whole.append(Constraint("records", element.name, self._relations.element(element.name)))
        names = [element.name for element in universe.elements]
        return sorted(whole, key=lambda c: names.index(c.subject) if c.kind == "records" else len(names))

    def count_early_steps(self, funnel: Funnel) -> dict[str, DataIds]:
        """Count what records alone would allow, and what is left of it after the data query.

        Returns
        -------
        queried
            The data IDs after the data query, by label.
        """
        everything = self._narrowing((), narrow=False)
        records = [*self._records, *self._relations.overlaps(self._dimensions, everything)]
        records += self._relations.supply(self._part.required, records)
        joined = Projections(self._join(records))
        queried = Projections(self._join([*records, *self._query]))
        left: dict[str, DataIds] = {}
        for node in self._part.tasks:
            before = joined.data_ids(node.dimensions.required)
            left[node.label] = queried.data_ids(node.dimensions.required)
            funnel.add(node.label, steps.JOINED, len(before))
            funnel.add_difference(node.label, steps.QUERIED, before, left[node.label], self._codebooks)
        return left

    def _join(self, constraints: Sequence[Constraint]) -> Joined:
        return join_all([c.relation for c in constraints], self._codebooks, keep=self._part.required)

    def _constraints(self, *, narrow: bool) -> list[Constraint]:
        found = [*self._records, *self._query]
        found += self._relations.overlaps(self._dimensions, self._narrowing(found, narrow=narrow))
        narrowing = self._narrowing(found, narrow=narrow)
        for name in self._part.overall_inputs:
            kind = self._pipeline.dataset_types[name].dataset_type
            condition = narrowing.condition(kind.dimensions)
            datasets = find_existing(self._registry, self._codebooks, kind, self._collections, condition)
            self.inputs[name] = datasets
            found += self._demands(name, datasets)
        return found + self._relations.supply(self._part.required, found)

    def _narrowing(self, constraints: Sequence[Constraint], *, narrow: bool) -> Narrowing:
        return Narrowing([c.relation for c in constraints] if narrow else [], self._codebooks)

    def _readers(self, name: str) -> list[tuple[str, Edge]]:
        return [
            (task.label, edge)
            for task in self._part.tasks
            for edge in task.inputs.values()
            if edge.dataset_type == name
        ]

    def _demands(self, name: str, datasets: Datasets) -> Iterator[Constraint]:
        """Yield what must exist of an input; as a part of composites that were put, what these have."""
        if not datasets.table.dataset_type.dimensions:
            return
        of_found = []
        for label, edge in self._readers(name):
            if not self._recorded.has_parts(label, edge.connection):
                of_found.append(edge)
            elif self._must_exist.applies(name, [edge]):
                relation = self._recorded.relation(label, edge.connection, datasets)
                yield Constraint("datasets", name, relation)
        if of_found and self._must_exist.applies(name, of_found):
            yield Constraint("datasets", name, datasets.relation())
