"""``butler associate``: put datasets into a tagged collection."""

import click

from pipetask.cli.dataset_selection import DatasetSelection, dataset_selection
from pipetask.cli.options import (
    RepositoryCommand,
    repository_argument,
)
from pipetask.counted import counted


@click.command("associate", cls=RepositoryCommand, short_help="Put datasets into a tagged collection.")
@repository_argument()
@click.argument("collection")
@dataset_selection()
def command(
    repo: str | None,
    collection: str,
    selection: DatasetSelection,
) -> None:
    """Put existing datasets into the TAGGED collection COLLECTION, which is made if it does not exist."""
    from pipetask.butler import Butler

    with Butler.from_config(repo, writeable=True) as butler:
        runs = butler.collections.query(collection_types=["RUN"])
        refs = selection.find(butler, f"to put into {collection}", elsewhere=runs)
        with butler.transaction():
            butler.collections.register(collection, "TAGGED")
            butler.collections.associate(collection, refs)
    click.echo(f"Put {counted(len(refs), 'dataset')} into {collection}.")
