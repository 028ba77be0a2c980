"""A quantum graph as one HTML page: the pipeline with counts, and the data IDs of what is clicked on."""

from html import escape
from typing import TYPE_CHECKING, Any

from pipetask.pipeline.draw.content import Arrow, Content
from pipetask.pipeline.draw.svg import draw_svg
from pipetask.reports.page import page
from pipetask.reports.quantum_graph import pipeline_content

if TYPE_CHECKING:
    import numpy as np

    from pipetask.graph.quantum_graph import QuantumGraph

MAX_DATA_IDS = 20_000
"""Of each task and dataset type so many data IDs are on the page; counts are of all."""


def quantum_graph_page(graph: "QuantumGraph") -> str:
    """Return the page."""
    header = graph.header
    facts = {
        "quanta": f"{graph.n_quanta:,}",
        "outputs to": header.output_run,
        "inputs from": ", ".join(header.input_collections),
        "data query": header.data_query or "(none)",
    }
    used: dict[str, Any] = {}
    items = {
        f"task/{task.label}": {
            "what": f"task, {task.task_class_name}",
            "steps": [[step.name, step.kept] for step in graph.funnel.tasks.get(task.label, ())],
            **_data_ids(graph, task.dimensions.required, task.codes, used),
        }
        for task in graph.tasks
    }
    names = {
        c.dataset_type
        for task in graph.tasks
        for c in task.connections
        if c.kind in ("input", "prerequisite", "output", "init_input", "init_output")
    }
    items |= {
        f"dataset/{name}": {
            "what": f"dataset type, {table.dataset_type.storageClass}",
            "steps": [],
            **_data_ids(graph, table.dataset_type.dimensions.required, table.codes, used),
        }
        for name, table in ((name, graph.datasets[name]) for name in sorted(names))
    }
    parts = {
        "FACTS": "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items()),
        "DRAWING": draw_svg(_drawn(graph), "Quantum graph"),
    }
    return page("quantum_graph.html", parts, {"items": items, "values": used})


def _drawn(graph: "QuantumGraph") -> Content:
    """Return the pipeline with counts alone: dimensions and classes are told on a click."""
    whole = pipeline_content(graph)
    short = {node: node._replace(detail=_count_in(node.detail)) for node in whole.nodes}
    arrows = [Arrow(short[a.source], short[a.target], a.is_prerequisite) for a in whole.arrows]
    return Content(list(short.values()), arrows)


def _count_in(detail: str) -> str:
    return " ".join(detail.split()[-2:])


def _data_ids(
    graph: "QuantumGraph", dimensions: tuple[str, ...], codes: "np.ndarray[Any, Any]", used: dict[str, Any]
) -> dict[str, Any]:
    """Return the first data IDs as columns of codes; the values that these stand for go into ``used``."""
    for name in dimensions:
        used.setdefault(name, graph.values[name])
    return {"count": len(codes), "dimensions": dimensions, "codes": codes[:MAX_DATA_IDS].T.tolist()}
