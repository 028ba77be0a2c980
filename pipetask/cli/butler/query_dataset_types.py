"""``butler query-dataset-types``: list dataset types."""

import click

from pipetask.cli.options import RepositoryCommand, collections_option, repository_argument
from pipetask.cli.show import format_option, show


@click.command("query-dataset-types", cls=RepositoryCommand, short_help="List dataset types.")
@repository_argument()
@click.argument("glob", nargs=-1)
@collections_option("Only types of which these collections may hold datasets, separated by commas.")
@format_option()
def command(repo: str | None, glob: tuple[str, ...], collections: tuple[str, ...], format_: str) -> None:
    """List the dataset types whose names match a GLOB, with dimensions and storage class."""
    from pipetask.butler import Butler
    from pipetask.cli.errors import nothing_found

    with Butler.from_config(repo) as butler:
        found = butler.registry.query_dataset_types(list(glob) or "*")
        if collections:
            held = set(butler.collections.dataset_types(butler.collections.query(collections)))
            found = [dataset_type for dataset_type in found if dataset_type in held]
    if not found:
        where = f" among those of {', '.join(collections)}" if collections else ""
        nothing_found(f"No dataset type{where} matches {' '.join(glob) or '*'}.")
    rows = [(t.name, t.dimensions.required, t.storageClass, t.isCalibration()) for t in found]
    show(["name", "dimensions", "storage_class", "is_calibration"], rows, format_)
