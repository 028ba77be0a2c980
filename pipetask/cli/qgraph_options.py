"""Options about saved quantum graphs and files made of one: shared by `pipetask qgraph` and `run`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from pipetask.cli.options import Decorator, comma_separated, stacked
from pipetask.counted import counted

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


@dataclass(frozen=True, slots=True)
class GraphFiles:
    """The files to be made of a graph, by the names of the options of `graph_file_options`; none if empty."""

    save_qgraph: str = ""
    qgraph_dot: str = ""
    qgraph_mermaid: str = ""
    html: str = ""

    @classmethod
    def among(cls, options: dict[str, Any]) -> Self:
        """Take these options out of all options."""
        return cls(**{field.name: options.pop(field.name) for field in fields(cls)})

    @property
    def given(self) -> dict[str, str]:
        """The files that are wanted, by the name of their option."""
        return {f"--{name.replace('_', '-')}": path for name, path in asdict(self).items() if path}

    def write(self, graph: "QuantumGraph") -> None:
        """Write them."""
        from pipetask.reports.quanta_drawing import quanta_drawing
        from pipetask.reports.quantum_graph_page import quantum_graph_page

        if self.save_qgraph:
            graph.save(self.save_qgraph)
        for path, language in ((self.qgraph_dot, "dot"), (self.qgraph_mermaid, "mermaid")):
            if path:
                write_beside(quanta_drawing(graph, language) + "\n", path)
        if self.html:
            write_beside(quantum_graph_page(graph), self.html)

    def told(self, graph: "QuantumGraph") -> list[str]:
        """Say in a line each what was written."""
        return [f"Saved {counted(graph.n_quanta, 'quantum')} to {path}." for path in self.given.values()]


def graph_file_options() -> Decorator:
    """Add the options that save a graph, or draw it to a file."""
    return stacked(
        click.option(
            "-q",
            "--save-qgraph",
            metavar="FILE",
            default="",
            help="Save the graph to this file, for `pipetask run -g`.",
        ),
        click.option(
            "--qgraph-dot",
            metavar="FILE",
            default="",
            help="Draw every quantum and dataset in DOT to this file.",
        ),
        click.option(
            "--qgraph-mermaid",
            metavar="FILE",
            default="",
            help="Draw them in Mermaid to this file.",
        ),
        click.option(
            "--html",
            metavar="FILE",
            default="",
            help="Write a page that shows the pipeline with counts, data IDs on a click; no network needed.",
        ),
    )


def write_beside(text: str, path: str) -> None:
    """Write what shows a graph, to a file beside it."""
    from pipetask.errors import GraphFileError

    try:
        Path(path).write_text(text, "utf-8")
    except OSError as error:
        raise GraphFileError(
            f"Can't show the quantum graph in '{path}': {error.strerror}. Name a file in a folder that "
            "exists and may be written to."
        ) from error
