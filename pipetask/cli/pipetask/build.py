"""``pipetask build``: read a pipeline, check it, show it, save it."""

from typing import TYPE_CHECKING, Any

import click

from pipetask.cli.pipeline_options import Change, PipelineCommand, load_pipeline, pipeline_options
from pipetask.cli.pipeline_views import PipelineViews, check_each_once, pipeline_view_options
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
@pipeline_view_options(quanta=False)
def command(
    repo: str | None,
    pipeline: str | None,
    select_tasks: str,
    changes: list[Change],
    **options: Any,  # those of `pipeline_view_options`, by name
) -> None:
    """Read a pipeline with its imports and overrides, and check that its tasks fit together.

    No repository is needed. If one is named (-b), the tasks must also fit to its dataset types, and its
    instrument gives the defaults of the configurations.
    """
    views = PipelineViews.among(options, quanta=False)
    check_each_once(views.files)
    butler = _opened(repo)
    document = load_pipeline(pipeline, changes, select_tasks, butler=butler)
    graph = document.graph_in(butler) if butler else document.to_graph()
    views.make(document, graph)
    if not (views.items or views.files):
        fits = "fit together" if len(graph.tasks) > 1 else "can be run"
        click.echo(f"{pipeline or document.document.file}: {counted(len(graph.tasks), 'task')} that {fits}.")


def _opened(repo: str | None) -> "Butler | None":
    if repo is None:
        return None
    from pipetask.butler import Butler

    return click.get_current_context().with_resource(Butler.from_config(repo))
