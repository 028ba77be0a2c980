"""``butler ingest-zip``: take in an archive of datasets."""

import click

from pipetask.cli.options import RepositoryCommand, repository_argument, transfer_option
from pipetask.cli.show import dataset_rows, format_option, show
from pipetask.counted import counted


@click.command("ingest-zip", cls=RepositoryCommand, short_help="Take in an archive of datasets.")
@repository_argument()
@click.argument("zip_file", metavar="ZIP", type=click.Path(exists=True, dir_okay=False))
@transfer_option(
    "auto",
    "copy",
    "move",
    "hardlink",
    "symlink",
    "direct",
    help_text="How the file gets in; 'direct' leaves it where it is, 'auto' makes a hard link, else a copy.",
)
@click.option("--dry-run/--no-dry-run", help="Show what would be taken in, and do nothing.")
@format_option()
def command(repo: str | None, zip_file: str, transfer: str, dry_run: bool, format_: str) -> None:
    """Ingest the datasets in ZIP, which `butler retrieve-artifacts --zip` made; it stays one file.

    Dimension records must be there; dataset types and runs are registered.
    """
    from pipetask.butler import Butler
    from pipetask.butler.archive import ingest_archive

    with Butler.from_config(repo, writeable=True) as butler:
        refs = ingest_archive(
            butler,
            zip_file,
            transfer=transfer,  # type: ignore[arg-type]  # one of the choices
            dry_run=dry_run,
        )
    if dry_run:
        show(*dataset_rows(refs), format_)
        return
    click.echo(f"Ingested {counted(len(refs), 'dataset')} of {zip_file}.")
