"""``butler query-data-ids``: list data IDs."""

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


@click.command("query-data-ids", cls=RepositoryCommand, short_help="List data IDs.")
@repository_argument()
@click.argument("dimensions", nargs=-1)
@comma_separated(
    "--datasets",
    metavar="TYPE",
    help="Only data IDs that datasets of this type exist for; may be repeated.",
)
@collections_option("Where --datasets are searched for, separated by commas. [default: all]")
@where_option()
@order_by_option()
@limit_option()
@offset_option()
@format_option()
def command(
    repo: str | None,
    dimensions: tuple[str, ...],
    datasets: tuple[str, ...],
    collections: tuple[str, ...],
    where: str,
    order_by: tuple[str, ...],
    limit: int,
    offset: int,
    format_: str,
) -> None:
    """List the data IDs of DIMENSIONS, as in: butler query-data-ids visit detector.

    With --datasets, DIMENSIONS may be left out: they are those of the datasets.
    """
    from pipetask.butler import Butler
    from pipetask.cli.errors import nothing_found

    if not dimensions and not datasets:
        raise click.UsageError("Name at least one dimension, as in: butler query-data-ids visit detector")
    if collections and not datasets:
        raise click.UsageError("--collections says where to search for --datasets, and there are none.")
    names = [part for name in dimensions for part in name.split(",")]
    with Butler.from_config(repo) as butler, butler.query() as query:
        for name in datasets:
            query = query.join_dataset_search(name, collections or "*")
        found = query.data_ids(names or None).where(where).order_by(*order_by)
        columns = found.dimensions.names
        rows = [[data_id[name] for name in columns] for data_id in page(found, limit, offset, "data IDs")]
        if not rows:
            nothing_found(
                " ".join(found.explain_no_results()) or f"There are no more than {offset} data IDs."
            )
    show(columns, rows, format_)
