"""``pipetask qgraph``: build a quantum graph, show it, save it."""

from typing import Any

import click

from pipetask.cli.mock_options import MockOptions, mock_options, with_mocks
from pipetask.cli.options import repository_option
from pipetask.cli.pipeline_options import (
    Change,
    PipelineCommand,
    data_options,
    load_pipeline,
    only_one_of,
    pipeline_options,
)

SHOWN = ("summary", "pipeline-graph", "graph", "explain")


@click.command("qgraph", cls=PipelineCommand, short_help="Build a quantum graph and show or save it.")
@repository_option()
@pipeline_options()
@data_options()
@mock_options()
@click.option("-g", "--qgraph", metavar="FILE", help="Read this saved graph instead of building one.")
@click.option(
    "-q", "--save-qgraph", metavar="FILE", help="Save the graph to this file, for `pipetask run -g`."
)
@click.option(
    "--show",
    "shown",
    is_flag=False,
    flag_value="summary",
    multiple=True,
    type=click.Choice(SHOWN),
    help="What to print: the pipeline graph and the quanta per task (summary, if nothing is named), the "
    "pipeline-graph alone, the graph (every quantum), or explain (what each step kept and dropped).",
)
@click.option(
    "--plan",
    "plan",
    is_flag=True,
    help="Print which quanta are new, which take earlier results (--reuse), and which run again and why.",
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
    save_qgraph: str | None,
    shown: tuple[str, ...],
    plan: bool,
    plan_format: str,
    **selection: Any,  # the options of `data_options` and `mock_options`, by name
) -> None:
    """Work out which quanta a pipeline has on the selected data, without executing them."""
    from pipetask.butler import Butler
    from pipetask.errors import EmptyGraphError
    from pipetask.graph.prepare import DataSelection, prepare_graph
    from pipetask.graph.quantum_graph import QuantumGraph
    from pipetask.reports.plan import plan_json, plan_text
    from pipetask.reports.quantum_graph import graph_text

    only_one_of(pipeline, qgraph, changes, selection | {"select_tasks": select_tasks})
    mocks = MockOptions.among(selection)
    if qgraph:
        graph = QuantumGraph.load(qgraph)
    else:
        with Butler.from_config(repo) as butler:
            document = load_pipeline(pipeline, changes, select_tasks, butler=butler)
            chosen = DataSelection(**selection)
            document = with_mocks(butler, document, chosen, mocks)
            try:
                graph = prepare_graph(butler, document, chosen, explain="explain" in shown)
            except EmptyGraphError as empty:
                if "explain" in shown:
                    click.echo(empty.explanation)
                raise
    if save_qgraph:
        graph.save(save_qgraph)
    if plan:
        click.echo(plan_json(graph) if plan_format == "json" else plan_text(graph))
    for what in shown or (() if plan else ("summary",)):
        click.echo(graph_text(graph, what))
    if save_qgraph:
        click.echo(f"Saved {graph.n_quanta} quanta to {save_qgraph}.")
