"""``butler query-dimension-records``: list what is known of a dimension's values."""

from typing import Any

import click

from pipetask.cli.options import (
    RepositoryCommand,
    limit_option,
    order_by_option,
    repository_argument,
    where_option,
)
from pipetask.cli.show import format_option, show


@click.command("query-dimension-records", cls=RepositoryCommand, short_help="List records of a dimension.")
@repository_argument()
@click.argument("element")
@where_option()
@order_by_option()
@limit_option()
@format_option()
def command(
    repo: str | None, element: str, where: str, order_by: tuple[str, ...], limit: int, format_: str
) -> None:
    """List the records of a dimension ELEMENT, as in: butler query-dimension-records detector.

    Times are TAI.
    """
    from pipetask.butler import Butler
    from pipetask.cli.errors import nothing_found
    from pipetask.errors import EmptyQueryResultError

    with Butler.from_config(repo) as butler:
        try:
            records = butler.query_dimension_records(
                element, where=where, order_by=order_by, limit=limit or None
            )
        except EmptyQueryResultError as error:
            nothing_found(str(error))
        columns = [column for column in butler.dimensions[element].columns if column.type != "region"]
    rows = ([_cell(getattr(record, column.name), column.type) for column in columns] for record in records)
    show([column.name for column in columns], rows, format_)


def _cell(value: Any, type_: str) -> Any:
    """Show times as people read them (TAI); the rest as it is."""
    from pipetask.butler import iso_tai

    return iso_tai(value) if type_ == "time_ns" and value is not None else value
