"""What `pipetask build`, `qgraph` and `run` show and save of a pipeline: ``--show`` and the files of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import click

from pipetask.cli.options import Decorator, stacked
from pipetask.counted import counted

if TYPE_CHECKING:
    from pipetask.pipeline.pipeline import Pipeline
    from pipetask.pipeline.pipeline_graph import PipelineGraph

OF_PIPELINE = (
    "the pipeline as YAML; its pipeline-graph as text{default}, or as mermaid, dot, svg, html; its "
    "task-graph, tasks, subsets, inputs; config=[LABEL::]PATTERN or history=[LABEL::]PATTERN, the "
    "configuration fields of these names and where their values come from; dump-config or dump-config=LABEL, "
    "whole configurations."
)
OF_QUANTA = (
    "Of quanta: the summary (if nothing is named), the pipeline-graph with the numbers of quanta and "
    "datasets, the graph (every quantum with what it reads and writes), the workflow (every quantum with its "
    "id and those that it waits for), the uri of every dataset, or explain (what every step dropped). "
    "Of the pipeline, for which no quanta are worked out: "
)
QUANTA_ITEMS = ("summary", "pipeline-graph", "graph", "workflow", "uri", "explain")
_WRITTEN = {
    "save_pipeline": "pipeline",
    "pipeline_dot": "dot",
    "pipeline_mermaid": "mermaid",
    "pipeline_svg": "svg",
    "pipeline_html": "html",
}


def pipeline_view_options(*, quanta: bool, before: str = "") -> Decorator:
    """Add ``--show``, which knows views of quanta too if there are any, and the files of a pipeline."""
    listed = OF_QUANTA + OF_PIPELINE if quanta else OF_PIPELINE
    default = "" if quanta else " (if nothing is named)"
    return stacked(
        click.option(
            "--show",
            "shown",
            is_flag=False,
            flag_value="summary" if quanta else "pipeline-graph",
            multiple=True,
            metavar="ITEM[=VALUE]",
            help=f"{before or 'What to print.'} {listed.format(default=default)}",
        ),
        click.option(
            "-s",
            "--save-pipeline",
            metavar="FILE",
            help="Write the pipeline with its overrides to this file.",
        ),
        click.option("--pipeline-dot", metavar="FILE", help="Draw the pipeline in DOT to this file."),
        click.option("--pipeline-mermaid", metavar="FILE", help="Draw it in Mermaid to this file."),
        click.option("--pipeline-svg", metavar="FILE", help="Draw it to this SVG file."),
        click.option(
            "--pipeline-html",
            metavar="FILE",
            help="Write a page to this file, with the pipeline's graph, connections and configurations; it "
            "needs no network.",
        ),
    )


class Item(NamedTuple):
    """What to show, as in ``config=isr::do*``: the name, and what follows it."""

    name: str
    value: str = ""

    @classmethod
    def read(cls, text: str, *, quanta: bool) -> Self:
        """Read a value of ``--show``.

        Raises
        ------
        click.UsageError
            If there is no such item, or no quanta to show, or it takes no value.
        """
        from pipetask.butler import suggest
        from pipetask.reports.pipeline import ITEMS, TAKES_VALUE

        name, _, value = text.partition("=")
        known = tuple(dict.fromkeys([*QUANTA_ITEMS, *ITEMS])) if quanta else ITEMS
        if name in QUANTA_ITEMS and name not in known:
            raise click.UsageError(
                f"--show {name}: a pipeline alone has no quanta; 'pipetask qgraph … --show {name}' finds "
                "them in a repository."
            )
        if name not in known:
            raise click.UsageError(
                f"--show has no item '{name}'{suggest(name, known)}; it has: {', '.join(known)}."
            )
        if value and name not in TAKES_VALUE:
            raise click.UsageError(f"--show {name} takes no value, as '{value}'.")
        return cls(name, value)


@dataclass(frozen=True, slots=True)
class PipelineViews:
    """What is to be shown and saved, as the options of `pipeline_view_options` say.

    Parameters
    ----------
    items : `tuple` [`Item`]
        What to print of the pipeline.
    quanta : `tuple` [`str`]
        What to print of its quanta.
    files : `dict` [`str`, `str`]
        The files to be written, by the name of their option.
    """

    items: tuple[Item, ...]
    quanta: tuple[str, ...]
    files: dict[str, str]

    @classmethod
    def among(cls, options: dict[str, Any], *, quanta: bool) -> Self:
        """Take these options out of all options."""
        items = [Item.read(text, quanta=quanta) for text in options.pop("shown")]
        given = {name: options.pop(name) for name in _WRITTEN}
        of_quanta = tuple(item.name for item in items if quanta and item.name in QUANTA_ITEMS)
        return cls(
            tuple(item for item in items if item.name not in of_quanta),
            of_quanta,
            {f"--{name.replace('_', '-')}": path for name, path in given.items() if path},
        )

    @property
    def of_pipeline(self) -> dict[str, bool]:
        """What needs a pipeline, as it stands on the command line after ``--``."""
        names = [*(f"show {item.name}" for item in self.items), *(name[2:] for name in self.files)]
        return dict.fromkeys(names, True)

    def make(self, pipeline: "Pipeline", graph: "PipelineGraph") -> None:
        """Write the files of the pipeline, and print what is to be shown of it."""
        from pipetask.reports.pipeline import pipeline_text

        for option, path in self.files.items():
            text = pipeline_text(pipeline, graph, _WRITTEN[option[2:].replace("-", "_")])
            _save(text.rstrip("\n") + "\n", Path(path))
        for name, value in self.items:
            click.echo(pipeline_text(pipeline, graph, name, value))
        for path in self.files.values():
            click.echo(f"Saved {counted(len(graph.tasks), 'task')} to {path}.", err=True)


def check_each_once(*files: Mapping[str, str]) -> None:
    """Refuse two options that write one file."""
    pairs: Iterable[tuple[str, str]] = (pair for given in files for pair in given.items())
    by_file: dict[str, str] = {}
    for option, file in pairs:
        if file in by_file:
            raise click.UsageError(f"{option} {file}: another option, {by_file[file]}, writes this file.")
        by_file[file] = option


def _save(text: str, path: Path) -> None:
    from pipetask.errors import PipelineDocumentError

    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise PipelineDocumentError(
            f"Can't save the pipeline to '{path}': {error.strerror}. Name a file in a folder that exists and "
            "may be written to."
        ) from error
