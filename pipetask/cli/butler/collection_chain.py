"""``butler collection-chain``: say what a chain of collections holds."""

import click

from pipetask.cli.options import RepositoryCommand, repository_argument


@click.command(
    "collection-chain", cls=RepositoryCommand, short_help="Make a chain of collections, or change one."
)
@repository_argument()
@click.argument("parent")
@click.argument("children", nargs=-1)
@click.option(
    "--mode",
    type=click.Choice(["redefine", "extend", "remove", "prepend", "pop"]),
    default="redefine",
    show_default=True,
    help="Replace the children, add some at the end or in front, take some out, or those at positions.",
)
@click.option(
    "--flatten/--no-flatten", help="Put in what chains among CHILDREN hold, instead of the chains themselves."
)
@click.option("--doc", default="", help="What the collection is for, if it is new.")
def command(
    repo: str | None, parent: str, children: tuple[str, ...], mode: str, flatten: bool, doc: str
) -> None:
    """Make or change the chain PARENT with the collections CHILDREN (separated by commas or spaces).

    With --mode pop, CHILDREN are positions, 0 (the first) by default; write -- before negative ones, which
    count from the end.
    """
    from pipetask.butler import Butler

    names = [name for child in children for name in child.split(",") if name]
    with Butler.from_config(repo, writeable=True) as butler:
        now = butler.collections.update_chain(parent, names, mode, doc=doc, flatten=flatten)  # type: ignore[arg-type]
    click.echo(f"{parent}: {', '.join(now) or 'nothing'}")
