"""``butler query-datasets``: list datasets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pipetask.cli.dataset_selection import check_find_first, find_first_option
from pipetask.cli.options import (
    RepositoryCommand,
    bounded,
    collections_option,
    limit_option,
    order_by_option,
    repository_argument,
    where_option,
)
from pipetask.cli.show import dataset_rows, format_option, show

if TYPE_CHECKING:
    from pipetask.butler import Butler, DatasetRef


@click.command("query-datasets", cls=RepositoryCommand, short_help="List datasets.")
@repository_argument()
@click.argument("glob", nargs=-1)
@collections_option("Collections to search, separated by commas. [default: all]")
@where_option()
@find_first_option()
@order_by_option()
@limit_option(10_000)
@click.option("--show-uri", is_flag=True, help="Show where the file of each dataset is.")
@format_option()
def command(
    repo: str | None,
    glob: tuple[str, ...],
    collections: tuple[str, ...],
    where: str,
    find_first: bool,
    order_by: tuple[str, ...],
    limit: int,
    show_uri: bool,
    format_: str,
) -> None:
    """List the datasets whose types match a GLOB; of all types without one."""
    from pipetask.butler import Butler
    from pipetask.cli.errors import nothing_found
    from pipetask.errors import EmptyQueryResultError

    check_find_first(collections, find_first=find_first)
    with Butler.from_config(repo) as butler:
        try:
            refs = butler.query_all_datasets(
                list(collections) or ["*"],
                name=list(glob) or "*",
                find_first=find_first,
                where=where,
                order_by=order_by,
                limit=limit + 1 if limit else None,
                explain=True,
            )
        except EmptyQueryResultError as error:
            nothing_found(str(error))
        refs = list(bounded(refs, limit, "datasets"))
        more = {"uri": _uris(butler, refs)} if show_uri else {}
    show(*dataset_rows(refs, more), format_)


def _uris(butler: Butler, refs: Sequence[DatasetRef]) -> list[str]:
    """Return where the files are; empty for what was unstored, and for composites, which have none."""
    artifacts = butler.artifacts([ref.id for ref in refs])
    return [butler.datastore.uri(artifacts[ref.id][0]) if ref.id in artifacts else "" for ref in refs]
