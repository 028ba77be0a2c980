"""``butler reproduce``: make a dataset again and compare."""

import sys

import click

from pipetask.cli.one_dataset import one_dataset
from pipetask.cli.options import RepositoryCommand, collections_option, repository_argument


@click.command("reproduce", cls=RepositoryCommand, short_help="Make a dataset again, and compare.")
@repository_argument()
@click.argument("dataset")
@click.argument("data_id", nargs=-1, metavar="[DATAID]...")
@collections_option("Where to search for a type and data ID, in this order. [default: all]")
@click.option("--keep", is_flag=True, help="Keep the run in which it was made again.")
def command(
    repo: str | None, dataset: str, data_id: tuple[str, ...], collections: tuple[str, ...], keep: bool
) -> None:
    """Run the quantum again that made DATASET, a UUID or a type with a DATAID as visit=1001, and compare.

    It is given the configuration and the inputs of then, and writes to a run of its own. The exit code is 1
    if the content differs.
    """
    from pipetask.butler import Butler
    from pipetask.execution.reproduce import reproduce
    from pipetask.reports.text import reproduction_text

    with Butler.from_config(repo, writeable=True) as butler:
        found = reproduce(butler, one_dataset(butler, dataset, data_id, collections), keep=keep)
    click.echo(reproduction_text(found))
    if keep:
        click.echo(f"It was made again in run {found.run}.")
    sys.exit(1 if found.difference else 0)
