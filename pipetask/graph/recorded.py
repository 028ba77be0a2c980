"""Composites that were put, among the inputs of a graph: their parts precede what a search would find."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pipetask.butler import CompositeRef, DatasetRef
from pipetask.graph.codes import Codebooks
from pipetask.graph.datasets import Datasets, datasets_of_refs
from pipetask.graph.join import Relation

if TYPE_CHECKING:
    from pipetask.butler import Butler, DataCoordinate
    from pipetask.pipeline.nodes import CompositeEdge, PartEdge, TaskNode
    from pipetask.pipeline.pipeline_graph import PipelineGraph

Wholes = dict["DataCoordinate", CompositeRef]


class RecordedComposites:
    """The composites that were put into the input collections, by the connections that read them.

    Those count of which no task of the pipeline makes a part: what a graph makes precedes what there was.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    pipeline : `PipelineGraph`
        The tasks.
    codebooks : `Codebooks`
        How values are encoded.
    collections : sequence of `str`
        Where composites are searched, in this order.
    """

    def __init__(
        self, butler: Butler, pipeline: PipelineGraph, codebooks: Codebooks, collections: Sequence[str]
    ) -> None:
        self._butler = butler
        self._pipeline = pipeline
        self._codebooks = codebooks
        self._collections = collections
        self._put: dict[str, Wholes] = {}

    def of(self, label: str, connection: str) -> Wholes:
        """Return the composites that were put, by data ID, that a connection of a task can have."""
        return self._wholes.get((label, connection), {})

    def has_parts(self, label: str, connection: str) -> bool:
        """Whether a connection is to a part of composites that were put."""
        return (label, connection) in self._parts

    def relation(self, label: str, connection: str, datasets: Datasets) -> Relation:
        """Return the data IDs that a connection can have: of the datasets found, and of recorded parts."""
        found = datasets.relation()
        use, part = self._parts[label, connection]
        refs = [ref for whole in self.of(label, use.edge.connection).values() for ref in listed(whole, part)]
        recorded = datasets_of_refs(datasets.table.dataset_type, refs, self._codebooks)[0].relation()
        columns = {d: np.concatenate([codes, recorded.columns[d]]) for d, codes in found.columns.items()}
        both = Relation(found.name, columns, found.n_rows + recorded.n_rows)
        return both.distinct(self._codebooks)

    @cached_property
    def _parts(self) -> dict[tuple[str, str], tuple[CompositeEdge, PartEdge]]:
        """The connections to parts of which some are recorded, that are no composites themselves."""
        return {
            (task.label, part.name): (use, part)
            for task in self._pipeline.tasks.values()
            for use in task.composites.values()
            if self._wholes.get((task.label, use.edge.connection))
            for part in use.parts
            if part.name in task.inputs
        }

    @cached_property
    def _wholes(self) -> dict[tuple[str, str], Wholes]:
        found: dict[tuple[str, str], Wholes] = {}
        for task in self._pipeline.tasks.values():
            # A composite comes after those that are parts of it; what it was put with comes first.
            for use in reversed(list(task.composites.values())):
                if use.is_output or any(self._is_made(name) for name in _types_of(task, use)):
                    continue
                own = found.setdefault((task.label, use.edge.connection), {})
                own |= {data_id: ref for data_id, ref in self._put_of(use).items() if data_id not in own}
                for part in use.parts:
                    inner = [each for ref in own.values() for each in listed(ref, part)]
                    wholes = {ref.dataId: ref for ref in inner if isinstance(ref, CompositeRef)}
                    if wholes:
                        found.setdefault((task.label, part.name), {}).update(wholes)
        return found

    def _is_made(self, dataset_type: str) -> bool:
        node = self._pipeline.dataset_types.get(dataset_type)
        return node is not None and node.producer is not None

    def _put_of(self, use: CompositeEdge) -> Wholes:
        from pipetask.butler.composites.recorded import all_recorded

        name = use.whole.name
        if name not in self._put:
            registry = self._butler.registry
            held = registry.collections.dataset_types(self._collections) if self._collections else ()
            stored = (
                registry.query_datasets(name, self._collections)
                if any(kind.name == name for kind in held)
                else []
            )
            refs = all_recorded(self._butler, use.composite, stored)
            self._put[name] = {ref.dataId: ref for ref in refs}
        return self._put[name]


def _types_of(task: TaskNode, use: CompositeEdge) -> Iterator[str]:
    """Yield the dataset types that a composite is made of, at any depth."""
    prefix = f"{use.edge.connection}/"
    for edges in (task.inputs, task.prerequisite_inputs):
        yield from (edge.dataset_type for name, edge in edges.items() if name.startswith(prefix))


def listed(whole: CompositeRef, part: PartEdge) -> list[DatasetRef]:
    """Return the datasets of a part of a composite."""
    found = whole.parts.get(part.part.name, ())
    return [found] if isinstance(found, DatasetRef) else list(found)
