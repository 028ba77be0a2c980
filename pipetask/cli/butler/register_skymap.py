"""``butler register-skymap``: lay tracts and patches over the visits."""

import click

from pipetask.cli.options import RepositoryCommand, repository_argument, where_option
from pipetask.counted import counted


@click.command("register-skymap", cls=RepositoryCommand, short_help="Lay tracts and patches over the visits.")
@repository_argument()
@click.argument("name")
@where_option()
@click.option(
    "--pixel-scale",
    type=click.FloatRange(0, 3600, min_open=True),
    metavar="ARCSEC",
    help="Pixel size. [default: the camera's]",
)
@click.option(
    "--patch-size",
    default=4000,
    type=click.IntRange(1),
    show_default=True,
    metavar="PIXELS",
    help="Size of a patch.",
)
@click.option(
    "--patch-border",
    default=100,
    type=click.IntRange(0),
    show_default=True,
    metavar="PIXELS",
    help="Overlap of patches.",
)
@click.option(
    "--tract-border", default=0.0, show_default=True, metavar="DEGREES", help="Margin around visits."
)
def command(
    repo: str | None,
    name: str,
    where: str,
    pixel_scale: float | None,
    patch_size: int,
    patch_border: int,
    tract_border: float,
) -> None:
    """Register a sky map NAME: one tract, divided into patches, around each group of visits that touch."""
    from pipetask.butler import Butler
    from pipetask.observation.register_skymap import register_skymap

    with Butler.from_config(repo, writeable=True) as butler:
        skymap = register_skymap(
            butler,
            name,
            where=where,
            pixel_scale=pixel_scale,
            patch_size=patch_size,
            patch_border=patch_border,
            tract_border=tract_border,
        )
    patches = sum(tract.nx * tract.ny for tract in skymap.tracts)
    tracts = counted(len(skymap.tracts), "tract")
    click.echo(f"Registered sky map {name}: {tracts}, {counted(patches, 'patch')}.")
