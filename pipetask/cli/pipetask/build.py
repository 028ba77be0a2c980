"""``pipetask build``: read a pipeline, check it, show it, save it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipetask.cli.pipeline_options import Change, PipelineCommand, load_pipeline, pipeline_options
from pipetask.counted import counted

if TYPE_CHECKING:
    from pipetask.butler import Butler


@click.command("build", cls=PipelineCommand, short_help="Check a pipeline and show or save it.")
@click.option(
    "-b",
    "--butler-config",
    "repo",
    metavar="REPO",
    help="Check against the dataset types of this repository, and begin with its instrument's settings. "
    "[default: no repository]",
)
@pipeline_options()
@click.option(
    "--show",
    "shown",
    is_flag=False,
    flag_value="pipeline-graph",
    multiple=True,
    metavar="ITEM[=VALUE]",
    help="What to print: the pipeline as YAML; its pipeline-graph as text (if nothing is named), or as "
    "mermaid, dot, svg, html; its task-graph, tasks, subsets, inputs; config=[LABEL::]PATTERN or "
    "history=[LABEL::]PATTERN, the configuration fields of these names and where their values come from; "
    "dump-config or dump-config=LABEL, whole configurations.",
)
@click.option(
    "-s", "--save-pipeline", metavar="FILE", help="Write the pipeline with its overrides to this file."
)
@click.option("--pipeline-dot", metavar="FILE", help="Draw the graph in DOT to this file.")
@click.option("--pipeline-mermaid", metavar="FILE", help="Draw the graph in Mermaid to this file.")
@click.option("--pipeline-svg", metavar="FILE", help="Draw the graph to this SVG file.")
@click.option(
    "--pipeline-html",
    metavar="FILE",
    help="Write a page to this file, with the graph, connections and configurations; it needs no network.",
)
def command(
    repo: str | None,
    pipeline: str | None,
    select_tasks: str,
    changes: list[Change],
    shown: tuple[str, ...],
    **files: str | None,
) -> None:
    """Read a pipeline with its imports and overrides, and check that its tasks fit together.

    No repository is needed. If one is named (-b), the tasks must also fit to its dataset types, and its
    instrument gives the defaults of the configurations.
    """
    from pipetask.reports.pipeline import pipeline_text

    items = [_item(text) for text in shown]
    saved = _each_once(files)
    butler = _opened(repo)
    document = load_pipeline(pipeline, changes, select_tasks, butler=butler)
    graph = document.graph_in(butler) if butler else document.to_graph()
    for file, item in saved.items():
        _save(pipeline_text(document, graph, item).rstrip("\n") + "\n", Path(file))
    for item, value in items:
        click.echo(pipeline_text(document, graph, item, value))
    for file in saved:
        click.echo(f"Saved {counted(len(graph.tasks), 'task')} to {file}.")
    if not (shown or saved):
        fits = "fit together" if len(graph.tasks) > 1 else "can be run"
        click.echo(f"{pipeline or document.document.file}: {counted(len(graph.tasks), 'task')} that {fits}.")


def _each_once(files: Mapping[str, str | None]) -> dict[str, str]:
    """Return what is written to each file, by its name; an error if two options name one file."""
    saved: dict[str, str] = {}
    for option, file in files.items():
        if file in saved:
            raise click.UsageError(f"--{option.replace('_', '-')} {file}: another option writes this file.")
        if file:
            saved[file] = _WRITTEN[option]
    return saved


def _opened(repo: str | None) -> "Butler | None":
    if repo is None:
        return None
    from pipetask.butler import Butler

    return click.get_current_context().with_resource(Butler.from_config(repo))


def _save(text: str, path: Path) -> None:
    from pipetask.errors import PipelineDocumentError

    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise PipelineDocumentError(
            f"Can't save the pipeline to '{path}': {error.strerror}. Name a file in a folder that exists and "
            "may be written to."
        ) from error


_WRITTEN = {
    "save_pipeline": "pipeline",
    "pipeline_dot": "dot",
    "pipeline_mermaid": "mermaid",
    "pipeline_svg": "svg",
    "pipeline_html": "html",
}


_OF_QGRAPH = ("graph", "workflow", "uri", "summary", "explain")


def _item(text: str) -> tuple[str, str]:
    """Split ``item=value`` of ``--show``."""
    from pipetask.butler import suggest
    from pipetask.reports.pipeline import ITEMS, TAKES_VALUE

    item, _, value = text.partition("=")
    if item in _OF_QGRAPH:
        raise click.UsageError(
            f"--show {item}: a pipeline alone has no quanta; 'pipetask qgraph … --show {item}' finds them in "
            "a repository."
        )
    if item not in ITEMS:
        raise click.UsageError(
            f"--show has no item '{item}'{suggest(item, ITEMS)}; it has: {', '.join(ITEMS)}."
        )
    if value and item not in TAKES_VALUE:
        raise click.UsageError(f"--show {item} takes no value, as '{value}'.")
    return item, value
