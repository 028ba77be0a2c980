"""``butler query-data-ids``: list data IDs."""

import click

from pipetask.cli.options import (
    RepositoryCommand,
    limit_option,
    order_by_option,
    repository_argument,
    where_option,
)
from pipetask.cli.show import format_option, show


@click.command("query-data-ids", cls=RepositoryCommand, short_help="List data IDs.")
@repository_argument()
@click.argument("dimensions", nargs=-1)
@where_option()
@order_by_option()
@limit_option()
@format_option()
def command(
    repo: str | None,
    dimensions: tuple[str, ...],
    where: str,
    order_by: tuple[str, ...],
    limit: int,
    format_: str,
) -> None:
    """List the data IDs of DIMENSIONS, as in: butler query-data-ids visit detector."""
    from pipetask.butler import Butler
    from pipetask.cli.errors import nothing_found

    if not dimensions:
        raise click.UsageError("Name at least one dimension, as in: butler query-data-ids visit detector")
    names = [part for name in dimensions for part in name.split(",")]
    with Butler.from_config(repo) as butler:
        found = butler.query_data_ids(
            names,
            where=where,
            order_by=order_by,
            limit=limit or None,
            explain=False,
        )
    if not found:
        nothing_found(f"No data ID of {', '.join(names)}{f' where {where}' if where else ''}.")
    columns = list(found[0].dimensions.names)
    show(columns, ([data_id.get(name) for name in columns] for data_id in found), format_)
