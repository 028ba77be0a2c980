"""What a data query means for the inputs of the quanta that it picks: only what it leaves, or all they have.

A query restricts all data IDs of a part of the pipeline together. A condition that is not about a quantum nor
about the dataset that it reads (``tract = 0``, for a task of a visit that reads its detectors) takes inputs
away that nobody asked to leave out: the quantum is *sliced*. Scope ``query`` leaves it so, and warns; scope
``complete`` gives such quanta all inputs that the conditions about them allow, and adds the quanta that make
these. `docs/concepts/quanta_and_graphs.md` has the definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import numpy as np

from pipetask.graph.join import Relation
from pipetask.graph.project import DataIds, Pairs, Projections

if TYPE_CHECKING:
    from pipetask.butler import DimensionGroup
    from pipetask.graph.base_join import BaseJoin
    from pipetask.graph.codes import Codebooks
    from pipetask.graph.parts import Part
    from pipetask.graph.relations import Constraint
    from pipetask.pipeline.nodes import TaskNode
    from pipetask.pipeline.pipeline_graph import PipelineGraph

Scope: TypeAlias = Literal["query", "complete"]


class Selected(Protocol):
    """Which quanta and edges a part of a pipeline has."""

    def quanta(self, node: TaskNode) -> DataIds:
        """Find the data IDs of the quanta of a task."""

    def made(self, dataset_type: str) -> DataIds:
        """Find the data IDs of the datasets of a type that the pipeline makes."""

    def data_ids(self, node: TaskNode, wanted: DimensionGroup) -> DataIds:
        """Find the data IDs of given dimensions that go together with the quanta of a task."""

    def pairs(self, node: TaskNode, wanted: DimensionGroup, quanta: DataIds, datasets: DataIds) -> Pairs:
        """Pair quanta of a task with datasets of the given dimensions."""


class Queried:
    """What the data query leaves: the projections of one join."""

    def __init__(self, pipeline: PipelineGraph, projections: Projections) -> None:
        self._pipeline = pipeline
        self._projections = projections

    def quanta(self, node: TaskNode) -> DataIds:
        """Find the data IDs of the quanta of a task."""
        return self._projections.data_ids(node.dimensions.required)

    def made(self, dataset_type: str) -> DataIds:
        """Find the data IDs of the datasets of a type that the pipeline makes."""
        kind = self._pipeline.dataset_types[dataset_type].dataset_type
        return self._projections.data_ids(kind.dimensions.required)

    def data_ids(self, node: TaskNode, wanted: DimensionGroup) -> DataIds:
        """Find the data IDs of given dimensions that go together with the quanta of a task."""
        return self._projections.data_ids(wanted.required)

    def pairs(self, node: TaskNode, wanted: DimensionGroup, quanta: DataIds, datasets: DataIds) -> Pairs:
        """Pair quanta of a task with datasets of the given dimensions."""
        return self._projections.pairs(quanta, datasets)


class Completed:
    """The quanta that the data query picks, with all inputs that it does not speak against.

    Parameters
    ----------
    base
        Makes joins with and without parts of the query.
    part, pipeline
        The tasks concerned, and where their dataset types are defined.
    projections
        What the whole query leaves.
    """

    def __init__(self, base: BaseJoin, part: Part, pipeline: PipelineGraph, projections: Projections) -> None:
        self._base = base
        self._pipeline = pipeline
        self._codebooks = projections.joined.codebooks
        self._quanta: dict[str, DataIds] = {}
        self._joins: dict[tuple[str, frozenset[int]], Projections] = {}
        wanted: dict[str, list[DataIds]] = {
            task.label: [projections.data_ids(task.dimensions.required)] for task in part.tasks
        }
        for task in reversed(part.tasks):
            self._quanta[task.label] = _union(wanted[task.label], self._codebooks)
            for edge in task.inputs.values():
                producer = self._producer(edge.dataset_type)
                if producer is not None:
                    read = self._around(task, edge.dimensions).data_ids(edge.dimensions.required)
                    wanted[producer.label].append(self._makers(producer, edge.dimensions, read))

    def quanta(self, node: TaskNode) -> DataIds:
        """Find the data IDs of the quanta of a task."""
        return self._quanta[node.label]

    def made(self, dataset_type: str) -> DataIds:
        """Find the data IDs of the datasets of a type that the pipeline makes."""
        producer = self._producer(dataset_type)
        assert producer is not None
        dimensions = self._pipeline.dataset_types[dataset_type].dataset_type.dimensions
        return self._around(producer, dimensions).data_ids(dimensions.required)

    def data_ids(self, node: TaskNode, wanted: DimensionGroup) -> DataIds:
        """Find the data IDs of given dimensions that go together with the quanta of a task."""
        return self._around(node, wanted).data_ids(wanted.required)

    def pairs(self, node: TaskNode, wanted: DimensionGroup, quanta: DataIds, datasets: DataIds) -> Pairs:
        """Pair quanta of a task with datasets of the given dimensions."""
        return self._around(node, wanted).pairs(quanta, datasets)

    def _producer(self, dataset_type: str) -> TaskNode | None:
        label = self._pipeline.dataset_types[dataset_type].producer
        return None if label is None else self._pipeline.tasks[label]

    def _around(self, node: TaskNode, other: DimensionGroup) -> Projections:
        """Join what there is for the quanta of a task, with the conditions on these and other dimensions."""
        both = node.dimensions | other
        key = node.label, frozenset(id(c) for c in self._base.conditions_on(both))
        if key not in self._joins:
            seed = self._quanta[node.label].relation("quanta")
            self._joins[key] = Projections(self._base.join_around(seed, both))
        return self._joins[key]

    def _makers(self, producer: TaskNode, dimensions: DimensionGroup, datasets: DataIds) -> DataIds:
        """Find the quanta of a task that make datasets."""
        joined = self._base.join_around(datasets.relation("datasets"), producer.dimensions | dimensions)
        return Projections(joined).data_ids(producer.dimensions.required)


def _union(tables: Iterable[DataIds], codebooks: Codebooks) -> DataIds:
    first, *others = tables
    if not others:
        return first
    codes = np.concatenate([first.codes, *(table.codes for table in others)])
    relation = DataIds(first.dimensions, codes).relation()
    return DataIds.from_relation(Relation("", relation.columns, len(codes)).distinct(codebooks))


def sliced(
    base: BaseJoin, part: Part, projections: Projections, running: Mapping[str, DataIds]
) -> Iterator[str]:
    """Say for each connection of which quanta lose inputs to conditions about something else how many do.

    Parameters
    ----------
    base, part, projections
        As for `Completed`.
    running
        The quanta that will run, by label.

    Yields
    ------
    warning : `str`
        Counts, an example, and what to do.
    """
    codebooks = projections.joined.codebooks
    for task in part.tasks:
        quanta = running[task.label]
        for edge in task.inputs.values():
            both = task.dimensions | edge.dimensions
            own = {id(c) for c in base.conditions_on(both)}
            about_others = [c for c in base.conditions if id(c) not in own]
            if not edge.multiple or not about_others or not len(quanta):
                continue
            if set(edge.dimensions.required) <= set(task.dimensions.names):
                continue  # one dataset per quantum, which the quantum would not be there without
            together = tuple(dict.fromkeys((*task.dimensions.required, *edge.dimensions.required)))
            there = Projections(base.join_around(quanta.relation("quanta"), both)).data_ids(together)
            here = projections.data_ids(together)
            lost = there.take(here.find(there.columns(), len(there), codebooks) < 0)
            if not len(lost):
                continue
            rows = quanta.find(lost.columns(), len(lost), codebooks)
            n_quanta = np.unique(rows).size
            datasets = DataIds.from_relation(
                lost.relation().only(edge.dimensions.required).distinct(codebooks)
            )
            n_lost = f"{len(datasets):,} {'is' if len(datasets) == 1 else 'are'}"
            yield (
                f"{n_quanta:,} of {len(quanta):,} quanta of task '{task.label}' see a part of their "
                f"'{edge.dataset_type}' only: {n_lost} left out by "
                f"{' and '.join(_blamed(about_others, both.universe.governors))}, such as "
                f"{datasets.text(0, codebooks)} for {quanta.text(int(rows[0]), codebooks)}. "
                "To have them all: --scope complete"
            )


def _blamed(conditions: Sequence[Constraint], governors: Iterable[str]) -> list[str]:
    """Name conditions; those on an instrument or sky map as such only if there are no others."""
    narrow = [c for c in conditions if not set(c.relation.columns) <= set(governors)]
    return [f"`{c.subject}`" for c in narrow or conditions]
