"""``butler register-dataset-type``: make a dataset type known."""

import click

from pipetask.cli.options import RepositoryCommand, repository_argument


@click.command("register-dataset-type", cls=RepositoryCommand, short_help="Make a dataset type known.")
@repository_argument()
@click.argument("dataset_type")
@click.argument("storage_class")
@click.argument("dimensions", nargs=-1)
@click.option(
    "--is-calibration/--no-is-calibration",
    help="Whether its datasets may be given validity ranges in calibration collections.",
)
def command(
    repo: str | None, dataset_type: str, storage_class: str, dimensions: tuple[str, ...], is_calibration: bool
) -> None:
    """Register DATASET_TYPE with a STORAGE_CLASS and DIMENSIONS (with spaces or commas between)."""
    from pipetask.butler import Butler, DatasetType

    names = [name for part in dimensions for name in part.split(",") if name]
    with Butler.from_config(repo, writeable=True) as butler:
        new = butler.register_dataset_type(
            DatasetType(
                dataset_type, names, storage_class, universe=butler.dimensions, isCalibration=is_calibration
            )
        )
    click.echo(
        f"Registered dataset type {dataset_type}." if new else f"{dataset_type} is registered already."
    )
