"""``butler alias``: second names of dataset types."""

import click

from pipetask.cli.options import RepositoryCommand, repository_argument
from pipetask.cli.show import format_option, show


@click.command("alias", cls=RepositoryCommand, short_help="Give dataset types second names, or list these.")
@repository_argument()
@click.argument("name", required=False)
@click.argument("target", required=False)
@click.option("--remove", is_flag=True, help="Forget the alias NAME.")
@format_option()
def command(repo: str | None, name: str | None, target: str | None, remove: bool, format_: str) -> None:
    """Make NAME stand for the dataset type TARGET, wherever one is named; list all aliases without NAME."""
    from pipetask.butler import Butler
    from pipetask.cli.errors import nothing_found

    if (remove and (not name or target)) or (name and not remove and not target):
        raise click.UsageError("Give NAME and TARGET, NAME and --remove, or nothing.")
    with Butler.from_config(repo, writeable=name is not None) as butler:
        if name is None:
            rows = list(butler.registry.dataset_type_aliases().items())
            if not rows:
                nothing_found("No dataset type has an alias.")
            show(["alias", "dataset_type"], rows, format_)
        elif remove:
            butler.registry.remove_dataset_type_alias(name)
            click.echo(f"{name} is no alias any more.")
        else:
            butler.registry.set_dataset_type_alias(name, str(target))
            click.echo(f"{name} stands for {target}.")
