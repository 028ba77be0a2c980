"""Showing collections that are to be removed, asking, and removing them: shared by `cleanup` and `purge`."""

from typing import TYPE_CHECKING

import click

from pipetask.cli.confirm import ask
from pipetask.cli.options import Decorator
from pipetask.cli.show import show
from pipetask.counted import counted

if TYPE_CHECKING:
    from pipetask.butler import Butler
    from pipetask.butler.output_chains import Removal


def dry_run_option() -> Decorator:
    """Add ``--dry-run``."""
    return click.option("--dry-run", is_flag=True, help="Show what would be removed, and remove nothing.")


def show_and_remove(butler: "Butler", removal: "Removal", *, confirm: bool, dry_run: bool) -> None:
    """Remove collections, after showing them and asking as wanted."""
    from pipetask.butler.output_chains import remove

    counts = {run: sum(butler.registry.count_datasets(run).values()) for run in removal.runs}
    if confirm or dry_run:
        kinds = {name: butler.registry.collections.get_info(name).kind for name in removal.others}
        rows = [(name, "RUN", n) for name, n in counts.items()] + [(*pair, "") for pair in kinds.items()]
        show(["collection", "type", "datasets"], rows, "table")
    if dry_run:
        click.echo("Nothing was changed.", err=True)
        return
    if confirm:
        n = len(counts) + len(removal.others)
        ask(f"{counted(n, 'collection')} will be removed, runs with their files. Continue?")
    remove(butler, removal)
    click.echo(
        f"Removed {counted(len(counts), 'run')} with {counted(sum(counts.values()), 'dataset')}, and "
        f"{counted(len(removal.others), 'other collection')}."
    )
