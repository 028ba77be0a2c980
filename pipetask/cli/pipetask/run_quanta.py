"""``pipetask run-quanta``: run some quanta of a saved graph from files only."""

import sys
from pathlib import Path
from typing import Any

import click

from pipetask.cli.execution_options import worker_options
from pipetask.cli.main import Command
from pipetask.cli.options import comma_separated, repository_option


@click.command("run-quanta", cls=Command, short_help="Run some quanta of a saved graph, from files only.")
@repository_option()
@click.argument("graph")
@comma_separated(
    "--node-ids",
    "ids",
    metavar="ID",
    help="Quanta to run: ids, numbers from 0, or ranges of numbers as in 10-19.",
)
@click.option("--task", "label", metavar="LABEL", help="Run the quanta of this task.")
@click.option(
    "--part",
    metavar="I/N",
    default="1/1",
    help="With --task: the I-th of N parts of its quanta, counted from 1; the job of an array, say.",
)
@worker_options()
def command(
    repo: str | None,
    graph: str,
    ids: tuple[str, ...],
    label: str | None,
    part: str,
    **options: Any,  # those of the workers, by name
) -> None:
    """Run quanta of a saved graph without the database, after `pipetask pre-exec-init`.

    Those that have succeeded before are left out, so that a job may be submitted again.
    """
    from pipetask.butler.repository import find_repository
    from pipetask.execution.batch import numbers_of, part_of, run_quanta
    from pipetask.graph.quantum_graph import QuantumGraph
    from pipetask.reports.text import summary_text

    loaded = QuantumGraph.load(graph)
    numbers = [*numbers_of(loaded, ids), *(part_of(loaded, label, *_part(part)) if label else ())]
    if not (ids or label):
        numbers = list(range(len(loaded)))
    summary = run_quanta(Path(graph).absolute(), find_repository(repo), numbers, **options)
    if not summary.total():
        click.echo(f"Run {summary.run}: nothing is left to do; what was asked for has succeeded before.")
        return
    steps = f"butler transfer-from-graph {graph}", "the same command again, which leaves out what is done"
    click.echo(summary_text(summary, next_steps=steps, is_stored=False))
    sys.exit(summary.exit_code)


def _part(text: str) -> tuple[int, int]:
    """Read I/N; return which part, counted from 0, of how many."""
    number, _, count = text.partition("/")
    if not (number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count)):
        raise click.UsageError(f"--part takes I/N with I from 1 to N, as in 3/10, not '{text}'.")
    return int(number) - 1, int(count)
