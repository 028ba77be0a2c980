"""Ingest: files that exist already become datasets."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datastore.stores.side_by_side import side_by_side
from pipetask.butler.limited import hint_of
from registry.dataset_ref import DatasetRef

if TYPE_CHECKING:
    from datastore.ingest import Intake
    from datastore.records import ArtifactRecord
    from datastore.transfer import Transfer
    from pipetask.butler.butler import Butler
    from pipetask.butler.transaction import Transaction
    from registry.dataset_type import DatasetType

_Key = tuple[str, str, str | None]  # path, storage class, formatter


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
    files = list(files)
    refs = [ref for file in files for ref in _refs(file)]
    groups: dict[tuple[DatasetType, str], list[DatasetRef]] = defaultdict(list)
    for ref in refs:
        groups[ref.datasetType, ref.run].append(ref)
    for (dataset_type, run), members in groups.items():  # conflicts are told before anything is copied
        butler.registry.insert_datasets(
            dataset_type, run, [ref.dataId for ref in members], ids=[ref.id for ref in members]
        )
    brought = _brought(butler, transaction, files, transfer=transfer, checksums=checksums)
    locations: list[tuple[Any, ...]] = []
    for file in files:
        fragment = str(file.path).partition("#")[2]
        for ref in _refs(file):
            record = brought[_key(file, ref)]
            if fragment:
                record = record._replace(path=f"{record.path}#{fragment}")
            locations.append((ref.id.bytes, *record))
    butler.registry.insert_locations(locations)
    return refs


def _brought(
    butler: Butler,
    transaction: Transaction,
    files: Iterable[FileDataset],
    *,
    transfer: Transfer,
    checksums: bool,
) -> dict[_Key, ArtifactRecord]:
    """Bring files to where they are to be, one with several datasets once; return their records."""
    intakes: dict[tuple[DatasetType, str | None], Intake] = {}
    wanted: dict[_Key, tuple[Intake, DatasetRef]] = {}
    for file in files:
        for ref in _refs(file):
            kind = ref.datasetType
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
            wanted.setdefault(_key(file, ref), (take, ref))
    brought: dict[_Key, ArtifactRecord] = {}

    def bring(key: _Key) -> ArtifactRecord:
        take, ref = wanted[key]
        return take(key[0], partial(hint_of, ref))

    def done(key: _Key, record: ArtifactRecord) -> None:
        brought[key] = record
        if transfer != "direct":
            transaction.wrote([record], undo=not stayed(butler, key[0], record))
        if transfer == "move":
            transaction.deletions.add_source(key[0])

    remote = [key for key, (take, _) in wanted.items() if take.is_remote]
    for key, (take, _) in wanted.items():
        if not take.is_remote:
            done(key, bring(key))
    if remote:
        side_by_side(bring, remote, done)
    return brought


def _refs(file: FileDataset) -> Sequence[DatasetRef]:
    return [file.refs] if isinstance(file.refs, DatasetRef) else file.refs


def _key(file: FileDataset, ref: DatasetRef) -> _Key:
    """Return what tells a file from others: the one thing that is brought to a place."""
    return str(file.path).partition("#")[0], ref.datasetType.storageClass, file.formatter


def stayed(butler: Butler, path: str | Path, record: ArtifactRecord) -> bool:
    """Return whether a file was recorded where it was, so that it is not ours to delete."""
    here = os.path.abspath(path)  # noqa: PTH100  (links are not followed)
    return butler.datastore.local_file(record) == here
