"""``butler register-composite``: make dataset types known that are assembled from parts."""

import click

from pipetask.cli.options import RepositoryCommand, repository_argument


@click.command(
    "register-composite", cls=RepositoryCommand, short_help="Make dataset types that are made of parts known."
)
@repository_argument()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
def command(repo: str | None, file: str) -> None:
    """Register the composites that FILE, in YAML, defines."""
    from pipetask.butler import Butler

    with Butler.from_config(repo, writeable=True) as butler:
        new = butler.composites.register_file(file)
    click.echo(
        f"Registered {', '.join(new)}." if new else f"All composites of {file} are registered already."
    )
