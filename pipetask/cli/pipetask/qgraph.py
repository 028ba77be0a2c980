"""``pipetask qgraph``: build a quantum graph, show it, save it."""

import json
import os
from typing import Any

import click

from pipetask.cli.coverage_options import CoverageOptions, coverage_options
from pipetask.cli.mock_options import MockOptions, mock_options, with_mocks
from pipetask.cli.options import repository_option
from pipetask.cli.pipeline_options import (
    Change,
    PipelineCommand,
    data_id_of,
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
    write_beside,
)
from pipetask.cli.quanta_views import built_graph, show_quanta


@click.command("qgraph", cls=PipelineCommand, short_help="Build a quantum graph and show or save it.")
@repository_option()
@pipeline_options()
@data_options()
@mock_options()
@qgraph_options("Read this saved graph instead of building one.")
@graph_file_options()
@click.option(
    "--summary",
    metavar="FILE",
    default="",
    help="Write collections, and the numbers of quanta and datasets, to this file, as JSON.",
)
@pipeline_view_options(quanta=True)
@coverage_options()
@click.option(
    "--update",
    "old",
    metavar="FILE",
    help="Bring this saved graph up to date: build it again as it was selected, with the same ids; "
    "quanta that were run are left out. Save it with -q.",
)
@click.option(
    "--why",
    "why",
    nargs=2,
    metavar="TASK DATAID",
    help="Say of one unit of work, as in --why isr 'exposure=12, detector=3', why it is in the graph or "
    "which step dropped it.",
)
@click.option(
    "--plan",
    "plan",
    is_flag=True,
    help="Print which quanta are new, which take earlier results (--reuse), and which run again and why.",
)
@click.option(
    "--estimate",
    "wants_estimate",
    is_flag=True,
    help="Print what it will take (wall time, core-hours, memory, disk), from what earlier quanta took.",
)
@click.option(
    "--format",
    "plan_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="With --plan: text with counts, or JSON with every quantum.",
)
def command(
    repo: str | None,
    pipeline: str | None,
    select_tasks: str,
    changes: list[Change],
    qgraph: str | None,
    ids: tuple[str, ...],
    old: str | None,
    why: tuple[str, str] | None,
    plan: bool,
    wants_estimate: bool,
    plan_format: str,
    summary: str,
    **selection: Any,  # the options of the other groups, by name
) -> None:
    """Work out which quanta a pipeline has on the selected data, without executing them."""
    from pipetask.butler import Butler
    from pipetask.graph.prepare import DataSelection, builder_for, update_graph
    from pipetask.reports.estimate import estimate, estimate_text
    from pipetask.reports.plan import plan_json, plan_text
    from pipetask.reports.quantum_graph import graph_summary

    files, views = GraphFiles.among(selection), PipelineViews.among(selection, quanta=True)
    lines = CoverageOptions.among(selection)
    check_each_once(files.given, views.files, {"--summary": summary} if summary else {})
    building = {"select_tasks": select_tasks, "update": old, "why": why, "plan": plan}
    building |= {"coverage": lines.coverage} | views.of_pipeline
    only_one_of(pipeline, qgraph, changes, selection | building)
    mocks = MockOptions.among(selection)
    check_ids(ids, qgraph)
    _check_format(plan_format, plan=plan)
    of_graph = {"--update": old, "--plan": plan, "--estimate": wants_estimate, "--show": views.quanta}
    of_graph |= {"--summary": summary}
    wanted = [*files.given, *(name for name, value in of_graph.items() if value)]
    if why:
        _check_alone("--why", [*wanted, *(f"--{name}" for name in views.of_pipeline)])
    if qgraph:
        graph = load_graph(qgraph, ids)
    else:
        with Butler.from_config(repo) as butler:
            document = load_pipeline(pipeline, changes, select_tasks, butler=butler)
            chosen = DataSelection(**selection)
            document, chosen = with_mocks(butler, document, chosen, mocks)
            if why:
                click.echo(builder_for(butler, document, chosen).why(why[0], data_id_of(why[1])))
                return
            if views.of_pipeline:
                views.make(document, document.graph_in(butler))
            if views.items and not wanted:
                return
            classes = [task.class_name for task in document.document.tasks.values()]
            with lines.measured(classes):
                if old:
                    update = update_graph(butler, document, chosen, load_graph(old, ()))
                    graph, counts = update.graph, (update.kept, update.added, update.dropped)
                    click.echo(
                        "{:,} quanta kept, {:,} added, {:,} dropped (done, or without data).".format(*counts),
                        err=plan_format == "json",
                    )
                else:
                    graph = built_graph(butler, document, chosen, views.quanta)
    files.write(graph)
    if summary:
        write_beside(json.dumps(graph_summary(graph), indent=1) + "\n", summary)
    if plan:
        click.echo(plan_json(graph) if plan_format == "json" else plan_text(graph))
    if wants_estimate:
        with Butler.from_config(repo) as butler:
            click.echo(estimate_text(estimate(graph, butler), sorted({1, 2, os.cpu_count() or 1})))
    shown = views.quanta or (() if plan or wants_estimate else ("summary",))
    show_quanta(graph, shown, repo)
    for line in files.told(graph):
        click.echo(line, err=plan_format == "json")


def _check_format(plan_format: str, *, plan: bool) -> None:
    if plan_format != "text" and not plan:
        raise click.UsageError(f"--format {plan_format} is a form of the plan: add --plan.")


def _check_alone(option: str, others: list[str]) -> None:
    if others:
        raise click.UsageError(f"{', '.join(others)}: not with {option}, which only answers a question.")
