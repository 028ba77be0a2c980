"""The files of an export: brought to their places, and which datasets are in which."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from datastore.artifact import write_artifact
from datastore.errors import IncompleteDatasetError
from datastore.locations import is_uri
from pipetask.butler.data_ids import show
from pipetask.butler.interchange.document import FileEntry
from pipetask.butler.interchange.formatters import exported
from pipetask.butler.limited import hint_of
from pipetask.errors import ExportFormatError
from registry.dataset_ref import DatasetRef

if TYPE_CHECKING:
    from datastore.records import ArtifactRecord
    from datastore.transfer import Transfer
    from pipetask.butler.butler import Butler


class ExportedFiles:
    """Brings the files of datasets into the folder of an export.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    directory : `~pathlib.Path`
        Where files are put.
    transfer : `str`
        How they get there; ``direct`` leaves them where they are.
    fetch_remote : `bool`
        Whether ``direct`` copies what is not local.
    """

    def __init__(self, butler: Butler, directory: Path, transfer: Transfer, *, fetch_remote: bool) -> None:
        self._butler = butler
        self._directory = directory
        self._transfer = transfer
        self._fetch_remote = fetch_remote
        self._placed: set[str] = set()
        self._wanted: list[tuple[ArtifactRecord, str]] = []
        self._datasets: dict[tuple[str, str, str, str], list[DatasetRef]] = {}

    def add(self, ref: DatasetRef, records: list[ArtifactRecord]) -> None:
        """Add the file of a dataset; `bring` is to be called after some."""
        path, formatter = self._place(ref, records)
        # One entry of the format: a file, and datasets of one type and run.
        self._datasets.setdefault((path, formatter, ref.datasetType.name, ref.run), []).append(ref)

    def bring(self) -> None:
        """Bring the files that were added to their places."""
        transfer: Transfer = "copy" if self._transfer == "direct" else self._transfer
        self._butler.datastore.retrieve_all(self._wanted, transfer=transfer)
        self._wanted = []

    def entries(self) -> Iterator[FileEntry]:
        """Yield what the export file says of each file."""
        for key in sorted(self._datasets, key=itemgetter(2, 3)):  # by dataset type and run, else as they came
            path, formatter, dataset_type, run = key
            refs = self._datasets[key]
            ids, data_ids = tuple(ref.id for ref in refs), tuple(ref.dataId.required for ref in refs)
            yield FileEntry(dataset_type, run, ids, data_ids, path, exported(formatter))

    def _place(self, ref: DatasetRef, records: list[ArtifactRecord]) -> tuple[str, str]:
        """Return the path of a file in the export, and its formatter."""
        record = records[0]
        if len(records) > 1 or record.component or record.offset >= 0:
            return self._rewritten(ref)
        datastore = self._butler.datastore
        fetched = self._fetch_remote and datastore.local_file(record) is None
        if self._transfer == "direct" and not fetched:
            return datastore.uri(record), record.formatter
        location, _, fragment = record.path.partition("#")
        relative = location
        if is_uri(location):
            named = PurePosixPath(datastore.path_for(hint_of(ref)))
            relative = str(named.with_suffix(PurePosixPath(location).suffix))
        if relative not in self._placed:
            self._wanted.append((record, str(self._directory.absolute() / relative)))
            self._placed.add(relative)
        return f"{relative}#{fragment}" if fragment else relative, record.formatter

    def _rewritten(self, ref: DatasetRef) -> tuple[str, str]:
        """Write a dataset that shares its file with others, or is in several, to a file of its own."""
        datastore = self._butler.datastore
        try:
            obj = self._butler.get(ref)
        except IncompleteDatasetError as err:
            name = f"{ref.datasetType.name}.{err.here[0]}"
            raise ExportFormatError(
                f"Dataset {show(ref)} is here in part ({', '.join(err.here)}), and exports hold whole ones. "
                f"Leave it out, or copy the part: butler transfer-datasets -d {name}"
            ) from err
        data, formatter = datastore.serialize(obj, ref.datasetType.storageClass)
        relative = datastore.path_for(hint_of(ref))
        target = self._directory / relative
        write_artifact(str(target), data, root=str(self._directory), sync=False)
        return target.as_uri() if self._transfer == "direct" else relative, formatter
