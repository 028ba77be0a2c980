"""Which datasets a command is about: the options that all such commands share, and what they find."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from pipetask.cli.options import (
    Decorator,
    bounded,
    collections_option,
    comma_separated,
    limit_option,
    order_by_option,
    stacked,
    where_option,
)

if TYPE_CHECKING:
    from pipetask.butler import Butler, DatasetRef


@dataclass(frozen=True, slots=True)
class DatasetSelection:
    """What a command line says of the datasets that it wants; all of a repository without.

    Parameters
    ----------
    dataset_types, collections : sequence of `str`
        Names or patterns.
    where : `str`
        Condition in the query language.
    find_first : `bool`
        Whether of equal data IDs only the dataset that the collections give first is meant.
    order_by : sequence of `str`
        Columns to sort by.
    limit : `int`
        How many at most; 0 is all.
    """

    dataset_types: Sequence[str]
    collections: Sequence[str]
    where: str
    find_first: bool
    order_by: Sequence[str]
    limit: int

    def find(
        self, butler: "Butler", purpose: str, *, elsewhere: str | Sequence[str] = "*"
    ) -> "list[DatasetRef]":
        """Return the datasets, each once; end the command if there is none.

        Parameters
        ----------
        butler : `Butler`
            The repository.
        purpose : `str`
            What they are for, as in "to retrieve".
        elsewhere : `str` or sequence of `str`, optional
            Collections to search where none is named.
        """
        from pipetask.cli.errors import nothing_found

        refs = butler.query_all_datasets(
            list(self.collections) or elsewhere,
            name=list(self.dataset_types) or "*",
            where=self.where,
            find_first=self.find_first,
            order_by=self.order_by,
            limit=self.limit + 1 if self.limit else None,
        )
        if not refs:
            nothing_found(f"No dataset of {','.join(self.dataset_types) or 'any type'} {purpose}.")
        return list(bounded(list(dict.fromkeys(refs)), self.limit, "datasets", "taken"))


def find_first_option() -> Decorator:
    """Add ``--find-first``; check it with `check_find_first`."""
    return click.option(
        "--find-first/--no-find-first", help="Of equal data IDs, only the one found first in --collections."
    )


def check_find_first(collections: Sequence[str], *, find_first: bool) -> None:
    """Refuse ``--find-first`` without collections."""
    if find_first and not collections:
        raise click.UsageError(
            "--find-first needs --collections: it is their order that says which is first."
        )


def dataset_selection() -> Decorator:
    """Add the options of a `DatasetSelection`, which the command is given as ``selection``."""

    def apply(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def command(
            *,
            dataset_types: tuple[str, ...],
            collections: tuple[str, ...],
            where: str,
            find_first: bool,
            order_by: tuple[str, ...],
            limit: int,
            **others: Any,  # the options of the command itself
        ) -> Any:
            check_find_first(collections, find_first=find_first)
            selection = DatasetSelection(dataset_types, collections, where, find_first, order_by, limit)
            return function(selection=selection, **others)

        return command

    return stacked(
        comma_separated(
            *("-d", "--dataset-type", "dataset_types"), metavar="GLOB", help="Dataset types. [default: all]"
        ),
        collections_option("Collections to search, in this order, separated by commas. [default: all]"),
        where_option(),
        find_first_option(),
        order_by_option(),
        limit_option(what="Take"),
        apply,
    )
