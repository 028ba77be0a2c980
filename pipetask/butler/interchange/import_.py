"""Import: what an export says becomes rows and files of a repository, all of it or nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from datastore.locations import is_uri, local_path
from pipetask.butler.composites.definition import Composite
from pipetask.butler.interchange.document import Document, FileEntry
from pipetask.butler.interchange.formatters import imported
from pipetask.butler.interchange.named_inputs import insert_inputs
from pipetask.butler.interchange.older_universes import modernize
from pipetask.butler.interchange.put_composites import insert_composites
from pipetask.butler.interchange.yaml_tags import EncodedRegion, timespan_of
from pipetask.butler.transfer import FileDataset
from pipetask.errors import ExportFormatError
from registry.dataset_ref import DatasetRef
from registry.dataset_type import DatasetType

if TYPE_CHECKING:
    from datastore.transfer import Transfer
    from pipetask.butler.butler import Butler
    from registry.dimensions.element import DimensionElement

T = TypeVar("T")
BATCH = 20_000


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did: numbers of new records, dataset types, collections, datasets; and those known."""

    records: int
    dataset_types: int
    collections: int
    datasets: int
    known_datasets: int


def read_export(path: Path) -> Document:
    """Return what an export file says; `ExportFormatError` if it is none."""
    try:
        with path.open("rb") as file:
            return Document.from_yaml(file, where=str(path))
    except OSError as err:
        raise ExportFormatError(f"No export at {str(path)!r}: {err.strerror or err}.") from err


def import_document(
    butler: Butler,
    document: Document,
    directory: Path,
    *,
    transfer: Transfer = "auto",
    skip_dimensions: Iterable[str] = (),
    checksums: bool = True,
) -> ImportReport:
    """Take in all that a document says, in one transaction; what is there already stays.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    document : `Document`
        What to import.
    directory : `~pathlib.Path`
        Where its files are.
    transfer : `str`, optional
        How they get in; as for ``Butler.ingest``.
    skip_dimensions : iterable of `str`, optional
        Elements whose records are left out.
    checksums : `bool`, optional
        Whether files that stay where they are, are read for their checksums.

    Raises
    ------
    ExportFormatError
        If the document is of a newer universe, or refers to what it does not hold.
    ConflictingDefinitionError
        If a dataset type, or a dataset of the same id or data ID, is there already and differs.
    """
    if document.universe > butler.dimensions.version:
        raise ExportFormatError(
            f"The export is of universe version {document.universe}, the repository of "
            f"{butler.dimensions.version}; import it into a newer repository."
        )
    with butler.transaction():
        types = {name: _dataset_type(butler, document, name) for name in document.dataset_types}
        n_types = sum(butler.register_dataset_type(each) for each in types.values())
        n_types += sum(butler.composites.register(each) for each in _composites(document))
        n_records = _insert_records(butler, document, {butler.dimensions[n].name for n in skip_dimensions})
        n_collections = _register_collections(butler, document)
        files = list(document.files)
        for run in dict.fromkeys(file.run for file in files):
            n_collections += butler.collections.register(run)
        n_files, n_known = _ingest(butler, files, types, directory, transfer, checksums=checksums)
        insert_composites(butler, document.composite_datasets)
        insert_inputs(butler, document.dataset_inputs)
        _add_members(butler, document)
    return ImportReport(n_records, n_types, n_collections, n_files, n_known)


def _composites(document: Document) -> list[Composite]:
    try:
        return [Composite.from_json(text) for text in document.composites]
    except (KeyError, TypeError, ValueError) as err:
        raise ExportFormatError(
            f"A definition among the export's 'composites' is malformed: {type(err).__name__} {err}."
        ) from err


def _dataset_type(butler: Butler, document: Document, name: str) -> DatasetType:
    entry = document.dataset_types[name]
    # Visits had a visit system among their dimensions before version 2.
    dimensions = [
        each
        for each in entry.dimensions
        if not (document.universe < 2 and each == "visit_system" and "visit" in entry.dimensions)
    ]
    return DatasetType(
        name,
        dimensions,
        entry.storage_class,
        universe=butler.dimensions,
        isCalibration=entry.is_calibration,
    )


