"""``butler remove-collections``: remove chains, tagged and calibration collections."""

import click

from pipetask.cli.confirm import ask, confirm_option
from pipetask.cli.options import RepositoryCommand, repository_argument
from pipetask.cli.show import show
from pipetask.counted import counted


@click.command("remove-collections", cls=RepositoryCommand, short_help="Remove collections that are no runs.")
@repository_argument()
@click.argument("collection", nargs=-1, required=True)
@confirm_option()
@click.option(
    "--remove-from-parents", is_flag=True, help="Take them out of the chains that hold them; else an error."
)
def command(repo: str | None, collection: tuple[str, ...], confirm: bool, remove_from_parents: bool) -> None:
    """Remove the collections whose names match COLLECTION (names or patterns); datasets and runs stay.

    To remove runs, with their datasets: butler remove-runs.
    """
    from pipetask.butler import Butler
    from pipetask.butler.removal import remove_collections
    from pipetask.cli.errors import nothing_found
    from pipetask.errors import ChainedCollectionError

    patterns = [name for part in collection for name in part.split(",") if name]
    with Butler.from_config(repo, writeable=True) as butler:
        infos = butler.collections.query_info(patterns)
        removed = [info for info in infos if info.kind != "RUN"]
        if not removed:
            runs = f" but runs ({', '.join(i.name for i in infos)}): see butler remove-runs" if infos else ""
            nothing_found(f"No collection matches {' '.join(patterns)}{runs}.")
        if confirm:
            show(["collection", "type"], [(info.name, info.kind) for info in removed], "table")
            kept = [info.name for info in infos if info.kind == "RUN"]
            stay = f" (the runs {', '.join(kept)} stay)" if kept else ""
            ask(f"{counted(len(removed), 'collection')} will be removed{stay}. Continue?")
        names = [info.name for info in removed]
        try:
            remove_collections(butler, names, unlink_from_chains=remove_from_parents)
        except ChainedCollectionError as error:
            raise ChainedCollectionError(str(error), hint="Or add --remove-from-parents.") from error
    click.echo(f"Removed {', '.join(names)}.")
