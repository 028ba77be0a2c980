"""``butler query-collections``: list collections."""

import click

from pipetask.cli.options import RepositoryCommand, repository_argument
from pipetask.cli.show import format_option, show


@click.command("query-collections", cls=RepositoryCommand, short_help="List collections.")
@repository_argument()
@click.argument("glob", nargs=-1)
@click.option(
    "--collection-type",
    "kinds",
    multiple=True,
    type=click.Choice(["RUN", "TAGGED", "CHAINED", "CALIBRATION"], case_sensitive=False),
    help="Only collections of this type; may be repeated.",
)
@format_option()
def command(repo: str | None, glob: tuple[str, ...], kinds: tuple[str, ...], format_: str) -> None:
    """List the collections whose names match a GLOB; all of them without one."""
    from pipetask.butler import Butler
    from pipetask.cli.errors import nothing_found

    with Butler.from_config(repo) as butler:
        collections = butler.registry.collections
        names = collections.query(list(glob) or "*", kinds=kinds or None)
        rows = [(info.name, info.kind, info.children, info.doc) for info in map(collections.get_info, names)]
    if not rows:
        nothing_found(f"No collection matches {' '.join(glob) or '*'}.")
    show(["name", "type", "children", "doc"], rows, format_)
