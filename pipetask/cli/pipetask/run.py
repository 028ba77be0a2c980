"""``pipetask run``: build the quantum graph of a pipeline and execute it."""

import sys
from typing import Any

import click

from pipetask.cli.coverage_options import CoverageOptions
from pipetask.cli.execution_options import execution_options, profiled
from pipetask.cli.mock_options import MockOptions, mock_options, with_mocks
from pipetask.cli.options import FileToWrite, repository_option
from pipetask.cli.pipeline_options import (
    Change,
    PipelineCommand,
    data_options,
    load_pipeline,
    only_one_of,
    pipeline_options,
)
from pipetask.cli.pipeline_views import PipelineViews, check_each_once, pipeline_view_options
from pipetask.cli.qgraph_options import (
    GraphFiles,
    check_ids,
    graph_file_options,
    load_graph,
    qgraph_options,
)
from pipetask.cli.quanta_views import built_graph, show_quanta


@click.command("run", cls=PipelineCommand, short_help="Execute a pipeline.")
@repository_option()
@pipeline_options()
@data_options()
@mock_options()
@qgraph_options("Execute this saved quantum graph instead of building one.")
@graph_file_options()
@pipeline_view_options(quanta=True, before="Print this and end; nothing is executed.")
@click.option("--register-dataset-types", is_flag=True, help="Register dataset types that are new.")
@click.option(
    "--init-only",
    is_flag=True,
    help="Write what comes before any quantum (init-outputs, configurations, package versions), and end.",
)
@click.option(
    "--skip-init-writes",
    is_flag=True,
    help="Write none of these; the run must have those that tasks read.",
)
@click.option(
    "--no-versions", is_flag=True, help="Neither write package versions nor compare them with the run's."
)
@execution_options()
@click.option("--summary", type=FileToWrite(), metavar="FILE", help="Write a report of the run, as JSON.")
def command(
    repo: str | None,
    pipeline: str | None,
    select_tasks: str,
    changes: list[Change],
    qgraph: str | None,
    ids: tuple[str, ...],
    processes: int,
    profile: str | None,
    no_progress: bool,
    summary: str | None,
    **options: Any,  # those of the other groups, by name
) -> None:
    """Work out which quanta a pipeline has on the selected data, and execute them."""
    from dataclasses import fields

    from pipetask.butler import Butler
    from pipetask.cli.progress import shown_progress
    from pipetask.execution.options import ExecutionOptions
    from pipetask.execution.run_graph import run_graph
    from pipetask.execution.run_pipeline import run_pipeline
    from pipetask.graph.partial import with_made_inputs
    from pipetask.graph.prepare import DataSelection
    from pipetask.reports.rerun import rest_command
    from pipetask.reports.run import write_summary
    from pipetask.reports.text import AGAIN, summary_text

    lines = CoverageOptions.among(options)
    names = {field.name for field in fields(ExecutionOptions)} & options.keys()
    how = {"processes": processes} | {name: options.pop(name) for name in names}
    given = ExecutionOptions(**how)  # contradictions are told before anything is built
    files, views, selection = GraphFiles.among(options), PipelineViews.among(options, quanta=True), options
    check_each_once(files.given, views.files)
    building = {"select_tasks": select_tasks} | views.of_pipeline
    only_one_of(pipeline, qgraph, changes, selection | building)
    mocks = MockOptions.among(selection)
    check_ids(ids, qgraph)
    with (
        Butler.from_config(repo, writeable=True) as butler,
        shown_progress(on_terminal=sys.stderr.isatty(), enabled=not no_progress) as bars,
        profiled(profile, is_here=not given.needs_workers and given.executor != "dask"),
    ):
        how["progress"] = bars.running
        if qgraph:
            graph = load_graph(qgraph, ids)
            if ids:
                graph = with_made_inputs(graph, butler.registry)
            files.write(graph)
            if views.quanta:
                show_quanta(graph, views.quanta, repo)
                return
            classes = [task.task_class_name for task in graph.tasks]
            with lines.measured(classes) as how["coverage"]:
                done = run_graph(graph, butler, **how)
        else:
            document = load_pipeline(pipeline, changes, select_tasks, butler=butler)
            chosen = DataSelection(**selection)
            document, chosen = with_mocks(butler, document, chosen, mocks)
            if views.of_pipeline:
                views.make(document, document.graph_in(butler))
            if views.quanta:
                graph = built_graph(butler, document, chosen, views.quanta)
                files.write(graph)
                show_quanta(graph, views.quanta, repo)
            if views.items or views.quanta:
                return
            how |= {"building": bars.building, "built": files.write}
            classes = [task.class_name for task in document.document.tasks.values()]
            with lines.measured(classes) as how["coverage"]:
                done = run_pipeline(butler, document, chosen, **how)
        if summary:
            write_summary(butler, done, summary)
    if how["init_only"]:
        click.echo(f"Run {done.run}: configurations and init-outputs are there; nothing else was asked for.")
    else:
        excludes_extending = qgraph or selection["replace_run"]
        click.echo(summary_text(done, next_steps=[rest_command(done) if excludes_extending else AGAIN]))
    sys.exit(done.exit_code)
