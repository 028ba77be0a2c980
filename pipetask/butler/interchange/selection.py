"""What to export, said by patterns and conditions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipetask.butler.interchange.export import EXPORT_FILE, export

if TYPE_CHECKING:
    from datastore.transfer import Transfer
    from pipetask.butler.butler import Butler


def export_selection(
    butler: Butler,
    directory: str | os.PathLike[str],
    *,
    dataset_types: Sequence[str] = (),
    collections: Sequence[str] = (),
    where: str = "",
    find_first: bool = False,
    transfer: Transfer = "copy",
    export_file: str = EXPORT_FILE,
    all_records: bool = False,
) -> tuple[int, int]:
    """Export the datasets that are found in collections, with these and their types; return how many of both.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    directory : path
        Where to.
    dataset_types, collections : sequence of `str`, optional
        Names or patterns; all by default.
    where : `str`, optional
        Query expression; if no dataset fulfils it, nothing is written.
    find_first : `bool`, optional
        Whether of equal data IDs only the dataset found first is meant.
    transfer, export_file
        See `export`.
    all_records : `bool`, optional
        Whether all dimension records are exported, not only those of the datasets.
    """
    names = butler.collections.query(list(collections) or "*")
    refs = (
        butler.query_all_datasets(
            names, name=list(dataset_types) or "*", where=where, find_first=find_first, limit=None
        )
        if names
        else []
    )
    unique = list(dict.fromkeys(refs))
    if where and not unique:
        return 0, 0
    with export(butler, directory, filename=export_file, transfer=transfer) as helper:
        helper.saveDatasets(unique)
        for name in names:
            helper.saveCollection(name)
        for dataset_type in butler.registry.query_dataset_types(list(dataset_types) or "*"):
            helper.saveDatasetType(dataset_type)
        if all_records:
            helper.saveAllDimensionData()
    return len(helper.datasets), len(helper.collections)
