"""``butler lineage``: what a dataset was made from, or what was made from it."""

import json

import click

from pipetask.cli.one_dataset import one_dataset
from pipetask.cli.options import RepositoryCommand, collections_option, repository_argument


@click.command("lineage", cls=RepositoryCommand, short_help="Show what a dataset was made from, or used for.")
@repository_argument()
@click.argument("dataset")
@click.argument("data_id", nargs=-1, metavar="[DATAID]...")
@collections_option("Where to search for a type and data ID, in this order. [default: all]")
@click.option(
    "--up/--down", default=True, show_default=True, help="What it was made from; or what was made from it."
)
@click.option("--depth", type=click.IntRange(1), metavar="N", help="Go through N quanta at most.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "dot", "html"]),
    default="text",
    show_default=True,
    help="A tree; all as JSON; a drawing in DOT; a page to look at.",
)
def command(
    repo: str | None,
    dataset: str,
    data_id: tuple[str, ...],
    collections: tuple[str, ...],
    up: bool,
    depth: int | None,
    format_: str,
) -> None:
    """Follow DATASET, a UUID or a type with a DATAID as visit=1001, through the quanta that made or read it.

    Only inputs count that were really read, and those that a dataset itself names in its table of inputs.
    """
    from pipetask.butler import Butler
    from pipetask.reports.lineage import start_of, trace
    from pipetask.reports.lineage_drawing import lineage_dot, lineage_page, lineage_text

    with Butler.from_config(repo) as butler:
        ref = one_dataset(butler, dataset, data_id, collections)
        lineage = trace(butler, start_of(ref), up=up, depth=depth)
    shown = {
        "text": lineage_text,
        "json": lambda lineage: json.dumps(lineage.document(), indent=1),
        "dot": lineage_dot,
        "html": lineage_page,
    }
    click.echo(shown[format_](lineage))
