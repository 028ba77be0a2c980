"""Show a quantum graph as text: its pipeline with counts, every quantum, or what each step dropped."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pipetask.butler.limited import hint_of
from pipetask.counted import counted
from pipetask.pipeline.draw.content import Arrow, Content, DrawnNode
from pipetask.pipeline.draw.text import draw_text
from pipetask.reports.text import reused_lines

if TYPE_CHECKING:
    from pipetask.butler import Butler, DatasetRef
    from pipetask.graph.quantum_graph import QuantumGraph


def graph_text(graph: "QuantumGraph", what: str = "summary") -> str:
    """Return a graph as text.

    Parameters
    ----------
    graph : `QuantumGraph`
        The graph.
    what : `str`, optional
        ``"pipeline-graph"``: tasks and dataset types, with the number of quanta and datasets of each;
        ``"summary"``: that, and where inputs come from and outputs go; ``"graph"``: every quantum with what
        it reads and writes; ``"workflow"``: every quantum with its id and those that it waits for;
        ``"explain"``: how many data IDs each step of building kept.
    """
    shown: dict[str, Callable[[], str]] = {
        "summary": lambda: _summary(graph),
        "pipeline-graph": lambda: draw_text(pipeline_content(graph)),
        "graph": lambda: _every_quantum(graph),
        "workflow": lambda: _workflow(graph),
        "explain": graph.funnel.explain,
    }
    return shown[what]()


def _summary(graph: "QuantumGraph") -> str:
    header = graph.header
    width = max((len(task.label) for task in graph.tasks), default=0)
    counts = [f"  {task.label:<{width}}  {task.count:>10,}" for task in graph.tasks]
    return "\n".join(
        [
            draw_text(pipeline_content(graph)),
            "",
            f"{counted(graph.n_quanta, 'quantum')}:",
            *counts,
            *reused_lines(graph.reused.n_quanta),
            f"inputs from {', '.join(header.input_collections)}",
            f"outputs to {header.output_run}",
        ]
    )


def graph_summary(graph: "QuantumGraph") -> dict[str, Any]:
    """Return what a graph consists of, for JSON: its collections, and the number of quanta and datasets."""
    header = graph.header
    return {
        "inputs": list(header.input_collections),
        "output": header.output,
        "output_run": header.output_run,
        "data_query": header.data_query,
        "quanta": graph.n_quanta,
        "reused": dict(graph.reused.n_quanta),
        "tasks": {
            task.label: {
                "class": task.task_class_name,
                "dimensions": list(task.dimensions.required),
                "quanta": task.count,
            }
            for task in graph.tasks
        },
        "dataset_types": {
            name: {
                "dimensions": list(table.dataset_type.dimensions.required),
                "storage_class": table.dataset_type.storageClass,
                "datasets": len(table),
            }
            for name, table in graph.datasets.items()
        },
    }


def pipeline_content(graph: "QuantumGraph") -> Content:
    """Return what to draw: tasks and dataset types, with the number of quanta and datasets of each."""
    nodes: dict[tuple[bool, str], DrawnNode] = {}
    arrows = []
    for task in graph.tasks:
        dimensions = ", ".join(task.dimensions.required)
        task_node = DrawnNode(True, task.label, f"{{{dimensions}}} {counted(task.count, 'quantum')}")
        reads = [c for c in task.connections if c.kind in {"input", "prerequisite", "init_input"}]
        for connection in reads:
            node = nodes.setdefault(
                (False, connection.dataset_type), _dataset_node(graph, connection.dataset_type)
            )
            arrows.append(Arrow(node, task_node, connection.kind == "prerequisite"))
        nodes[task_node.key] = task_node
        for connection in task.connections:
            if connection.kind in {"output", "init_output"}:
                node = nodes.setdefault(
                    (False, connection.dataset_type), _dataset_node(graph, connection.dataset_type)
                )
                arrows.append(Arrow(task_node, node, is_prerequisite=False))
    return Content(list(nodes.values()), list(dict.fromkeys(arrows)))


def uris_text(graph: "QuantumGraph", butler: "Butler") -> str:
    """Return where the inputs of every quantum are, and where what the graph makes will be."""
    lines = []
    for i in range(graph.n_quanta):
        task, records = graph.task_of(i), graph.input_records(i)
        lines.append(f"{task.label} {graph.data_id(i)}")
        for connection in task.connections:
            arrow = {"input": "<-", "prerequisite": "<-", "output": "->"}.get(connection.kind)
            if arrow is None:
                continue
            for row in graph.edges[task.label, connection.name][i - task.first].tolist():
                ref = graph.dataset_ref(connection.dataset_type, row)
                there = [butler.datastore.uri(record) for record in records.get(ref.id, ())]
                lines += [f"  {arrow} {connection.name}: {uri}" for uri in there or [_predicted(ref, butler)]]
    return "\n".join(lines)


def _predicted(ref: "DatasetRef", butler: "Butler") -> str:
    return f"{butler.datastore.predicted_uri(hint_of(ref))} (predicted)"


def _dataset_node(graph: "QuantumGraph", name: str) -> DrawnNode:
    table = graph.datasets[name]
    dimensions = ", ".join(table.dataset_type.dimensions.required)
    count = counted(len(table), "dataset")
    wholes = [
        whole
        for whole, composite in graph.header.composites.items()
        if any(part.dataset_type.partition(".")[0] == name for part in composite.parts)
    ]
    part_of = "".join(f", part of {whole}" for whole in wholes)
    return DrawnNode(False, name, f"{{{dimensions}}} {table.dataset_type.storageClass}, {count}{part_of}")


def _workflow(graph: "QuantumGraph") -> str:
    pairs = graph.successors().pairs().swapped()
    waits: dict[int, list[int]] = {}
    for i, earlier in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True):
        waits.setdefault(i, []).append(earlier)
    lines = []
    for i in range(graph.n_quanta):
        lines.append(f"{graph.quantum_id(i)} {graph.label_of(i)} {graph.data_id(i)}")
        lines += [f"  after {graph.quantum_id(j)} {graph.label_of(j)}" for j in waits.get(i, ())]
    return "\n".join(lines)


def _every_quantum(graph: "QuantumGraph") -> str:
    lines = []
    for i in range(graph.n_quanta):
        quantum = graph.quantum(i)
        lines.append(f"{quantum.label} {quantum.dataId}")
        for arrow, connections in (("<-", quantum.inputs), ("->", quantum.outputs)):
            for name, refs in connections.items():
                lines += [
                    f"  {arrow} {name}: {ref.datasetType.name} {ref.dataId} ({ref.run})" for ref in refs
                ]
    return "\n".join(lines)
