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
@click.option(
    "--registry-db",
    metavar="URL",
    help="Database of the registry, as in postgresql+psycopg://user@host/database; the password comes from "
    "$PGPASSWORD or the file that $PGPASSFILE names. [default: an SQLite file in the folder]",
)
@click.option(
    "--schema",
    metavar="NAME",
    help="Schema of the PostgreSQL database that holds the registry; made if it is missing.",
)
def command(repo: str, universe: str | None, registry_db: str | None, schema: str | None) -> None:
    """Make an empty repository in the folder REPO."""
    from pipetask.butler import Butler, DimensionUniverse

    definition = DimensionUniverse.from_file(universe) if universe else None
    with Butler.makeRepo(repo, universe=definition, registry_db=registry_db, schema=schema):
        pass
    click.echo(f"Created repository {repo}.")
