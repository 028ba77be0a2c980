"""``pipetask run``: build the quantum graph of a pipeline and execute it."""

import sys
from math import isnan
from typing import Any

import click

from pipetask.cli.mock_options import MockOptions, mock_options, with_mocks
from pipetask.cli.options import processes_option, repository_option
from pipetask.cli.pipeline_options import (
    Change,
    PipelineCommand,
    data_options,
    load_pipeline,
    only_one_of,
    pipeline_options,
)
from pipetask.cli.qgraph_options import check_ids, load_graph, qgraph_options


class Seconds(click.FloatRange):
    """A time greater than zero; what is no number (NaN) is greater than nothing."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Refuse NaN, which passes a check of bounds."""
        seconds: float = super().convert(value, param, ctx)
        if isnan(seconds):
            self.fail(f"{value} is no time.", param, ctx)
        return seconds


@click.command("run", cls=PipelineCommand, short_help="Execute a pipeline.")
@repository_option()
@pipeline_options()
@data_options()
@mock_options()
@qgraph_options("Execute this saved quantum graph instead of building one.")
@processes_option()
@click.option("--register-dataset-types", is_flag=True, help="Register dataset types that are new.")
@click.option(
    "--timeout",
    type=Seconds(0, min_open=True),
    metavar="SECONDS",
    help="Stop a quantum that takes longer; it has failed.",
)
@click.option("--fail-fast", is_flag=True, help="Begin nothing more after the first failure.")
@click.option("--no-progress", is_flag=True, help="Don't show a progress bar on the terminal.")
def command(
    repo: str | None,
    pipeline: str | None,
    select_tasks: str,
    changes: list[Change],
    qgraph: str | None,
    ids: tuple[str, ...],
    processes: int,
    register_dataset_types: bool,
    timeout: float | None,
    fail_fast: bool,
    no_progress: bool,
    **selection: Any,  # the options of `data_options` and `mock_options`, by name
) -> None:
    """Work out which quanta a pipeline has on the selected data, and execute them."""
    from pipetask.butler import Butler
    from pipetask.cli.progress import progress_bar
    from pipetask.execution.run_graph import run_graph
    from pipetask.execution.run_pipeline import run_pipeline
    from pipetask.graph.partial import with_made_inputs
    from pipetask.graph.prepare import DataSelection
    from pipetask.reports.text import summary_text

    only_one_of(pipeline, qgraph, changes, selection | {"select_tasks": select_tasks})
    mocks = MockOptions.among(selection)
    check_ids(ids, qgraph)
    with (
        Butler.from_config(repo, writeable=True) as butler,
        progress_bar(enabled=sys.stderr.isatty() and not no_progress) as progress,
    ):
        how: dict[str, Any] = {
            "processes": processes,
            "timeout_s": timeout,
            "fail_fast": fail_fast,
            "register_dataset_types": register_dataset_types,
            "progress": progress,
        }
        if qgraph:
            graph = load_graph(qgraph, ids)
            if ids:
                graph = with_made_inputs(graph, butler.registry)
            summary = run_graph(graph, butler, **how)
        else:
            document = load_pipeline(pipeline, changes, select_tasks, butler=butler)
            chosen = DataSelection(**selection)
            document = with_mocks(butler, document, chosen, mocks)
            summary = run_pipeline(butler, document, chosen, **how)
    click.echo(summary_text(summary))
    sys.exit(summary.exit_code)
