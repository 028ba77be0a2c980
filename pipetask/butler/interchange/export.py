"""Export: datasets, their files, and all that they need elsewhere, into a folder."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from datastore.artifact import write_parts
from pipetask.butler.composites.recorded import recorded
from pipetask.butler.composites.ref import CompositeRef
from pipetask.butler.data_ids import show
from pipetask.butler.interchange.document import CollectionEntry, Document, TypeEntry
from pipetask.butler.interchange.exported_files import ExportedFiles
from pipetask.butler.interchange.exported_members import certified, tagged
from pipetask.butler.interchange.exported_records import ExportedRecords
from pipetask.butler.interchange.named_inputs import inputs_of
from pipetask.butler.interchange.put_composites import entries, put_among
from pipetask.errors import ExportFormatError
from registry.dataset_ref import DatasetRef
from registry.dimensions.coordinate import DataCoordinate
from registry.dimensions.record import DimensionRecord
from registry.errors import DatasetNotFoundError

if TYPE_CHECKING:
    from datastore.transfer import Transfer
    from pipetask.butler.butler import Butler
    from pipetask.butler.composites.definition import Composite
    from registry.dataset_type import DatasetType

EXPORT_FILE = "export.yaml"


class RepoExport:
    """Collects what is to be exported; made by `export`.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    directory : `~pathlib.Path`
        Where files are put.
    transfer : `str`
        How they get there; ``direct`` leaves them where they are.
    fetch_remote : `bool`, optional
        Whether ``direct`` copies what is not local.
    """

    def __init__(
        self, butler: Butler, directory: Path, transfer: Transfer, *, fetch_remote: bool = False
    ) -> None:
        self._butler = butler
        self._refs: dict[UUID, DatasetRef] = {}
        self._files = ExportedFiles(butler, directory, transfer, fetch_remote=fetch_remote)
        self._records = ExportedRecords(butler)
        self._collections: dict[str, CollectionEntry] = {}
        self._types: dict[str, TypeEntry] = {}
        self._definitions = butler.composites.all()
        self._composites: dict[str, Composite] = {}
        self._put: dict[UUID, DatasetRef] = {}  # composites, those that are parts of others first

    @property
    def collections(self) -> tuple[str, ...]:
        """Names of the collections that are exported."""
        return tuple(self._collections)

    @property
    def datasets(self) -> Collection[UUID]:
        """Ids of the datasets that are exported."""
        return self._refs.keys()

    def saveDatasets(self, refs: Iterable[DatasetRef], *, skip_missing: bool = False) -> None:
        """Export datasets with their files, runs, and the dimension records of their data IDs.

        Of composites, their definitions and the datasets that are their parts, and that they were put.

        Raises
        ------
        DatasetNotFoundError
            If the files of one are not stored, and ``skip_missing`` is false.
        """
        new = {ref.id: ref for ref in self._with_files(refs) if ref.id not in self._refs}
        artifacts = self._butler.artifacts(new)
        for ref in sorted(new.values()):
            if ref.id not in artifacts:
                if skip_missing:
                    continue
                raise DatasetNotFoundError(f"Dataset {show(ref)} ({ref.id}) has no files to export.")
            self._files.add(ref, artifacts[ref.id])
            self._refs[ref.id] = ref
            self.saveDatasetType(ref.datasetType)
            self.saveCollection(ref.run)
        self._files.bring()
        self.saveDataIds(self._refs[id].dataId for id in new if id in self._refs)

    def saveDatasetType(self, dataset_type: DatasetType) -> None:
        """Export the definition of a dataset type, whether or not there are datasets of it."""
        name = dataset_type.name
        if name in self._definitions:
            self.saveComposite(self._definitions[name])
            return
        self._types[name] = TypeEntry(
            name, dataset_type.dimensions.names, dataset_type.storageClass, dataset_type.isCalibration()
        )

    def saveComposite(self, composite: Composite) -> None:
        """Export the definition of a composite, and of those that are parts of it."""
        self._composites[composite.name] = composite
        for part in composite.parts:
            inner = self._definitions.get(part.dataset_type.partition(".")[0])
            if inner is not None and inner.name not in self._composites:
                self.saveComposite(inner)

    def _with_files(self, refs: Iterable[DatasetRef]) -> Iterator[DatasetRef]:
        """Yield datasets that have files: instead of composites, those that are their parts, whole."""
        for ref in refs:
            definition = self._definitions.get(ref.datasetType.nameAndComponent()[0])
            if definition is None:
                yield ref
                continue
            self.saveComposite(definition)
            whole = ref if isinstance(ref, CompositeRef) else recorded(self._butler, definition, ref)
            self.savePutComposite(whole)
            for part in whole.all_parts():
                name, component = part.datasetType.nameAndComponent()
                kind = self._butler.registry.get_dataset_type(name) if component else part.datasetType
                yield DatasetRef(kind, part.dataId, part.run, id=part.id)

    def savePutComposite(self, whole: CompositeRef) -> None:
        """Export which datasets a composite was put with, if it was, and those that are parts of it."""
        for ref in put_among(self._butler, whole):
            self._put[ref.id] = ref
            self.saveCollection(ref.run)
            self.saveDataIds([ref.dataId])

    def saveDataIds(self, data_ids: Iterable[DataCoordinate]) -> None:
        """Export the dimension records of data IDs."""
        self._records.add_data_ids(data_ids)

    def saveDimensionData(self, element: str, records: Iterable[DimensionRecord]) -> None:
        """Export dimension records of one element."""
        self._records.add(element, records)

    def saveAllDimensionData(self) -> None:
        """Export all dimension records, which are read as they are written."""
        self._records.add_all()

    def saveCollection(self, name: str) -> None:
        """Export a collection, after those that it holds if it is a chain.

        Of a TAGGED or CALIBRATION collection, those members are exported that are among the datasets.
        """
        if name in self._collections:
            return
        info = self._butler.collections.get_info(name)
        for child in info.children:
            self.saveCollection(child)
        self._collections[name] = CollectionEntry(name, info.kind, info.doc, info.children)

    def document(self) -> Document:
        """Return what the export file says; its records are fetched as they are iterated."""
        document = Document(
            self._butler.dimensions.version,
            records=self._records.by_element(),
            collections=self._collections,
            dataset_types=self._types,
            files=self._files.entries(),
            composites=[composite.to_json() for composite in self._composites.values()],
            composite_datasets=entries(self._butler, self._put.values()),
            dataset_inputs=inputs_of(self._butler, self._refs),
        )
        for name, entry in self._collections.items():
            if entry.kind == "TAGGED":
                document.tags[name] = tagged(self._butler, name, self._refs)
            elif entry.kind == "CALIBRATION":
                document.validity[name] = certified(self._butler, name, self._refs)
        return document


@contextmanager
def export(
    butler: Butler,
    directory: str | os.PathLike[str],
    *,
    filename: str = EXPORT_FILE,
    transfer: Transfer = "auto",
) -> Iterator[RepoExport]:
    """Collect what is to be exported inside a ``with``, and write the export file at its end.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    directory : path
        Folder for the files; made if it does not exist.
    filename : `str`, optional
        Name of the export file in it, which must not exist.
    transfer : `str`, optional
        ``copy``, ``hardlink``, ``symlink``, ``auto`` (a hard link where possible), or ``direct``: the export
        says where the files are in the repository.

    Raises
    ------
    ExportFormatError
        If there is such a file already, or files would be moved out of the repository.
    """
    folder = Path(directory).absolute()
    target = folder / filename
    if transfer == "move":
        raise ExportFormatError(
            "An export does not move files out of the repository; choose another transfer."
        )
    if target.exists():
        raise ExportFormatError(f"{str(target)!r} exists already; name another folder or file.")
    folder.mkdir(parents=True, exist_ok=True)
    helper = RepoExport(butler, folder, transfer)
    yield helper
    lines = (line.encode() for line in helper.document().lines())
    write_parts(str(target), _joined(lines), root=str(folder), sync=True)


def _joined(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines by the thousand: a write for each would be slow."""
    lines = iter(lines)
    while page := b"".join(islice(lines, 1000)):
        yield page
