"""``pipetask pre-exec-init``: write what comes before the quanta of a saved graph, from files only."""

import click

from pipetask.cli.main import Command
from pipetask.cli.options import repository_option


@click.command("pre-exec-init", cls=Command, short_help="Begin a batch: write init-outputs, configurations.")
@repository_option()
@click.argument("graph")
@click.option("--no-versions", is_flag=True, help="Don't write package versions.")
def command(repo: str | None, graph: str, no_versions: bool) -> None:
    """Write init-outputs, configurations and package versions of a saved graph, without the database.

    Prints each task with the number of its quanta, in the order in which they can be run.
    """
    from pipetask.butler.repository import find_repository
    from pipetask.execution.batch import pre_exec_init
    from pipetask.graph.quantum_graph import QuantumGraph

    loaded = QuantumGraph.load(graph)
    pre_exec_init(loaded, find_repository(repo), with_versions=not no_versions)
    for task in loaded.tasks:
        click.echo(f"{task.label} {task.count}")
