"""Every quantum and dataset of a small graph, drawn in DOT or Mermaid."""

from typing import TYPE_CHECKING

from pipetask.errors import GraphTooLargeError
from pipetask.pipeline.draw.content import Arrow, Content, DrawnNode
from pipetask.pipeline.draw.dot import draw_dot
from pipetask.pipeline.draw.mermaid import draw_mermaid
from pipetask.task.composites import stored_inputs, stored_outputs

if TYPE_CHECKING:
    from pipetask.graph.quantum_graph import QuantumGraph

MAX_NODES = 1000
"""More quanta and datasets than this nobody can tell apart, and no program lays out."""


def quanta_drawing(graph: "QuantumGraph", language: str) -> str:
    """Draw all quanta with the datasets that they read and write.

    Parameters
    ----------
    graph : `QuantumGraph`
        The graph.
    language : `str`
        ``"dot"`` or ``"mermaid"``.

    Raises
    ------
    GraphTooLargeError
        If there are more than `MAX_NODES` quanta and datasets.
    """
    shown = {
        c.dataset_type
        for task in graph.tasks
        for c in task.connections
        if c.kind in ("input", "prerequisite", "output")
    }
    n = graph.n_quanta + sum(len(graph.datasets[name]) for name in shown)
    if n > MAX_NODES:
        raise GraphTooLargeError(
            f"A drawing of {graph.n_quanta:,} quanta and {n - graph.n_quanta:,} datasets would show nothing: "
            f"at most {MAX_NODES:,} are drawn. Choose fewer (-d, --qgraph-node-id), or see data IDs "
            "on a page: --html FILE"
        )
    return {"dot": draw_dot, "mermaid": draw_mermaid}[language](_content(graph))


def _content(graph: "QuantumGraph") -> Content:
    nodes: dict[object, DrawnNode] = {}
    arrows = []
    for i in range(graph.n_quanta):
        quantum = graph.quantum(i)
        drawn = DrawnNode(True, f"{quantum.label} {quantum.dataId}", str(quantum.id))
        nodes[i] = drawn
        for group, is_output in ((stored_inputs(quantum), False), (stored_outputs(quantum), True)):
            for refs in group.values():
                for ref in refs:
                    name = ref.datasetType.nameAndComponent()[0]
                    node = nodes.setdefault(
                        ref.id, DrawnNode(False, f"{name} {ref.dataId}", f"{ref.run} {str(ref.id)[-6:]}")
                    )
                    arrows.append(Arrow(*((drawn, node) if is_output else (node, drawn)), False))
    return Content(list(nodes.values()), list(dict.fromkeys(arrows)))
