"""Ingest: files that exist already become datasets."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipetask.butler.limited import hint_of
from registry.dataset_ref import DatasetRef

if TYPE_CHECKING:
    from datastore.ingest import Intake
    from datastore.records import ArtifactRecord
    from datastore.transfer import Transfer
    from pipetask.butler.butler import Butler
    from pipetask.butler.transaction import Transaction
    from registry.dataset_type import DatasetType


@dataclass(frozen=True, slots=True)
class FileDataset:
    """A file and the datasets that are in it.

    Parameters
    ----------
    path : path or URI
        The file; ``#hdu=2`` after it names a part.
    refs : `DatasetRef` or sequence of them
        What it holds.
    formatter : `str`, optional
        Name of the formatter that reads it.
    """

    path: str | Path
    refs: DatasetRef | Sequence[DatasetRef]
    formatter: str | None = None


def ingest_files(
    butler: Butler,
    transaction: Transaction,
    files: Iterable[FileDataset],
    *,
    transfer: Transfer,
    checksums: bool,
) -> list[DatasetRef]:
    """Take files in and insert their rows, within a transaction; see ``Butler.ingest``."""
    refs: list[DatasetRef] = []
    locations: list[tuple[Any, ...]] = []
    groups: dict[tuple[DatasetType, str], list[DatasetRef]] = defaultdict(list)
    intakes: dict[tuple[DatasetType, str | None], Intake] = {}
    placed: dict[tuple[str, str, str | None], ArtifactRecord] = {}
    for file in files:
        path, _, fragment = str(file.path).partition("#")
        for ref in [file.refs] if isinstance(file.refs, DatasetRef) else file.refs:
            kind = ref.datasetType
            # A file with several datasets is brought in once.
            key = path, kind.storageClass, file.formatter
            if (record := placed.get(key)) is None:
                if (take := intakes.get((kind, file.formatter))) is None:
                    take = intakes[kind, file.formatter] = butler.datastore.intake(
                        kind.name,
                        kind.storageClass,
                        transfer=transfer,
                        formatter=file.formatter,
                        sync=False,
                        with_checksum=checksums,
                        delete_source=False,
                    )
                record = placed[key] = take(path, partial(hint_of, ref))
                if transfer != "direct":
                    transaction.wrote([record], undo=not stayed(butler, path, record))
                if transfer == "move":
                    transaction.deletions.add_source(path)
            if fragment:
                record = record._replace(path=f"{record.path}#{fragment}")
            refs.append(ref)
            groups[kind, ref.run].append(ref)
            locations.append((ref.id.bytes, *record))
    for (dataset_type, run), members in groups.items():
        butler.registry.insert_datasets(
            dataset_type, run, [ref.dataId for ref in members], ids=[ref.id for ref in members]
        )
    butler.registry.insert_locations(locations)
    return refs


def stayed(butler: Butler, path: str | Path, record: ArtifactRecord) -> bool:
    """Return whether a file was recorded where it was, so that it is not ours to delete."""
    here = os.path.abspath(path)  # noqa: PTH100  (links are not followed)
    return butler.datastore.local_file(record) == here
