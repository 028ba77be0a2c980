"""PipelineGraph: tasks and dataset types of a pipeline, checked against each other and put in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from pipetask.errors import PipelineGraphError
from pipetask.pipeline.composite_edges import with_parts
from pipetask.pipeline.dataset_types import DatasetTypeNode, resolve_dataset_types
from pipetask.pipeline.nodes import TaskNode, make_task_node
from pipetask.pipeline.temporaries import temporaries

if TYPE_CHECKING:
    import networkx as nx

    from pipetask.butler import Composite, DatasetType, DimensionUniverse, StorageClasses
    from pipetask.pipeline.document import Temporary
    from pipetask.task.pipeline_task import PipelineTask

__all__ = ["DatasetTypeNode", "PipelineGraph", "TaskNode"]


@dataclass(frozen=True)
class PipelineGraph:
    """The tasks of a pipeline in an order in which they can run, and the dataset types between them.

    Parameters
    ----------
    universe : `DimensionUniverse`
        What dimension names mean.
    tasks : `dict` [ `str`, `TaskNode` ]
        Tasks by label; each after all that make its inputs, else in the order of the pipeline.
    dataset_types : `dict` [ `str`, `DatasetTypeNode` ]
        Dataset types by name, the automatic ones (``<label>_log``, …, ``packages``) too.
    description : `str`
        What the pipeline is for.
    data_id : mapping
        What the data IDs of all quanta have in common: the instrument of the pipeline, if it names one.
    temporary : `frozenset` [ `str` ]
        Dataset types that nobody needs after a run.
    """

    universe: DimensionUniverse
    tasks: dict[str, TaskNode]
    dataset_types: dict[str, DatasetTypeNode]
    description: str = ""
    data_id: Mapping[str, str] = field(default_factory=dict)
    temporary: frozenset[str] = frozenset()

    @staticmethod
    def build(
        configured: Mapping[str, tuple[type[PipelineTask], Any]],
        universe: DimensionUniverse,
        registered: Mapping[str, DatasetType],
        storage_classes: StorageClasses,
        *,
        composites: Mapping[str, Composite] | None = None,
        description: str = "",
        data_id: Mapping[str, str] | None = None,
        temporary: Iterable[Temporary] = (),
    ) -> PipelineGraph:
        """Connect configured tasks.

        Parameters
        ----------
        configured : mapping
            Class and frozen configuration by label.
        universe : `DimensionUniverse`
            What dimension names mean.
        registered : mapping
            The dataset types that the repository has, by name.
        storage_classes : `StorageClasses`
            What storage class names mean.
        composites : mapping, optional
            Definitions of the composites that the repository has, by name of the dataset type.
        description : `str`, optional
            What the pipeline is for.
        data_id : mapping, optional
            What the data IDs of all quanta have in common.
        temporary : iterable of `Temporary`, optional
            What nobody needs after a run, as the document says it.

        Raises
        ------
        PipelineGraphError
            If the tasks do not fit together.
        ConnectionsError, TaskDefinitionError
            If a task does not fit its own connections.
        """
        nodes = {
            label: make_task_node(label, cls, config, universe) for label, (cls, config) in configured.items()
        }
        nodes = with_parts(nodes, composites or {}, registered, storage_classes)
        dataset_types = resolve_dataset_types(nodes, registered, storage_classes)
        graph = PipelineGraph(
            universe, _in_order(nodes, dataset_types), dataset_types, description, data_id or {}
        )
        parts, automatic = graph.parts_of_composites(), graph.automatic()
        return replace(
            graph, temporary=temporaries(temporary, dataset_types, automatic=automatic, parts=parts)
        )

    @cached_property
    def composites(self) -> dict[str, Composite]:
        """Definitions of the composites that the tasks read and make, by name of the dataset type."""
        used = (use for task in self.tasks.values() for use in task.composites.values())
        return {use.whole.name: use.composite for use in used}

    def parts_of_composites(self) -> dict[str, list[str]]:
        """Return, for dataset types that are read or made as parts, the names of the composites."""
        found: dict[str, dict[str, None]] = {}
        for task in self.tasks.values():
            for use in task.composites.values():
                for part in use.parts:
                    name = part.part.dataset_type.partition(".")[0]
                    found.setdefault(name, {})[use.whole.name] = None
        return {name: list(wholes) for name, wholes in found.items()}

    def automatic(self) -> set[str]:
        """Return the names of the dataset types that are made of every task, whatever it does."""
        of_tasks = {
            name
            for task in self.tasks.values()
            for name in (task.log_dataset, task.metadata_dataset, task.config_dataset)
        }
        return {"packages", *of_tasks}

    def overall_inputs(self) -> dict[str, DatasetTypeNode]:
        """Return the dataset types that tasks of the pipeline read and none makes, by name."""
        return {name: node for name, node in self.dataset_types.items() if node.is_overall_input}

    def unregistered(self, registered: Mapping[str, DatasetType]) -> list[DatasetType]:
        """Return the dataset types that a repository with these ones would have to register."""
        return [node.dataset_type for name, node in self.dataset_types.items() if name not in registered]

    def split_independent(self) -> list[PipelineGraph]:
        """Return the parts of the graph that have no dataset type in common, each with its tasks in order.

        ``packages``, which is one for a whole run, is in each of them.
        """
        import networkx as nx  # takes as long to import as a small pipeline to build

        parts = []
        components: dict[str, set[tuple[str, str]]] = {
            name: nodes
            for nodes in nx.weakly_connected_components(self.xgraph)
            for kind, name in nodes
            if kind == "task"
        }
        for label in self.tasks:
            nodes = components[label]
            if label != next(name for name in self.tasks if ("task", name) in nodes):
                continue  # one part per component, when its first task is met
            tasks = {name: task for name, task in self.tasks.items() if ("task", name) in nodes}
            dataset_types = {
                name: node
                for name, node in self.dataset_types.items()
                if ("dataset_type", name) in nodes or name == "packages"
            }
            parts.append(replace(self, tasks=tasks, dataset_types=dataset_types))
        return parts

    @cached_property
    def xgraph(self) -> nx.DiGraph:
        """A `networkx.DiGraph` of nodes ``("task", label)`` and ``("dataset_type", name)``; read only."""
        return _bipartite(self.tasks, self.dataset_types)


def _bipartite(tasks: Mapping[str, TaskNode], dataset_types: Mapping[str, DatasetTypeNode]) -> nx.DiGraph:
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from((("task", label) for label in tasks), bipartite=0)
    graph.add_nodes_from((("dataset_type", name) for name in dataset_types), bipartite=1)
    for name, node in dataset_types.items():
        if node.producer is not None:
            graph.add_edge(("task", node.producer), ("dataset_type", name))
        graph.add_edges_from((("dataset_type", name), ("task", label)) for label in node.consumers)
    return graph


def _in_order(
    tasks: Mapping[str, TaskNode], dataset_types: Mapping[str, DatasetTypeNode]
) -> dict[str, TaskNode]:
    """Put each task after those that make its inputs, and else leave them in their order."""
    followers: dict[str, dict[str, str]] = {label: {} for label in tasks}  # and by which dataset type
    for name, node in dataset_types.items():
        if node.producer is not None:
            followers[node.producer] |= dict.fromkeys(node.consumers, name)
    n_before = Counter(label for after in followers.values() for label in after)
    position = {label: i for i, label in enumerate(tasks)}
    ready = [(i, label) for label, i in position.items() if not n_before[label]]
    order = []
    while ready:  # a heap, whose first entry is the earliest in the pipeline
        _, label = heappop(ready)
        order.append(label)
        for follower in followers[label]:
            n_before[follower] -= 1
            if not n_before[follower]:
                heappush(ready, (position[follower], follower))
    if len(order) < len(tasks):
        raise PipelineGraphError(f"Tasks wait for each other in a circle:\n{_circle(followers)}")
    return {label: tasks[label] for label in order}


def _circle(followers: Mapping[str, Mapping[str, str]]) -> str:
    """Draw a cycle, task by task, with the dataset type on each arrow."""
    import networkx as nx

    edges = nx.find_cycle(nx.DiGraph((a, b) for a, after in followers.items() for b in after))
    lines = [f"  ┌─▶ {edges[0][0]}"]
    for i, (source, target) in enumerate(edges):
        last = i == len(edges) - 1
        lines.append(f"  │     │ {followers[source][target]}")
        lines.append("  └─────┘" if last else f"  │     ▼\n  │   {target}")
    return "\n".join(lines)
