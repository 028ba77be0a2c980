"""``pipetask cleanup``: remove what an output chain no longer holds."""

import click

from pipetask.cli.confirm import confirm_option
from pipetask.cli.main import Command
from pipetask.cli.options import repository_option
from pipetask.cli.removal_options import dry_run_option, show_and_remove


@click.command("cleanup", cls=Command, short_help="Remove runs that an output chain no longer holds.")
@repository_option()
@click.argument("collection")
@confirm_option()
@dry_run_option()
def command(repo: str | None, collection: str, confirm: bool, dry_run: bool) -> None:
    """Remove what is named COLLECTION/… and not held by the chain COLLECTION; runs with their files."""
    from pipetask.butler import Butler
    from pipetask.butler.output_chains import find_to_clean_up
    from pipetask.cli.errors import nothing_found

    with Butler.from_config(repo, writeable=not dry_run) as butler:
        removal = find_to_clean_up(butler, collection)
        if not (removal.runs or removal.others):
            nothing_found(f"Chain '{collection}' holds all collections that are named after it.")
        show_and_remove(butler, removal, confirm=confirm, dry_run=dry_run)
