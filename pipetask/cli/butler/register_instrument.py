"""``butler register-instrument``: make a camera known to a repository."""

import click

from pipetask.cli.options import RepositoryCommand, repository_argument


@click.command("register-instrument", cls=RepositoryCommand, short_help="Make a camera known.")
@repository_argument()
@click.argument("instrument")
def command(repo: str | None, instrument: str) -> None:
    """Register an INSTRUMENT: the YAML file that describes a camera, or the dotted name of a Python class."""
    from pipetask.butler import Butler
    from pipetask.observation.register_instrument import register_instrument

    with Butler.from_config(repo, writeable=True) as butler:
        registered = register_instrument(butler, instrument)
    click.echo(f"Registered instrument {registered.name}.")
