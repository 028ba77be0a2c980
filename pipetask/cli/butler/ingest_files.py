"""``butler ingest-files``: take in the files that a table names."""

import sys
from collections.abc import Iterable

import click

from pipetask.cli.errors import EXIT_SOME_FAILED, nothing_found
from pipetask.cli.options import (
    WAYS_IN,
    RepositoryCommand,
    comma_separated,
    repository_argument,
    transfer_option,
)
from pipetask.counted import counted


@click.command("ingest-files", cls=RepositoryCommand, short_help="Take in the files that a table names.")
@repository_argument()
@click.argument("dataset_type")
@click.argument("run")
@click.argument("table_file", type=click.Path(exists=True, dir_okay=False))
@click.option("--formatter", metavar="NAME", help="What reads the files. [default: that of the dataset type]")
@click.option(
    "--id-generation-mode",
    type=click.Choice(["unique", "dataid_type", "dataid_type_run"], case_sensitive=False),
    default="unique",
    show_default=True,
    help="Whether ids are new, or follow from data ID and dataset type, or these and the run.",
)
@comma_separated("--data-id", metavar="KEY=VALUE", help="Values of the data ID that all files have.")
@click.option(
    "--prefix", default="", metavar="FOLDER", help="Where relative paths start. [default: current folder]"
)
@click.option(
    "--track-file-attrs/--no-track-file-attrs",
    default=True,
    help="Read files that stay where they are for their checksums.",
)
@transfer_option(
    *WAYS_IN,
    help_text="How files get in; 'direct' leaves them where they are, 'auto' makes a hard link, else a copy.",
)
@click.option("--continue-on-error", is_flag=True, help="Take in the others if a file fails.")
def command(
    repo: str | None,
    dataset_type: str,
    run: str,
    table_file: str,
    formatter: str | None,
    id_generation_mode: str,
    data_id: tuple[str, ...],
    prefix: str,
    track_file_attrs: bool,
    transfer: str,
    continue_on_error: bool,
) -> None:
    """Ingest the files that TABLE_FILE names as datasets of DATASET_TYPE into RUN.

    The first column of the table is the file, a path or URI, maybe with #hdu=N for one of several in it; the
    others are named after dimensions and hold the data ID. Any format that astropy reads will do.
    """
    from pipetask.butler import Butler
    from pipetask.butler.file_table import ingest_table, read_file_table

    rows = read_file_table(table_file)
    if not rows:
        nothing_found(f"{table_file} has no rows.")
    with Butler.from_config(repo, writeable=True) as butler:
        report = ingest_table(
            butler,
            dataset_type,
            run,
            rows,
            data_id=_pairs(data_id),
            prefix=prefix,
            formatter=formatter,
            id_mode=id_generation_mode,  # type: ignore[arg-type]  # one of the choices
            transfer=transfer,  # type: ignore[arg-type]  # the same
            checksums=track_file_attrs,
            continue_on_error=continue_on_error,
        )
    for failure in report.failures:
        click.echo(f"{failure.path}: {failure.reason}", err=True)
    known = f"; {report.n_known} were there already" if report.n_known else ""
    failed = f"; {counted(len(report.failures), 'file')} failed" if report.failures else ""
    click.echo(f"Ingested {counted(len(report.refs), 'dataset')} of {dataset_type}{known}{failed}.")
    if report.failures:
        sys.exit(EXIT_SOME_FAILED)


def _pairs(values: Iterable[str]) -> dict[str, str]:
    pairs = {}
    for text in values:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise click.BadParameter(f"{text!r} is not KEY=VALUE.", param_hint="--data-id")
        pairs[key.strip()] = value.strip()
    return pairs
