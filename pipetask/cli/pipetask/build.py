"""``pipetask build``: read a pipeline, check it, show it, save it."""

from collections.abc import Callable
from pathlib import Path

import click

from pipetask.cli.main import Command
from pipetask.cli.pipeline_options import load_pipeline, pipeline_options

SHOWN = ("pipeline", "pipeline-graph", "mermaid", "dot")


@click.command("build", cls=Command, short_help="Check a pipeline and show or save it.")
@pipeline_options(required=True)
@click.option(
    "--show",
    "shown",
    is_flag=False,
    flag_value="pipeline-graph",
    multiple=True,
    type=click.Choice(SHOWN),
    help="What to print: the pipeline as YAML, or its graph as text, Mermaid or DOT.",
)
@click.option("--save-pipeline", metavar="FILE", help="Write the pipeline with its overrides to this file.")
def command(
    pipeline: str,
    config_overrides: tuple[str, ...],
    config_files: tuple[str, ...],
    shown: tuple[str, ...],
    save_pipeline: str | None,
) -> None:
    """Read a pipeline with its imports and overrides, and check that its tasks fit together."""
    from pipetask.pipeline.draw.dot import draw_dot
    from pipetask.pipeline.draw.mermaid import draw_mermaid
    from pipetask.pipeline.draw.text import draw_text

    document = load_pipeline(pipeline, config_overrides, config_files)
    graph = document.to_graph()
    drawn: dict[str, Callable[[], str]] = {
        "pipeline": document.to_yaml,
        "pipeline-graph": lambda: draw_text(graph),
        "mermaid": lambda: draw_mermaid(graph),
        "dot": lambda: draw_dot(graph),
    }
    if save_pipeline:
        _save(document.to_yaml(), Path(save_pipeline))
    for what in shown:
        click.echo(drawn[what]())
    if save_pipeline:
        click.echo(f"Saved {len(graph.tasks)} tasks to {save_pipeline}.")
    if not (shown or save_pipeline):
        click.echo(f"{pipeline}: {len(graph.tasks)} tasks that fit together.")


def _save(text: str, path: Path) -> None:
    from pipetask.errors import PipelineDocumentError

    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise PipelineDocumentError(
            f"Can't save the pipeline to '{path}': {error.strerror}. Name a file in a folder that exists and "
            "may be written to."
        ) from error
