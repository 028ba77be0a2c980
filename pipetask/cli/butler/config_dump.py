"""``butler config-dump``: show the configuration of a repository."""

from typing import TextIO

import click

from pipetask.cli.options import RepositoryCommand, repository_argument


@click.command("config-dump", cls=RepositoryCommand, short_help="Show the configuration of a repository.")
@repository_argument()
@click.option("-s", "--subset", default="", metavar="KEY", help="Only this part, as in datastore.formatters.")
@click.option("--file", "stream", type=click.File("w"), default="-", help="Write it to this file.")
def command(repo: str | None, subset: str, stream: TextIO) -> None:
    """Show the configuration of a repository, as YAML, with absolute paths."""
    import yaml

    from pipetask.butler.repository import config_of, find_repository

    yaml.safe_dump(config_of(find_repository(repo), subset), stream, sort_keys=False, allow_unicode=True)
