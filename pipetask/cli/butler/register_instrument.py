"""``butler register-instrument``: make a camera known to a repository."""

import click

from pipetask.cli.options import RepositoryCommand, repository_argument


@click.command("register-instrument", cls=RepositoryCommand, short_help="Make a camera known.")
@repository_argument()
@click.argument("instrument", nargs=-1, required=True)
@click.option(
    "--update/--no-update",
    default=True,
    show_default=True,
    help="Change what is registered already, or refuse that.",
)
def command(repo: str | None, instrument: tuple[str, ...], update: bool) -> None:
    """Register each INSTRUMENT: a YAML file that describes a camera, or the dotted name of a Python class."""
    from pipetask.butler import Butler
    from pipetask.observation.register_instrument import register_instrument

    with Butler.from_config(repo, writeable=True) as butler:
        for each in instrument:
            registered = register_instrument(butler, each, update=update)
            click.echo(f"Registered instrument {registered.name}.")
