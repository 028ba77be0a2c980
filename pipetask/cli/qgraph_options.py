"""Options about saved quantum graphs and files made of one: shared by `pipetask qgraph` and `run`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipetask.cli.options import Decorator, comma_separated, stacked

if TYPE_CHECKING:
    from pipetask.graph.quantum_graph import QuantumGraph


def qgraph_options(help_text: str) -> Decorator:
    """Add ``-g`` and ``--qgraph-node-id``."""
    return stacked(
        click.option("-g", "--qgraph", metavar="FILE", help=help_text),
        comma_separated(
            "--qgraph-node-id",
            "ids",
            metavar="ID",
            help="With -g: only the quanta with these ids, which `qgraph --show workflow` tells.",
        ),
    )


def load_graph(path: str, ids: Sequence[str]) -> "QuantumGraph":
    """Read the graph that ``-g`` names; only some of its quanta if ids are given."""
    from pipetask.graph.quantum_graph import QuantumGraph

    graph = QuantumGraph.load(path)
    return graph.select(ids=ids) if ids else graph


def check_ids(ids: Sequence[str], qgraph: str | None) -> None:
    """Refuse ids of quanta without a saved graph."""
    if ids and not qgraph:
        raise click.UsageError("--qgraph-node-id chooses quanta of a saved graph: name its file (-g).")


def drawing_options() -> Decorator:
    """Add the options that draw a graph to a file."""
    return stacked(
        click.option(
            "--qgraph-dot", metavar="FILE", help="Draw every quantum and dataset in DOT to this file."
        ),
        click.option("--qgraph-mermaid", metavar="FILE", help="Draw them in Mermaid to this file."),
        click.option(
            "--html",
            metavar="FILE",
            help="Write a page that shows the pipeline with counts, data IDs on a click; no network needed.",
        ),
    )


def write_drawings(graph: "QuantumGraph", *, dot: str | None, mermaid: str | None, html: str | None) -> None:
    """Write the files that the drawing options name."""
    from pipetask.reports.quanta_drawing import quanta_drawing
    from pipetask.reports.quantum_graph_page import quantum_graph_page

    for path, language in ((dot, "dot"), (mermaid, "mermaid")):
        if path:
            _write(quanta_drawing(graph, language) + "\n", path)
    if html:
        _write(quantum_graph_page(graph), html)


def _write(text: str, path: str) -> None:
    from pipetask.errors import GraphFileError

    try:
        Path(path).write_text(text, "utf-8")
    except OSError as error:
        raise GraphFileError(
            f"Can't draw the quantum graph to '{path}': {error.strerror}. Name a file in a folder that "
            "exists and may be written to."
        ) from error
