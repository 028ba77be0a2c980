"""A pipeline as one HTML page: its graph, and of what is clicked on connections and configuration."""

import inspect
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any

from pipetask.counted import counted
from pipetask.pipeline.draw.content import content
from pipetask.pipeline.draw.svg import draw_svg
from pipetask.reports.page import page

if TYPE_CHECKING:
    from pipetask.pipeline.nodes import Edge, TaskNode
    from pipetask.pipeline.pipeline_graph import DatasetTypeNode, PipelineGraph


def pipeline_page(graph: "PipelineGraph") -> str:
    """Return the page."""
    drawn = content(graph)
    shown = {node.name for node in drawn.nodes if not node.is_task}
    told = {f"task/{label}": _task(task, shown) for label, task in graph.tasks.items()}
    told |= {f"dataset/{name}": _dataset_type(graph, graph.dataset_types[name]) for name in sorted(shown)}
    parts = {
        "TITLE": escape(graph.description or "Pipeline"),
        "COUNTS": f"{counted(len(graph.tasks), 'task')}, {counted(len(shown), 'dataset type')}",
        "DRAWING": draw_svg(drawn, graph.description),
    }
    return page("pipeline.html", parts, told)


def _task(task: "TaskNode", shown: set[str]) -> dict[str, Any]:  # plain values for JSON
    config = StringIO()
    task.config.saveToStream(config)
    documentation = inspect.cleandoc(task.task_class.__doc__ or "").split("\n\n")[0]  # its own only
    rows = [
        *_connections(task, "init-input", task.init_inputs, shown),
        *_connections(task, "input", task.inputs, shown),
        *_connections(task, "prerequisite", task.prerequisite_inputs, shown),
        *_connections(task, "output", task.outputs, shown),
        *_connections(task, "init-output", task.init_outputs, shown),
    ]
    return {
        "what": f"task, one quantum per {_group(task.dimensions.required)}",
        "facts": [["class", task.task_class_name], *([["", documentation]] if documentation else [])],
        "head": ["", "connection", "dataset type", "storage class"],
        "rows": rows,
        "text": config.getvalue(),
    }


def _connections(
    task: "TaskNode", kind: str, edges: dict[str, "Edge"], shown: set[str]
) -> list[list[dict[str, str]]]:
    return [
        [
            {"text": kind},
            {"text": name, "note": _doc(task, name)},
            _link("dataset", edge.dataset_type, edge.name, shown),
            {"text": f"{edge.storage_class}{' (list)' if edge.multiple else ''}"},
        ]
        for name, edge in edges.items()
    ]


def _doc(task: "TaskNode", name: str) -> str:
    """Return what a connection is for; of a part, what it is a part of."""
    if name in task.connections.allConnections:
        return task.connections.allConnections[name].doc
    whole, _, part = name.rpartition("/")
    return f"part {part!r} of composite {task.composites[whole].whole.name!r}"


def _link(kind: str, name: str, text: str, shown: set[str]) -> dict[str, str]:
    return {"text": text, "link": f"{kind}/{name}"} if name in shown else {"text": text}


def _dataset_type(graph: "PipelineGraph", node: "DatasetTypeNode") -> dict[str, Any]:  # plain values for JSON
    dataset_type = node.dataset_type
    kind = "prerequisite" if node.is_prerequisite else "overall input" if node.is_overall_input else ""
    labels = set(graph.tasks)
    made = [("made by", node.producer)] if node.producer else []
    read = [("read by", label) for label in node.consumers]
    return {
        "what": f"dataset type{f', {kind}' if kind else ''}, one dataset per "
        f"{_group(dataset_type.dimensions.required)}",
        "facts": [["storage class", dataset_type.storageClass]],
        "head": ["", "task"],
        "rows": [[{"text": how}, _link("task", label, label, labels)] for how, label in made + read],
        "text": "",
    }


def _group(dimensions: tuple[str, ...]) -> str:
    return ", ".join(dimensions) or "run"
