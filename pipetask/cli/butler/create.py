"""``butler create``: make an empty repository."""

import click

from pipetask.cli.main import Command


@click.command("create", cls=Command, short_help="Make an empty repository.")
@click.argument("repo", type=click.Path())
@click.option(
    "--universe",
    type=click.Path(exists=True, dir_okay=False),
    help="YAML file with a dimension universe of your own. [default: the built-in one]",
)
def command(repo: str, universe: str | None) -> None:
    """Make an empty repository in the folder REPO, with an SQLite registry."""
    from pathlib import Path

    from pipetask.butler import Butler, DimensionUniverse

    definition = DimensionUniverse.from_yaml(Path(universe).read_text("utf-8")) if universe else None
    with Butler.makeRepo(repo, universe=definition):
        pass
    click.echo(f"Created repository {repo}.")
