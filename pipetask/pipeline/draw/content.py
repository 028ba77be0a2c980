"""What a picture of a pipeline graph shows: nodes in reading order, and arrows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from pipetask.pipeline.pipeline_graph import DatasetTypeNode, PipelineGraph, TaskNode

Key = tuple[bool, str]


class DrawnNode(NamedTuple):
    """A task or a dataset type."""

    is_task: bool
    name: str
    detail: str

    @property
    def key(self) -> Key:
        """What identifies the node: a task and a dataset type may have one name."""
        return self.is_task, self.name


class Arrow(NamedTuple):
    """A connection, from what is made or there before to what is made or used after."""

    source: DrawnNode
    target: DrawnNode
    is_prerequisite: bool


class Content(NamedTuple):
    """Nodes in reading order, and the arrows between them in that order."""

    nodes: list[DrawnNode]
    arrows: list[Arrow]


def content(graph: PipelineGraph, *, dataset_types: bool = True) -> Content:
    """Return what to draw.

    Parameters
    ----------
    graph : `PipelineGraph`
        The graph. Automatic dataset types are shown only if a task reads them.
    dataset_types : `bool`, optional
        Whether to show dataset types; else arrows go from task to task.
    """
    nodes: dict[Key, DrawnNode] = {}
    parts = graph.parts_of_composites()
    for kind, name in _reading_order(graph):
        if kind == "task":
            node = DrawnNode(True, name, _dimensions(graph.tasks[name]))
        else:
            shown = graph.dataset_types[name]
            wholes = "".join(f", part of {whole}" for whole in parts.get(name, ()))
            temporary = ", temporary" if name in graph.temporary else ""
            details = f"{_dimensions(shown)} {shown.dataset_type.storageClass}{wholes}{temporary}"
            node = DrawnNode(False, name, details)
        nodes[node.key] = node
    arrows = []
    for name, dataset_type in graph.dataset_types.items():
        if (False, name) not in nodes:
            continue
        middle = nodes[False, name]
        before = [nodes[True, dataset_type.producer]] if dataset_type.producer is not None else []
        after = [nodes[True, label] for label in dataset_type.consumers]
        if dataset_types:
            arrows += [Arrow(node, middle, is_prerequisite=False) for node in before]
            arrows += [Arrow(middle, node, dataset_type.is_prerequisite) for node in after]
        else:
            arrows += [Arrow(b, a, is_prerequisite=False) for b in before for a in after]
    shown_nodes = [node for node in nodes.values() if dataset_types or node.is_task]
    position = {node.key: i for i, node in enumerate(shown_nodes)}
    unique = sorted(set(arrows), key=lambda arrow: (position[arrow.source.key], position[arrow.target.key]))
    return Content(shown_nodes, unique)


def in_order(details: Mapping[Key, str], links: Iterable[tuple[Key, Key]]) -> Content:
    """Return tasks and dataset types that runs tell of, each after what leads to it.

    Parameters
    ----------
    details : `~collections.abc.Mapping`
        What is written in the box of each task (key ``(True, label)``) and dataset type (``(False, name)``).
    links : iterable of `tuple`
        Pairs of keys: the first leads to the second. Several pipelines together may make a circle, of which
        one arrow is left out.
    """
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from(details)
    graph.add_edges_from(links)
    circles = nx.condensation(graph)
    order = [key for c in nx.topological_sort(circles) for key in sorted(circles.nodes[c]["members"])]
    position = {key: i for i, key in enumerate(order)}
    nodes = {key: DrawnNode(key[0], key[1], details[key]) for key in order}
    edges = sorted((position[a], position[b], a, b) for a, b in graph.edges)
    return Content(
        list(nodes.values()),
        [Arrow(nodes[a], nodes[b], is_prerequisite=False) for i, j, a, b in edges if i < j],
    )


def _reading_order(graph: PipelineGraph) -> Iterator[tuple[str, str]]:
    """Yield each task after what it reads and before what it makes, as (kind, name)."""
    seen: set[str] = set()
    for label, task in graph.tasks.items():
        for edge in task.reads():
            if edge.dataset_type not in seen:
                seen.add(edge.dataset_type)
                yield "dataset_type", edge.dataset_type
        yield "task", label
        made = [edge.dataset_type for edge in task.writes()]
        automatic = [task.log_dataset, task.metadata_dataset, task.config_dataset]
        read = {n for n in automatic if n in graph.dataset_types and graph.dataset_types[n].consumers}
        for name in made + [n for n in automatic if n in read]:
            seen.add(name)
            yield "dataset_type", name


def _dimensions(node: TaskNode | DatasetTypeNode) -> str:
    group = node.dimensions if isinstance(node, TaskNode) else node.dataset_type.dimensions
    return f"{{{', '.join(group.required)}}}"
