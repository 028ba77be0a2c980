"""``butler transfer-datasets``: copy datasets from one repository to another."""

import click

from pipetask.cli.main import Command
from pipetask.cli.options import (
    collections_option,
    comma_separated,
    limit_option,
    order_by_option,
    where_option,
)
from pipetask.cli.show import dataset_rows, format_option, show
from pipetask.counted import counted


@click.command("transfer-datasets", cls=Command, short_help="Copy datasets to another repository.")
@click.argument("source")
@click.argument("dest")
@comma_separated(
    *("-d", "--dataset-type", "dataset_types"), metavar="GLOB", help="Dataset types. [default: all]"
)
@collections_option("Collections to search, in this order, separated by commas. [default: all]")
@where_option()
@click.option("--find-first/--no-find-first", help="Of equal data IDs, only the one found first.")
@order_by_option()
@limit_option()
@click.option(
    "-t",
    "--transfer",
    type=click.Choice(["auto", "copy", "hardlink", "symlink", "direct"]),
    default="auto",
    show_default=True,
    help="How files get in; 'auto' makes a hard link where possible, else a copy.",
)
@click.option("--register-dataset-types", is_flag=True, help="Register dataset types that DEST lacks.")
@click.option(
    "--transfer-dimensions/--no-transfer-dimensions", default=True, help="Copy dimension records as well."
)
@click.option("--dry-run", is_flag=True, help="Show what would be copied, and do nothing.")
@format_option()
def command(
    source: str,
    dest: str,
    dataset_types: tuple[str, ...],
    collections: tuple[str, ...],
    where: str,
    find_first: bool,
    order_by: tuple[str, ...],
    limit: int,
    transfer: str,
    register_dataset_types: bool,
    transfer_dimensions: bool,
    dry_run: bool,
    format_: str,
) -> None:
    """Copy datasets, with their ids and files, from the repository SOURCE to the repository DEST."""
    from pipetask.butler import Butler
    from pipetask.cli.errors import nothing_found

    with Butler.from_config(source) as butler, Butler.from_config(dest, writeable=not dry_run) as target:
        found = butler.query_all_datasets(
            list(collections) or "*",
            name=list(dataset_types) or "*",
            where=where,
            find_first=find_first,
            order_by=order_by,
            limit=limit or None,
        )
        refs = list(dict.fromkeys(found))
        if not refs:
            nothing_found(f"No dataset of {','.join(dataset_types) or 'any type'} to transfer.")
        if dry_run:
            show(*dataset_rows(refs), format_)
            return
        done = target.transfer_from(
            butler,
            refs,
            transfer=transfer,  # type: ignore[arg-type]  # one of the choices
            register_dataset_types=register_dataset_types,
            transfer_dimensions=transfer_dimensions,
        )
    click.echo(f"Transferred {counted(len(done), 'dataset')} to {dest}.")
