"""``butler certify-calibrations``: say for which time calibrations are valid."""

import click

from pipetask.cli.options import RepositoryCommand, repository_argument
from pipetask.counted import counted


@click.command("certify-calibrations", cls=RepositoryCommand, short_help="Say when calibrations are valid.")
@repository_argument()
@click.argument("run")
@click.argument("collection")
@click.argument("dataset_type")
@click.option(
    "--begin-date", metavar="UTC", help="First moment, as in 2026-01-10T03:00:00. [default: always]"
)
@click.option("--end-date", metavar="UTC", help="Moment from which on they are not. [default: for ever]")
@click.option(
    "--search-all-inputs",
    is_flag=True,
    help="If RUN is a chain, take what any of its collections has, not the first one alone.",
)
def command(
    repo: str | None,
    run: str,
    collection: str,
    dataset_type: str,
    begin_date: str | None,
    end_date: str | None,
    search_all_inputs: bool,
) -> None:
    """Certify the datasets of DATASET_TYPE in RUN in the calibration COLLECTION, as in INSTRUMENT/calib.

    Of a chain, as an output collection is one, these are the datasets of its newest run: the collection that
    it has first.
    """
    from pipetask.butler import Butler
    from pipetask.observation.calibrations import certify_calibrations

    with Butler.from_config(repo, writeable=True) as butler:
        count = certify_calibrations(
            butler,
            run,
            collection,
            dataset_type,
            begin=begin_date,
            end=end_date,
            search_all_inputs=search_all_inputs,
        )
    click.echo(f"Certified {counted(count, 'dataset')} of {dataset_type} in {collection}.")
