"""``butler config-dump``: show the configuration of a repository."""

import click

from pipetask.cli.options import RepositoryCommand, comma_separated, repository_argument


@click.command("config-dump", cls=RepositoryCommand, short_help="Show the configuration of a repository.")
@repository_argument()
@click.option("-s", "--subset", default="", metavar="KEY", help="Only this part, as in datastore.formatters.")
@comma_separated(
    *("-p", "--searchpath", "search_path"),
    metavar="FOLDER",
    help="Show it over the settings in datastore.yaml of this folder, as if it were the first one in "
    "$BUTLER_CONFIG_PATH; may be repeated.",
)
@click.option(
    "--file", "file", type=click.Path(dir_okay=False, allow_dash=True), help="Write it to this file."
)
def command(repo: str | None, subset: str, search_path: tuple[str, ...], file: str | None) -> None:
    """Show the configuration of a repository, as YAML, with absolute paths."""
    from pathlib import Path

    import yaml

    from pipetask.butler.repository import config_of, find_repository

    found = config_of(find_repository(repo, search_path=search_path), subset)
    text = yaml.safe_dump(found, sort_keys=False, allow_unicode=True)
    if file and file != "-":
        Path(file).write_text(text, encoding="utf-8")
    else:
        click.echo(text, nl=False)
