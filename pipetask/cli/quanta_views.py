"""What `pipetask qgraph` and `run` show of quanta: the graph is built for it, and its views are printed."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pipetask.butler import Butler
    from pipetask.graph.prepare import DataSelection
    from pipetask.graph.quantum_graph import QuantumGraph
    from pipetask.pipeline.pipeline import Pipeline


def built_graph(
    butler: "Butler", pipeline: "Pipeline", selection: "DataSelection", shown: Sequence[str]
) -> "QuantumGraph":
    """Build the graph to be shown; what emptied one is explained if that is asked for."""
    from pipetask.cli.progress import shown_progress
    from pipetask.errors import EmptyGraphError
    from pipetask.graph.prepare import prepare_graph

    explain = "explain" in shown
    try:
        with shown_progress(on_terminal=sys.stderr.isatty()) as bars:
            return prepare_graph(butler, pipeline, selection, explain=explain, progress=bars.building)
    except EmptyGraphError as empty:
        if explain:
            click.echo(empty.explanation)
        raise


def show_quanta(graph: "QuantumGraph", shown: Sequence[str], repo: str | None) -> None:
    """Print these views of a graph; ``uri`` asks the repository."""
    from pipetask.butler import Butler
    from pipetask.reports.quantum_graph import graph_text, uris_text

    for what in shown:
        if what == "uri":
            with Butler.from_config(repo) as butler:
                click.echo(uris_text(graph, butler))
        else:
            click.echo(graph_text(graph, what))
