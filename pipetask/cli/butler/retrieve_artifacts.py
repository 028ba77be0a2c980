"""``butler retrieve-artifacts``: copy or link the files of datasets to a folder."""

import click

from pipetask.cli.dataset_selection import DatasetSelection, dataset_selection
from pipetask.cli.options import (
    LINKS_AND_COPIES,
    RepositoryCommand,
    repository_argument,
    transfer_option,
)
from pipetask.counted import counted


@click.command(
    "retrieve-artifacts", cls=RepositoryCommand, short_help="Copy or link files of datasets to a folder."
)
@repository_argument()
@click.argument("destination")
@dataset_selection()
@transfer_option(
    *LINKS_AND_COPIES,
    help_text="How files get there; 'auto' makes a hard link where possible, else a copy.",
)
@click.option("--preserve-path/--no-preserve-path", default=True, help="Keep the paths that files have here.")
@click.option("--clobber/--no-clobber", help="Replace files that are there.")
@click.option(
    "--zip/--no-zip", "as_zip", help="Put all into one new zip file there, which butler ingest-zip takes in."
)
def command(
    repo: str | None,
    destination: str,
    selection: DatasetSelection,
    transfer: str,
    preserve_path: bool,
    clobber: bool,
    as_zip: bool,
) -> None:
    """Bring the files of datasets to the folder DESTINATION, and list where they are."""
    from pipetask.butler import Butler
    from pipetask.butler.archive import write_archive
    from pipetask.butler.retrieve import retrieve_artifacts

    with Butler.from_config(repo) as butler:
        refs = selection.find(butler, "to retrieve")
        if as_zip:
            paths = [write_archive(butler, refs, destination)]
        else:
            paths = retrieve_artifacts(
                butler,
                refs,
                destination,
                transfer=transfer,  # type: ignore[arg-type]  # one of the choices
                preserve_path=preserve_path,
                clobber=clobber,
            )
    for path in paths:
        click.echo(path)
    click.echo(f"Retrieved {counted(len(refs), 'dataset')} in {counted(len(paths), 'file')}.", err=True)
