"""``butler query-collections``: list collections."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from pipetask.cli.options import RepositoryCommand, comma_separated, repository_argument
from pipetask.cli.show import format_option, show

if TYPE_CHECKING:
    from pipetask.butler.collections import ButlerCollections

_CHAINS = ["TABLE", "INVERSE-TABLE", "TREE", "INVERSE-TREE", "FLATTEN", "NO-CHILDREN"]
Level = tuple[int, Any]  # depth in the tree, `CollectionInfo`


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
@click.option(
    "--chains",
    type=click.Choice(_CHAINS, case_sensitive=False),
    default="TABLE",
    show_default=True,
    help="How to show chains: with a column of their children, or of the chains that hold a collection; as a "
    "tree of what is below, or above; replaced by what they hold; without anything of this.",
)
@click.option("-t", "--show-dataset-types", is_flag=True, help="Show the dataset types in each collection.")
@comma_separated(
    "--exclude-dataset-types",
    metavar="GLOB",
    help="Dataset types that are not shown. [default: *_config,*_log,*_metadata,packages]",
)
@format_option()
def command(
    repo: str | None,
    glob: tuple[str, ...],
    kinds: tuple[str, ...],
    chains: str,
    show_dataset_types: bool,
    exclude_dataset_types: tuple[str, ...],
    format_: str,
) -> None:
    """List the collections whose names match a GLOB; all of them without one."""
    from pipetask.butler import Butler
    from pipetask.cli.errors import nothing_found

    if exclude_dataset_types and not show_dataset_types:
        raise click.UsageError("--exclude-dataset-types needs --show-dataset-types.")
    chains = chains.upper()
    with Butler.from_config(repo) as butler:
        collections = butler.collections
        flatten = chains == "FLATTEN"
        names = collections.query(
            list(glob) or "*", kinds or None, flatten_chains=flatten, include_chains=not flatten
        )
        if not names:
            kind = _of(kinds)
            pattern = " ".join(glob)
            nothing_found(f"No collection matches {pattern}{kind}." if glob else f"No collection{kind} yet.")
        rows = _levels(collections, names, chains)
        columns = _columns(collections, chains, format_)
        if show_dataset_types:
            excluded = exclude_dataset_types or ("*_config", "*_log", "*_metadata", "packages")
            columns["dataset_types"] = lambda row: _dataset_types(collections, row[1].name, excluded)
        cells = [[cell(row) for cell in columns.values()] for row in rows]
    show(list(columns), cells, format_)


def _of(kinds: tuple[str, ...]) -> str:
    return f" of type {', '.join(kinds)}" if kinds else ""


def _levels(collections: "ButlerCollections", names: list[str], chains: str) -> list[Level]:
    if not chains.endswith("TREE"):
        return [(0, collections.get_info(name)) for name in names]
    inverse = chains.startswith("INVERSE")
    return [level for name in names for level in collections.tree(name, inverse=inverse)]


def _columns(
    collections: "ButlerCollections", chains: str, format_: str
) -> dict[str, Callable[[Level], Any]]:
    """Return what to show of a collection, by column."""
    is_tree = chains.endswith("TREE")
    indent = "  " if is_tree and format_ == "table" else ""
    columns: dict[str, Callable[[Level], Any]] = {
        "name": lambda level: indent * level[0] + level[1].name,
        "type": lambda level: level[1].kind,
    }
    if is_tree and format_ != "table":
        columns = {"depth": lambda level: level[0], **columns}
    if chains == "TABLE":
        columns["children"] = lambda level: level[1].children
    elif chains == "INVERSE-TABLE":
        columns["parents"] = lambda level: collections.parents(level[1].name)
    columns["doc"] = lambda level: level[1].doc
    return columns


def _dataset_types(collections: "ButlerCollections", name: str, excluded: tuple[str, ...]) -> list[str]:
    from fnmatch import fnmatchcase

    if collections.get_info(name).kind == "CHAINED":
        return []
    held = [dataset_type.name for dataset_type in collections.dataset_types(name)]
    return [each for each in held if not any(fnmatchcase(each, pattern) for pattern in excluded)]
