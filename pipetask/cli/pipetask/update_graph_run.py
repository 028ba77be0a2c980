"""``pipetask update-graph-run``: send the outputs of a saved graph to another run."""

import click

from pipetask.cli.main import Command
from pipetask.counted import counted


@click.command(
    "update-graph-run", cls=Command, short_help="Send the outputs of a saved graph to another run."
)
@click.argument("qgraph", metavar="QGRAPH")
@click.argument("run", metavar="RUN")
@click.argument("output_qgraph", metavar="OUTPUT_QGRAPH")
def command(qgraph: str, run: str, output_qgraph: str) -> None:
    """Read the quantum graph QGRAPH, let its outputs go to RUN, and save it as OUTPUT_QGRAPH.

    Quanta and outputs get new ids.
    """
    from pipetask.graph.quantum_graph import QuantumGraph

    graph = QuantumGraph.load(qgraph)
    graph.with_run(run, graph.header.output).save(output_qgraph)
    click.echo(f"Saved {counted(graph.n_quanta, 'quantum')} to {output_qgraph}, with outputs to {run}.")
