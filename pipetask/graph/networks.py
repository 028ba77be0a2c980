"""A quantum graph as a graph of networkx, for algorithms and drawings of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import networkx as nx

    from pipetask.graph.quantum_graph import QuantumGraph


def to_networkx(graph: QuantumGraph, *, datasets: bool = False) -> nx.DiGraph:
    """Make a directed graph of quanta, and maybe datasets between them; see `QuantumGraph.to_networkx`."""
    import networkx as nx

    from pipetask.task.composites import stored_inputs, stored_outputs

    made = nx.DiGraph()
    for i in range(graph.n_quanta):
        made.add_node(i, label=graph.label_of(i), data_id=graph.data_id(i), id=graph.quantum_id(i))
    if not datasets:
        pairs = graph.successors().pairs()
        made.add_edges_from(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))
        return made
    for i in range(graph.n_quanta):
        quantum = graph.quantum(i)
        for group, is_output in ((stored_inputs(quantum), False), (stored_outputs(quantum), True)):
            for connection, refs in group.items():
                for ref in refs:
                    name = ref.datasetType.nameAndComponent()[0]
                    made.add_node(ref.id, dataset_type=name, data_id=ref.dataId, run=ref.run)
                    made.add_edge(*((i, ref.id) if is_output else (ref.id, i)), connection=connection)
    return made
