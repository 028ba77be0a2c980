"""``butler config-dump``: show the configuration of a repository."""

import click

from pipetask.cli.options import RepositoryCommand, repository_argument


@click.command("config-dump", cls=RepositoryCommand, short_help="Show the configuration of a repository.")
@repository_argument()
@click.option("-s", "--subset", default="", metavar="KEY", help="Only this part, as in datastore.formatters.")
@click.option("--file", "file", type=click.Path(dir_okay=False), help="Write it to this file.")
def command(repo: str | None, subset: str, file: str | None) -> None:
    """Show the configuration of a repository, as YAML, with absolute paths."""
    from pathlib import Path

    import yaml

    from pipetask.butler.repository import config_of, find_repository

    found = config_of(find_repository(repo), subset)
    text = yaml.safe_dump(found, sort_keys=False, allow_unicode=True)
    if file:
        Path(file).write_text(text, encoding="utf-8")
    else:
        click.echo(text, nl=False)
