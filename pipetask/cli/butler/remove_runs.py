"""``butler remove-runs``: remove runs with all their datasets and files."""

import click

from pipetask.cli.confirm import ask, confirm_option
from pipetask.cli.options import RepositoryCommand, repository_argument
from pipetask.cli.show import show
from pipetask.counted import counted


@click.command("remove-runs", cls=RepositoryCommand, short_help="Remove runs with their datasets and files.")
@repository_argument()
@click.argument("collection", nargs=-1, required=True)
@confirm_option()
@click.option(
    "--force", is_flag=True, help="Take the runs out of chains without asking; needed with --no-confirm."
)
def command(repo: str | None, collection: tuple[str, ...], confirm: bool, force: bool) -> None:
    """Remove the runs whose names match COLLECTION (names or patterns), their datasets and files."""
    from pipetask.butler import Butler
    from pipetask.cli.errors import nothing_found
    from pipetask.errors import ChainedCollectionError

    patterns = [name for part in collection for name in part.split(",") if name]
    with Butler.from_config(repo, writeable=True) as butler:
        runs = butler.collections.query(patterns, "RUN")
        if not runs:
            nothing_found(f"No run matches {' '.join(patterns)}.")
        counts = {run: butler.registry.count_datasets(run) for run in runs}
        if confirm:
            chains = {run: butler.collections.parents(run) for run in runs}
            rows = [(run, sum(counts[run].values()), list(counts[run]), chains[run]) for run in runs]
            show(["run", "datasets", "dataset_types", "in_chains"], rows, "table")
            ask(f"{counted(len(runs), 'run')} will be removed, with files. Continue?")
        try:
            butler.removeRuns(runs, unlink_from_chains=confirm or force)
        except ChainedCollectionError as error:
            raise ChainedCollectionError(str(error), hint="Or add --force.") from error
    click.echo(
        f"Removed {counted(len(runs), 'run')} with "
        f"{counted(sum(sum(each.values()) for each in counts.values()), 'dataset')}."
    )
