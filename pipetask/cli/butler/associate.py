"""``butler associate``: put datasets into a tagged collection."""

import click

from pipetask.cli.options import (
    RepositoryCommand,
    collections_option,
    comma_separated,
    limit_option,
    repository_argument,
    where_option,
)
from pipetask.counted import counted


@click.command("associate", cls=RepositoryCommand, short_help="Put datasets into a tagged collection.")
@repository_argument()
@click.argument("collection")
@comma_separated(
    *("-d", "--dataset-type", "dataset_types"), metavar="GLOB", help="Dataset types. [default: all]"
)
@collections_option("Collections to search, in this order, separated by commas. [default: all]")
@where_option()
@click.option(
    "--find-first/--no-find-first", help="Of equal data IDs, only the one found first in --collections."
)
@limit_option()
def command(
    repo: str | None,
    collection: str,
    dataset_types: tuple[str, ...],
    collections: tuple[str, ...],
    where: str,
    find_first: bool,
    limit: int,
) -> None:
    """Put existing datasets into the TAGGED collection COLLECTION, which is made if it does not exist."""
    from pipetask.butler import Butler
    from pipetask.cli.errors import nothing_found

    if find_first and not collections:
        raise click.UsageError(
            "--find-first needs --collections: it is their order that says which is first."
        )
    with Butler.from_config(repo, writeable=True) as butler:
        refs = butler.query_all_datasets(
            list(collections) or butler.collections.query(collection_types=["RUN"]),
            name=list(dataset_types) or "*",
            find_first=find_first,
            where=where,
            limit=limit or None,
        )
        if not refs:
            nothing_found(f"No dataset of {','.join(dataset_types) or 'any type'} to put into {collection}.")
        with butler.transaction():
            butler.collections.register(collection, "TAGGED")
            butler.collections.associate(collection, refs)
    click.echo(f"Put {counted(len(refs), 'dataset')} into {collection}.")
