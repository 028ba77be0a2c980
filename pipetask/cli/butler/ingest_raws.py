"""``butler ingest-raws``: take camera files into a repository."""

import sys

import click

from pipetask.cli.errors import EXIT_SOME_FAILED
from pipetask.cli.options import (
    WAYS_IN_OF_CAMERA_FILES,
    RepositoryCommand,
    processes_option,
    repository_argument,
    transfer_option,
)
from pipetask.counted import counted


@click.command("ingest-raws", cls=RepositoryCommand, short_help="Take camera files in.")
@repository_argument()
@click.argument("locations", nargs=-1, required=True)
@transfer_option(*WAYS_IN_OF_CAMERA_FILES, help_text="How files get in; 'direct' leaves them where they are.")
@click.option("--instrument", help="Only this instrument. [default: whichever understands the header]")
@processes_option()
def command(
    repo: str | None, locations: tuple[str, ...], transfer: str, instrument: str | None, processes: int
) -> None:
    """Ingest the image files at LOCATIONS, which are files or folders.

    Ingesting again changes nothing, except that it brings back files which are gone.
    """
    from pipetask.butler import Butler
    from pipetask.observation.ingest_raws import ingest_raws

    with Butler.from_config(repo, writeable=True) as butler:
        report = ingest_raws(butler, locations, instrument=instrument, transfer=transfer, processes=processes)
    for failure in report.failures:
        click.echo(f"{failure.path}: {failure.reason}", err=True)
    click.echo(
        f"Ingested {counted(report.ingested, 'image')} of {counted(len(report.exposures), 'exposure')}"
        + (f"; {report.known} were there already" if report.known else "")
        + (f"; {counted(len(report.failures), 'file')} failed" if report.failures else "")
        + "."
    )
    if report.failures:
        sys.exit(EXIT_SOME_FAILED)
