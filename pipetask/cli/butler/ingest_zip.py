"""``butler ingest-zip``: take in an archive of datasets."""

import click

from pipetask.cli.options import WAYS_IN, RepositoryCommand, repository_argument, transfer_option
from pipetask.cli.show import dataset_rows, format_option, show
from pipetask.counted import counted


@click.command("ingest-zip", cls=RepositoryCommand, short_help="Take in an archive of datasets.")
@repository_argument()
@click.argument("zip_file", metavar="ZIP", type=click.Path(exists=True, dir_okay=False))
@transfer_option(
    *WAYS_IN,
    help_text="How the file gets in; 'direct' leaves it where it is, 'auto' makes a hard link, else a copy.",
)
@click.option(
    "--transfer-dimensions/--no-transfer-dimensions",
    help="Take in the dimension records that are missing here; else that is an error.",
)
@click.option("--dry-run/--no-dry-run", help="Show what would be taken in, and do nothing.")
@format_option()
def command(
    repo: str | None, zip_file: str, transfer: str, transfer_dimensions: bool, dry_run: bool, format_: str
) -> None:
    """Ingest the datasets in ZIP, which `butler retrieve-artifacts --zip` made; it stays one file.

    Dataset types and runs are registered; dimension records must be there, or are taken in on request.
    """
    from pipetask.butler import Butler
    from pipetask.butler.archive import ingest_archive

    with Butler.from_config(repo, writeable=True) as butler:
        refs = ingest_archive(
            butler,
            zip_file,
            transfer=transfer,  # type: ignore[arg-type]  # one of the choices
            transfer_dimensions=transfer_dimensions,
            dry_run=dry_run,
        )
    if dry_run:
        show(*dataset_rows(refs), format_)
        return
    click.echo(f"Ingested {counted(len(refs), 'dataset')} of {zip_file}.")
