"""``butler transfer-from-graph``: store what `pipetask run-quanta` did."""

import sys

import click

from pipetask.cli.main import Command


@click.command("transfer-from-graph", cls=Command, short_help="Store what `pipetask run-quanta` did.")
@click.argument("graph")
@click.argument("repo", required=False)
@click.option("--register-dataset-types", is_flag=True, help="Register dataset types that are new.")
@click.option("--dry-run", is_flag=True, help="Say how the quanta went, and store nothing.")
def command(graph: str, repo: str | None, register_dataset_types: bool, dry_run: bool) -> None:
    """Store in REPO what the quanta of a saved GRAPH made that were run from files.

    This may be done several times, while jobs go on. The exit code is 1 as long as quanta are left.
    """
    from pipetask.butler import Butler
    from pipetask.execution.batch import transfer
    from pipetask.graph.quantum_graph import QuantumGraph
    from pipetask.reports.text import summary_text

    with Butler.from_config(repo, writeable=not dry_run) as butler:
        summary = transfer(
            QuantumGraph.load(graph), butler, register_dataset_types=register_dataset_types, dry_run=dry_run
        )
    if not summary.total():
        click.echo(f"Run {summary.run}: nothing is left to store; all of it has been stored before.")
        return
    steps = f"pipetask run-quanta {graph}", "this command again"
    click.echo(summary_text(summary, next_steps=steps, is_stored=False))
    sys.exit(summary.exit_code)
