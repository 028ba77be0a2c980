"""``butler register-instrument``: make a camera known to a repository."""

import click

from pipetask.cli.options import RepositoryCommand, repository_argument


@click.command("register-instrument", cls=RepositoryCommand, short_help="Make a camera known.")
@repository_argument()
@click.argument("instrument", nargs=-1, required=True)
def command(repo: str | None, instrument: tuple[str, ...]) -> None:
    """Register each INSTRUMENT: the YAML file that describes a camera, or the dotted name of a Python class.

    What is registered already is brought up to date.
    """
    from pipetask.butler import Butler
    from pipetask.observation.register_instrument import register_instrument

    with Butler.from_config(repo, writeable=True) as butler:
        for each in instrument:
            registered = register_instrument(butler, each)
            click.echo(f"Registered instrument {registered.name}.")
