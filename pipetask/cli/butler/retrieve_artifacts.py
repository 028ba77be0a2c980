"""``butler retrieve-artifacts``: copy or link the files of datasets to a folder."""

import click

from pipetask.cli.options import (
    RepositoryCommand,
    collections_option,
    comma_separated,
    limit_option,
    order_by_option,
    repository_argument,
    where_option,
)
from pipetask.counted import counted


@click.command(
    "retrieve-artifacts", cls=RepositoryCommand, short_help="Copy or link files of datasets to a folder."
)
@repository_argument()
@click.argument("destination")
@comma_separated(
    *("-d", "--dataset-type", "dataset_types"), metavar="GLOB", help="Dataset types. [default: all]"
)
@collections_option("Collections to search, in this order, separated by commas. [default: all]")
@where_option()
@click.option("--find-first/--no-find-first", help="Of equal data IDs, only the one found first.")
@order_by_option()
@limit_option()
@click.option(
    "-t",
    "--transfer",
    type=click.Choice(["auto", "copy", "hardlink", "symlink"]),
    default="auto",
    show_default=True,
    help="How files get there; 'auto' makes a hard link where possible, else a copy.",
)
@click.option("--preserve-path/--no-preserve-path", default=True, help="Keep the paths that files have here.")
@click.option("--clobber/--no-clobber", help="Replace files that are there.")
@click.option(
    "--zip/--no-zip", "as_zip", help="Put all into one new zip file there, which butler ingest-zip takes in."
)
def command(
    repo: str | None,
    destination: str,
    dataset_types: tuple[str, ...],
    collections: tuple[str, ...],
    where: str,
    find_first: bool,
    order_by: tuple[str, ...],
    limit: int,
    transfer: str,
    preserve_path: bool,
    clobber: bool,
    as_zip: bool,
) -> None:
    """Bring the files of datasets to the folder DESTINATION, and list where they are."""
    from pipetask.butler import Butler
    from pipetask.butler.archive import write_archive
    from pipetask.butler.retrieve import retrieve_artifacts
    from pipetask.cli.errors import nothing_found

    if find_first and not collections:
        raise click.UsageError(
            "--find-first needs --collections: it is their order that says which is first."
        )
    with Butler.from_config(repo) as butler:
        found = butler.query_all_datasets(
            list(collections) or "*",
            name=list(dataset_types) or "*",
            where=where,
            find_first=find_first,
            order_by=order_by,
            limit=limit or None,
        )
        refs = list(dict.fromkeys(found))
        if not refs:
            nothing_found(f"No dataset of {','.join(dataset_types) or 'any type'} to retrieve.")
        if as_zip:
            paths = [write_archive(butler, refs, destination)]
        else:
            paths = retrieve_artifacts(
                butler,
                refs,
                destination,
                transfer=transfer,  # type: ignore[arg-type]  # one of the choices
                preserve_path=preserve_path,
                clobber=clobber,
            )
    for path in paths:
        click.echo(path)
    click.echo(f"Retrieved {counted(len(refs), 'dataset')} in {counted(len(paths), 'file')}.", err=True)
