"""``butler query-dataset-types``: list dataset types."""

import click

from pipetask.cli.main import VERBOSE
from pipetask.cli.options import RepositoryCommand, collections_option, repository_argument
from pipetask.cli.show import format_option, show


@click.command("query-dataset-types", cls=RepositoryCommand, short_help="List dataset types.")
@repository_argument()
@click.argument("glob", nargs=-1)
@collections_option("Only types of which these collections may hold datasets, separated by commas.")
@format_option()
@click.pass_context
def command(
    ctx: click.Context, repo: str | None, glob: tuple[str, ...], collections: tuple[str, ...], format_: str
) -> None:
    """List the dataset types whose names match a GLOB, with dimensions and storage class.

    With --verbose their components too; of composites, where each is from.
    """
    from pipetask.butler import Butler
    from pipetask.butler.queries import nearest_dataset_type
    from pipetask.cli.errors import nothing_found

    with Butler.from_config(repo) as butler:
        found = butler.registry.query_dataset_types(list(glob) or "*")
        if collections:
            held = set(butler.collections.dataset_types(butler.collections.query(collections)))
            found = [dataset_type for dataset_type in found if dataset_type in held]
        described = butler.composites.described_components
        nearest = "" if found else nearest_dataset_type(butler, glob)
        components = [described(each) for each in found] if ctx.meta[VERBOSE] else []
    if not found:
        where = f" among those of {', '.join(collections)}" if collections else ""
        nothing_found(f"No dataset type{where} matches {' '.join(glob) or '*'}{nearest or '.'}")
    columns: dict[str, list[object]] = {
        "name": [each.name for each in found],
        "dimensions": [each.dimensions.required for each in found],
        "storage_class": [each.storageClass for each in found],
        "is_calibration": [each.isCalibration() for each in found],
    }
    if components:
        columns["components"] = [*components]
    show(list(columns), list(zip(*columns.values(), strict=True)), format_)
