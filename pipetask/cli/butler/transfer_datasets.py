"""``butler transfer-datasets``: copy datasets from one repository to another."""

import click

from pipetask.cli.dataset_selection import DatasetSelection, dataset_selection
from pipetask.cli.main import Command
from pipetask.cli.options import (
    LINKS_AND_COPIES,
    transfer_option,
)
from pipetask.cli.show import dataset_rows, format_option, show
from pipetask.counted import counted


@click.command("transfer-datasets", cls=Command, short_help="Copy datasets to another repository.")
@click.argument("source")
@click.argument("dest")
@dataset_selection()
@transfer_option(*LINKS_AND_COPIES, "direct")
@click.option("--register-dataset-types", is_flag=True, help="Register dataset types that DEST lacks.")
@click.option(
    "--transfer-dimensions/--no-transfer-dimensions", default=True, help="Copy dimension records as well."
)
@click.option("--dry-run/--no-dry-run", help="Show what would be copied, and do nothing.")
@format_option()
def command(
    source: str,
    dest: str,
    selection: DatasetSelection,
    transfer: str,
    register_dataset_types: bool,
    transfer_dimensions: bool,
    dry_run: bool,
    format_: str,
) -> None:
    """Copy datasets, with their ids and files, from the repository SOURCE to the repository DEST."""
    from pipetask.butler import Butler

    with Butler.from_config(source) as butler, Butler.from_config(dest, writeable=not dry_run) as target:
        refs = selection.find(butler, "to transfer")
        if dry_run:
            show(*dataset_rows(refs), format_)
            return
        there = target.artifacts(ref.id for ref in refs)
        done = target.transfer_from(
            butler,
            refs,
            transfer=transfer,  # type: ignore[arg-type]  # one of the choices
            register_dataset_types=register_dataset_types,
            transfer_dimensions=transfer_dimensions,
        )
    new = sum(ref.id not in there for ref in done)
    known = f"; {len(there):,} were there already" if there else ""
    click.echo(f"Transferred {counted(new, 'dataset')} to {dest}{known}.")
