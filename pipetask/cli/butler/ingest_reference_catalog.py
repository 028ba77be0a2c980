"""``butler ingest-reference-catalog``: take a table of reference stars in, divided by sky pixels."""

import click

from pipetask.cli.options import RepositoryCommand, repository_argument
from pipetask.counted import counted


@click.command(
    "ingest-reference-catalog", cls=RepositoryCommand, short_help="Take a table of reference stars in."
)
@repository_argument()
@click.argument("dataset_type")
@click.argument("table")
@click.option(
    "--column",
    "columns",
    metavar="OLD=NEW",
    multiple=True,
    help="Rename a column; wanted are ra, dec [deg] and mag_<band>. May be repeated.",
)
@click.option(
    "--table-format", metavar="NAME", help="Format of the file, as astropy names it. [default: guessed]"
)
def command(
    repo: str | None, dataset_type: str, table: str, columns: tuple[str, ...], table_format: str | None
) -> None:
    """Divide TABLE by triangles of the sky (htm7) and store each part as a dataset of DATASET_TYPE."""
    from pipetask.butler import Butler
    from pipetask.observation.reference_catalog import ingest_reference_catalog

    renamed = dict(pair.partition("=")[::2] for pair in columns)
    for old, new in renamed.items():
        if not (old and new):
            raise click.UsageError(f"--column takes OLD=NEW, not {old!r}.")
    with Butler.from_config(repo, writeable=True) as butler:
        report = ingest_reference_catalog(butler, table, dataset_type, columns=renamed, format=table_format)
    click.echo(
        f"Stored {counted(report.sources, 'source')} in {counted(report.shards, 'dataset')} of "
        f"{dataset_type} in {report.run}."
    )
