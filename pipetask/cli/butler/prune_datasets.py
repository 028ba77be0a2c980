"""``butler prune-datasets``: take datasets out of collections, delete their files, or remove them."""

import click

from pipetask.cli.confirm import ask, confirm_option
from pipetask.cli.options import RepositoryCommand, comma_separated, repository_argument, where_option
from pipetask.cli.show import dataset_rows, format_option, show
from pipetask.counted import counted


@click.command("prune-datasets", cls=RepositoryCommand, short_help="Remove datasets, or their files only.")
@repository_argument()
@click.argument("collections", nargs=-1)
@comma_separated("--datasets", metavar="GLOB", help="Dataset types, as names or patterns. [default: all]")
@where_option()
@click.option(
    "--find-all",
    is_flag=True,
    help="Of equal data IDs, prune those of all COLLECTIONS, not only the one found first.",
)
@comma_separated("--disassociate", metavar="TAG", help="Take the datasets out of these tagged collections.")
@click.option(
    "--purge",
    metavar="RUN",
    help="Remove the datasets of RUN altogether: rows, files, and from every collection.",
)
@click.option(
    "--unstore",
    is_flag=True,
    help="Delete the files only; that the datasets existed stays known. [default without the two above]",
)
@click.option("--dry-run", is_flag=True, help="Show what would be pruned, and do nothing.")
@confirm_option()
@click.option("--quiet", is_flag=True, help="Show and ask nothing.")
@format_option()
def command(
    repo: str | None,
    collections: tuple[str, ...],
    datasets: tuple[str, ...],
    where: str,
    find_all: bool,
    disassociate: tuple[str, ...],
    purge: str | None,
    unstore: bool,
    dry_run: bool,
    confirm: bool,
    quiet: bool,
    format_: str,
) -> None:
    """Prune the datasets found in COLLECTIONS, which are searched in their order.

    Without COLLECTIONS, all datasets of the run to --purge, or of the tags to --disassociate from, are meant.
    """
    from pipetask.butler import Butler
    from pipetask.butler.removal import find_to_prune
    from pipetask.cli.errors import nothing_found

    if purge and disassociate:
        raise click.UsageError("--purge takes datasets out of every collection: leave --disassociate out.")
    if quiet and dry_run:
        raise click.UsageError("--dry-run only shows, and --quiet shows nothing: leave one of them out.")
    names = [name for part in collections for name in part.split(",") if name]
    with Butler.from_config(repo, writeable=not dry_run) as butler:
        for tag in disassociate:
            if (kind := butler.collections.get_info(tag).kind) != "TAGGED":
                raise click.UsageError(f"--disassociate takes TAGGED collections; {tag!r} is {kind}.")
        refs = find_to_prune(
            *(butler, names),
            name=list(datasets) or "*",
            where=where,
            find_all=find_all,
            purge=purge or "",
            tags=disassociate,
        )
        if not refs:
            nothing_found("No dataset matches: nothing is pruned.")
        if not quiet:
            show(*dataset_rows(refs), format_)
        if dry_run:
            return
        what = "removed" if purge else "unstored" if unstore or not disassociate else "disassociated"
        if confirm and not quiet:
            ask(f"{counted(len(refs), 'dataset')} will be {what}. Continue?")
        butler.pruneDatasets(
            refs,
            disassociate=bool(purge or disassociate),
            unstore=bool(purge) or unstore or not disassociate,
            tags=disassociate,
            purge=bool(purge),
        )
    if not quiet:
        were = "was" if len(refs) == 1 else "were"
        click.echo(f"{counted(len(refs), 'dataset')} {were} {what}.", err=format_ != "table")
