"""``butler ingest-calibrations``: take bias, flat and other calibration files in."""

import sys

import click

from pipetask.cli.errors import EXIT_SOME_FAILED, nothing_found
from pipetask.cli.options import (
    WAYS_IN_OF_CAMERA_FILES,
    RepositoryCommand,
    comma_separated,
    repository_argument,
    transfer_option,
)
from pipetask.counted import counted


@click.command("ingest-calibrations", cls=RepositoryCommand, short_help="Take calibration files in.")
@repository_argument()
@click.argument("dataset_type")
@click.argument("locations", nargs=-1, required=True)
@click.option("--instrument", required=True, help="The instrument that they are for.")
@click.option(
    "--output-run", metavar="RUN", help="Run to put them in. [default: INSTRUMENT/calib/DATASET_TYPE]"
)
@comma_separated(
    "--dimensions", metavar="DIMENSION", help="What each file is for. [default: instrument,detector]"
)
@transfer_option(*WAYS_IN_OF_CAMERA_FILES, help_text="How files get in; 'direct' leaves them where they are.")
def command(
    repo: str | None,
    dataset_type: str,
    locations: tuple[str, ...],
    instrument: str,
    output_run: str | None,
    dimensions: tuple[str, ...],
    transfer: str,
) -> None:
    """Ingest the files at LOCATIONS as calibrations of DATASET_TYPE; their headers say what they are for."""
    from pipetask.butler import Butler
    from pipetask.observation.calibrations import ingest_calibrations

    with Butler.from_config(repo, writeable=True) as butler:
        report = ingest_calibrations(
            butler,
            locations,
            dataset_type,
            instrument=instrument,
            run=output_run,
            dimensions=dimensions or ("instrument", "detector"),
            transfer=transfer,
        )
    for failure in report.failures:
        click.echo(f"{failure.path}: {failure.reason}", err=True)
    if not (report.refs or report.failures):
        nothing_found(f"No image file in {', '.join(locations)}.")
    click.echo(f"{counted(len(report.refs), 'dataset')} of {dataset_type} in {report.run}.")
    if report.failures:
        sys.exit(EXIT_SOME_FAILED)
