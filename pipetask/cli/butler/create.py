"""``butler create``: make an empty repository."""

import click

from pipetask.cli.main import Command


@click.command("create", cls=Command, short_help="Make an empty repository.")
@click.argument("repo", type=click.Path())
@click.option(
    *("--universe", "--dimension-config", "universe"),
    type=click.Path(exists=True, dir_okay=False),
    help="YAML file with a dimension universe of your own, also in the reference's form. "
    "[default: the built-in one]",
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
@click.option(
    "--seed-config",
    type=click.Path(exists=True, dir_okay=False),
    help="YAML file in the form of butler.yaml, whose settings the repository gets; without its database and "
    "stores, which are another repository's.",
)
@click.option("--override", is_flag=True, help="Take the database and the stores of --seed-config, too.")
@click.option(
    "--standalone",
    is_flag=True,
    help="Write the built-in storage classes and file name templates into butler.yaml: later versions of the "
    "program do not change them.",
)
@click.option(
    *("-f", "--outfile"),
    type=click.Path(dir_okay=False),
    help="Write the configuration to this file instead, which then stands for the repository in commands.",
)
def command(
    repo: str,
    universe: str | None,
    registry_db: str | None,
    schema: str | None,
    seed_config: str | None,
    override: bool,
    standalone: bool,
    outfile: str | None,
) -> None:
    """Make an empty repository in the folder REPO."""
    from pipetask.butler import Butler, DimensionUniverse

    if override and seed_config is None:
        raise click.UsageError("--override is about what --seed-config FILE says; name that file.")
    with Butler.makeRepo(
        repo,
        universe=DimensionUniverse.from_file(universe) if universe else None,
        registry_db=registry_db,
        schema=schema,
        seed_config=seed_config,
        override=override,
        standalone=standalone,
        outfile=outfile,
    ):
        pass
    click.echo(f"Created repository {repo}{f', named by {outfile}' if outfile else ''}.")
