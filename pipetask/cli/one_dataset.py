"""How a command line names one dataset: by its UUID, or by type and data ID."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

if TYPE_CHECKING:
    from pipetask.butler import Butler, DatasetRef


def one_dataset(
    butler: "Butler", name: str, data_id: Sequence[str], collections: Sequence[str]
) -> "DatasetRef":
    """Find the dataset that a user names.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    name : `str`
        A UUID, or a dataset type.
    data_id : sequence of `str`
        Words like ``visit=1001``, each maybe several with commas between.
    collections : sequence of `str`
        Where to search for type and data ID, in this order; everywhere if empty.

    Raises
    ------
    DatasetNotFoundError, EmptyQueryResultError
        If there is none.
    """
    from pipetask.errors import DatasetNotFoundError

    try:
        id = UUID(name)
    except ValueError:
        id = None
    if id is not None:
        if data_id:
            raise click.UsageError(f"{name} names a dataset already: leave out {' '.join(data_id)}.")
        ref = butler.get_dataset(id)
        if ref is None:
            raise DatasetNotFoundError(f"No dataset has the id {name} in {butler.root}.")
        return ref
    values = _values(butler, data_id)
    searched = list(collections) or "*"
    refs = butler.query_datasets(name, searched, find_first=bool(collections), data_id=values)
    if len(refs) == 1:
        return refs[0]
    first, *others = refs
    if other := next((ref for ref in others if ref.dataId != first.dataId), None):
        raise click.UsageError(
            f"{len(refs)} datasets {name} fit, {first.dataId} and {other.dataId} among them. Say more "
            "of the data ID."
        )
    raise click.UsageError(
        f"{len(refs)} runs have {name} {first.dataId}, {first.run} and {others[0].run} among them. Choose "
        "with --collections, or name it by its id."
    )


def _values(butler: "Butler", words: Sequence[str]) -> dict[str, Any]:  # whatever dimensions hold
    values: dict[str, Any] = {}
    for part in (part for word in words for part in word.split(",") if part):
        name, equals, text = part.partition("=")
        if not equals or not text:
            raise click.UsageError(f"'{part}' is no part of a data ID; write it as in visit=1001.")
        key = butler.dimensions[name].key
        values[name] = int(text) if key and key.type == "int" and text.lstrip("-").isdecimal() else text
    return values
