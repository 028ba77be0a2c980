"""``butler import``: take in what an export holds."""

import click

from pipetask.cli.options import (
    WAYS_IN,
    RepositoryCommand,
    comma_separated,
    repository_argument,
    transfer_option,
)
from pipetask.counted import counted


@click.command("import", cls=RepositoryCommand, short_help="Take in what an export holds.")
@repository_argument()
@click.argument("directory", type=click.Path(exists=True, file_okay=False))
@click.option(
    "--export-file",
    default="export.yaml",
    show_default=True,
    help="The file that says all, in DIRECTORY or here.",
)
@transfer_option(*WAYS_IN)
@comma_separated(
    *("-s", "--skip-dimensions"), metavar="ELEMENT", help="Dimensions whose records are left out."
)
@click.option(
    "--track-file-attrs/--no-track-file-attrs",
    default=True,
    help="Read files that stay where they are for their checksums.",
)
def command(
    repo: str | None,
    directory: str,
    export_file: str,
    transfer: str,
    skip_dimensions: tuple[str, ...],
    track_file_attrs: bool,
) -> None:
    """Import the records, collections and datasets of an export in DIRECTORY, made here or by the reference.

    What is in the repository already stays; importing again changes nothing.
    """
    from pipetask.butler import Butler

    with Butler.from_config(repo, writeable=True) as butler:
        done = butler.import_(
            directory=directory,
            filename=export_file,
            transfer=transfer,  # type: ignore[arg-type]  # one of the choices
            skip_dimensions=skip_dimensions,
            track_file_attrs=track_file_attrs,
        )
    click.echo(
        f"Imported {counted(done.datasets, 'dataset')} ({done.known_datasets} were here already), "
        f"{counted(done.records, 'dimension record')}, {counted(done.collections, 'collection')} and "
        f"{counted(done.dataset_types, 'dataset type')}."
    )
