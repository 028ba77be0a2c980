"""``pipetask purge``: remove an output chain with its runs."""

import click

from pipetask.cli.confirm import confirm_option
from pipetask.cli.main import Command
from pipetask.cli.options import repository_option
from pipetask.cli.removal_options import dry_run_option, show_and_remove


@click.command("purge", cls=Command, short_help="Remove an output chain with its runs.")
@repository_option()
@click.argument("collection")
@confirm_option()
@click.option("--recursive", is_flag=True, help="Remove chains named COLLECTION/… in it, too.")
@dry_run_option()
def command(repo: str | None, collection: str, confirm: bool, recursive: bool, dry_run: bool) -> None:
    """Remove the chain COLLECTION and what it holds that is named COLLECTION/…; runs with their files."""
    from pipetask.butler import Butler
    from pipetask.butler.output_chains import find_to_purge

    with Butler.from_config(repo, writeable=not dry_run) as butler:
        removal = find_to_purge(butler, collection, recursive=recursive)
        show_and_remove(butler, removal, confirm=confirm, dry_run=dry_run)
