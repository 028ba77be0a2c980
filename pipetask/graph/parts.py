"""The parts of a pipeline whose quanta depend on each other: each has a join of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import networkx as nx

if TYPE_CHECKING:
    from pipetask.butler import DimensionGroup
    from pipetask.pipeline.nodes import TaskNode
    from pipetask.pipeline.pipeline_graph import PipelineGraph


@dataclass(frozen=True, eq=False, slots=True)
class Part:
    """Tasks of which each makes something for another one.

    Parameters
    ----------
    tasks
        In the order of the pipeline.
    overall_inputs
        Dataset types that they read, prerequisites apart, and none makes.
    dimensions
        All dimensions of these tasks and their datasets.
    required
        The dimensions that data IDs of these tasks and datasets consist of.
    """

    tasks: tuple[TaskNode, ...]
    overall_inputs: tuple[str, ...]
    dimensions: DimensionGroup
    required: tuple[str, ...]


def connected_parts(pipeline: PipelineGraph) -> Iterator[Part]:
    """Divide a pipeline; an overall input that two tasks share does not tie them together."""
    graph = nx.Graph()
    graph.add_nodes_from(pipeline.tasks)
    for node in pipeline.dataset_types.values():
        if node.producer is not None and not node.is_init:
            graph.add_edges_from((node.producer, label) for label in node.consumers)
    for labels in nx.connected_components(graph):
        tasks = tuple(task for label, task in pipeline.tasks.items() if label in labels)
        edges = [edge for task in tasks for edge in (*task.inputs.values(), *task.outputs.values())]
        kinds = {edge.dataset_type: pipeline.dataset_types[edge.dataset_type] for edge in edges}
        groups = [task.dimensions for task in tasks]
        groups += [node.dataset_type.dimensions for node in kinds.values()]
        groups += [use.whole.dimensions for task in tasks for use in task.composites.values()]
        yield Part(
            tasks,
            tuple(name for name, node in kinds.items() if node.producer is None),
            pipeline.universe.empty.union(groups),
            tuple(dict.fromkeys(d for group in groups for d in group.required)),
        )
