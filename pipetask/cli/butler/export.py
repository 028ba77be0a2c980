"""``butler export``: write datasets, with all that they need elsewhere, to a folder."""

from typing import Any

import click

from pipetask.cli.options import (
    RepositoryCommand,
    collections_option,
    comma_separated,
    repository_argument,
    transfer_option,
    where_option,
)
from pipetask.counted import counted


@click.command("export", cls=RepositoryCommand, short_help="Write datasets and what they need to a folder.")
@repository_argument()
@click.argument("directory", type=click.Path(file_okay=False))
@comma_separated(
    *("-d", "--dataset-type", "dataset_types"), metavar="GLOB", help="Dataset types. [default: all]"
)
@collections_option("Collections whose datasets are exported, and they themselves. [default: all]")
@where_option()
@click.option("--find-first", is_flag=True, help="Of equal data IDs, only the one found first.")
@transfer_option(
    "copy",
    "auto",
    "hardlink",
    "symlink",
    "direct",
    help_text="How files get into DIRECTORY; 'direct' leaves them where they are and says so.",
)
@click.option(
    "--export-file", default="export.yaml", show_default=True, help="Name of the file that says all."
)
@click.option("--all-records", is_flag=True, help="All dimension records, not only those of the datasets.")
def command(repo: str | None, directory: str, **options: Any) -> None:
    """Export datasets with their files, dimension records and collections to DIRECTORY.

    The format is that of the reference, which imports it: butler import REPO DIRECTORY.
    """
    from pipetask.butler import Butler
    from pipetask.butler.interchange.selection import export_selection
    from pipetask.cli.errors import nothing_found

    with Butler.from_config(repo) as butler:
        n_datasets, n_collections = export_selection(butler, directory, **options)
    if not n_datasets and options["where"]:
        nothing_found("No dataset matches: nothing is exported.")
    found = f"{counted(n_datasets, 'dataset')} and {counted(n_collections, 'collection')}"
    click.echo(f"Exported {found} to {directory}.")
