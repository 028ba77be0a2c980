"""``butler query-dimension-records``: list what is known of a dimension's values."""

from typing import Any

import click

from pipetask.cli.options import (
    RepositoryCommand,
    collections_option,
    comma_separated,
    limit_option,
    offset_option,
    order_by_option,
    page,
    repository_argument,
    where_option,
)
from pipetask.cli.show import format_option, show


@click.command("query-dimension-records", cls=RepositoryCommand, short_help="List records of a dimension.")
@repository_argument()
@click.argument("element")
@comma_separated(
    "--datasets",
    metavar="TYPE",
    help="Only records of data IDs that datasets of this type exist for; may be repeated.",
)
@collections_option("Where --datasets are searched for, separated by commas. [default: all]")
@where_option()
@order_by_option()
@limit_option()
@offset_option()
@click.option(
    "--no-check",
    is_flag=True,
    help="Let --where name instruments and sky maps that are not there: then nothing is found.",
)
@format_option()
def command(
    repo: str | None,
    element: str,
    datasets: tuple[str, ...],
    collections: tuple[str, ...],
    where: str,
    order_by: tuple[str, ...],
    limit: int,
    offset: int,
    no_check: bool,
    format_: str,
) -> None:
    """List the records of a dimension ELEMENT, as in: butler query-dimension-records detector.

    Times are TAI.
    """
    from pipetask.butler import Butler
    from pipetask.cli.errors import nothing_found

    if collections and not datasets:
        raise click.UsageError("--collections says where to search for --datasets, and there are none.")
    with Butler.from_config(repo) as butler, butler.query(check_values=not no_check) as query:
        for name in datasets:
            query = query.join_dataset_search(name, collections or "*")
        found = query.dimension_records(element).where(where).order_by(*order_by)
        records = page(found, limit, offset, "records")
        if not records:
            nothing_found(" ".join(found.explain_no_results()) or f"There are no more than {offset} records.")
        columns = [column for column in butler.dimensions[element].columns if column.type != "region"]
    rows = ([_cell(getattr(record, column.name), column.type) for column in columns] for record in records)
    show([column.name for column in columns], rows, format_)


def _cell(value: Any, type_: str) -> Any:
    """Show times as people read them (TAI); the rest as it is."""
    from pipetask.butler import iso_tai

    return iso_tai(value) if type_ == "time_ns" and value is not None else value