def _insert_records(butler: Butler, document: Document, skipped: set[str]) -> int:
    records = modernize(document, butler.dimensions)
    for name in records:
        butler.dimensions[name]  # an unknown one is an error, with a suggestion
    n = 0
    for element in butler.dimensions.elements:
        rows = list(records.get(element.name, ()))
        if rows and element.has_table and element.name not in skipped:
            for batch in _batches(rows):
                plain = [_record(element, row) for row in batch]
                n += butler.registry.insert_dimension_records(element.name, plain, conflict="skip")
    return n


def _record(element: DimensionElement, row: dict[str, Any]) -> dict[str, Any]:
    record = dict(row)
    if isinstance(region := record.get("region"), EncodedRegion):
        record["region"] = region.encoded
    if element.temporal and "timespan" not in record:
        try:
            record["timespan"] = timespan_of(
                record.pop("datetime_begin", None), record.pop("datetime_end", None)
            )
        except ValueError as err:
            raise ExportFormatError(f"Record of {element.name}: {err}.") from err
    return record


def _register_collections(butler: Butler, document: Document) -> int:
    """Register collections; chains that are there keep their children, and get those that they lack."""
    n = 0
    chains = []
    for entry in document.collections.values():
        new = butler.collections.register(entry.name, entry.kind, entry.doc)
        n += new
        if entry.kind == "CHAINED":
            chains.append((entry, new))
    for entry, new in chains:
        present = () if new else butler.collections.get_info(entry.name).children
        children = list(dict.fromkeys((*present, *entry.children)))
        if tuple(children) != present:
            butler.collections.redefine_chain(entry.name, children)
    return n


def _ingest(
    butler: Butler,
    entries: Sequence[FileEntry],
    types: dict[str, DatasetType],
    directory: Path,
    transfer: Transfer,
    *,
    checksums: bool,
) -> tuple[int, int]:
    """Take files in, but those whose datasets are stored already; return the numbers of both."""
    for batch in _batches(entries):  # all before any file, so that conflicts are told as what they are
        groups: dict[tuple[DatasetType, str], list[DatasetRef]] = defaultdict(list)
        for file in batch:
            for ref in _refs(butler, file, types):
                groups[ref.datasetType, ref.run].append(ref)
        for (kind, run), refs in groups.items():
            ids = [ref.id for ref in refs]
            butler.registry.insert_datasets(kind, run, [ref.dataId for ref in refs], ids=ids)
    n_new = n_known = 0
    for batch in _batches(entries):
        stored = butler.artifacts(id for file in batch for id in file.ids)
        new = []
        for file in batch:
            missing = [ref for ref in _refs(butler, file, types) if ref.id not in stored]
            n_known += len(file.ids) - len(missing)
            if missing:
                path = _location(directory, file.path)
                new.append(FileDataset(path, missing, imported(file.formatter, file.path)))
        n_new += len(butler.ingest(*new, transfer=transfer, checksums=checksums))
    return n_new, n_known


def _batches(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield parts of what may be a million rows: objects are made of one part at a time."""
    for begin in range(0, len(rows), BATCH):
        yield rows[begin : begin + BATCH]


def _refs(butler: Butler, file: FileEntry, types: dict[str, DatasetType]) -> list[DatasetRef]:
    kind = types.get(file.dataset_type) or butler.registry.get_dataset_type(file.dataset_type)
    pairs = zip(file.data_ids, file.ids, strict=True)
    return [DatasetRef(kind, data_id, file.run, id=id) for data_id, id in pairs]


def _location(directory: Path, path: str) -> str:
    if not is_uri(path):
        path = path if path.startswith("/") else f"{directory}/{_inside(path)}"
    elif local := local_path(path.partition("#")[0]):
        path = local + path[len(path.partition("#")[0]) :]
    return path


def _inside(path: str) -> str:
    if ".." in path.split("/"):
        raise ExportFormatError(f"File {path!r} is outside of the folder of the export.")
    return path


def _add_members(butler: Butler, document: Document) -> None:
    """Fill TAGGED and CALIBRATION collections."""
    for name, ids in document.tags.items():
        butler.collections.associate(name, _members(butler, name, ids))
    for name, ranges in document.validity.items():
        for timespan, members in ranges:
            butler.collections.certify(name, _members(butler, name, members), timespan)


def _members(butler: Butler, name: str, ids: Iterable[UUID]) -> Iterator[DatasetRef]:
    ids = list(ids)
    for id, ref in zip(ids, butler.registry.get_datasets(ids), strict=True):
        if ref is None:
            raise ExportFormatError(
                f"Collection {name!r} of the export holds dataset {id}, which is neither in it nor here."
            )
        yield ref
