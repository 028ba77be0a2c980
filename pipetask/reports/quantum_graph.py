"""Show a quantum graph as text: its pipeline with counts, every quantum, or what each step dropped."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from pipetask.pipeline.draw.content import Arrow, Content, DrawnNode
from pipetask.pipeline.draw.text import draw_content

if TYPE_CHECKING:
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
        it reads and writes; ``"explain"``: how many data IDs each step of building kept.
    """
    shown: dict[str, Callable[[], str]] = {
        "summary": lambda: _summary(graph),
        "pipeline-graph": lambda: draw_content(_content(graph)),
        "graph": lambda: _every_quantum(graph),
        "explain": graph.funnel.explain,
    }
    return shown[what]()


def _summary(graph: "QuantumGraph") -> str:
    header = graph.header
    width = max(len(task.label) for task in graph.tasks)
    counts = [f"  {task.label:<{width}}  {task.count:>10,}" for task in graph.tasks]
    return "\n".join(
        [
            draw_content(_content(graph)),
            "",
            f"{_count(graph.n_quanta, 'quantum', 'quanta')}:",
            *counts,
            f"inputs from {', '.join(header.input_collections)}",
            f"outputs to {header.output_run}",
        ]
    )


def _content(graph: "QuantumGraph") -> Content:
    nodes: dict[tuple[bool, str], DrawnNode] = {}
    arrows = []
    for task in graph.tasks:
        dimensions = ", ".join(task.dimensions.required)
        task_node = DrawnNode(True, task.label, f"{{{dimensions}}} {_count(task.count, 'quantum', 'quanta')}")
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


def _dataset_node(graph: "QuantumGraph", name: str) -> DrawnNode:
    table = graph.datasets[name]
    dimensions = ", ".join(table.dataset_type.dimensions.required)
    count = _count(len(table), "dataset", "datasets")
    return DrawnNode(False, name, f"{{{dimensions}}} {table.dataset_type.storageClass}, {count}")


def _count(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"


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
