"""``butler remove-dataset-type``: forget dataset types that are not used."""

import click

from pipetask.cli.options import RepositoryCommand, repository_argument


@click.command(
    "remove-dataset-type", cls=RepositoryCommand, short_help="Forget dataset types without datasets."
)
@repository_argument()
@click.argument("dataset_type", nargs=-1, required=True)
def command(repo: str | None, dataset_type: tuple[str, ...]) -> None:
    """Remove dataset types by name or GLOB; all of them or, if one has datasets, none."""
    from pipetask.butler import Butler
    from pipetask.cli.errors import nothing_found

    with Butler.from_config(repo, writeable=True) as butler:
        found = butler.registry.query_dataset_types(dataset_type)
        if not found:
            nothing_found(f"No dataset type matches {' '.join(dataset_type)}.")
        with butler.transaction():
            for each in found:
                butler.composites.remove(each.name)
    click.echo(f"Removed {', '.join(each.name for each in found)}.")
