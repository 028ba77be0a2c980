"""Ingest by table: one file a row, its data ID in the other columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from datastore.errors import DatastoreError, FileRefusedError
from datastore.locations import is_uri
from pipetask.butler.limited import hint_of
from pipetask.butler.transfer import FileDataset
from pipetask.errors import FileTableError
from registry.dataset_ref import DatasetRef, raw_id
from registry.dataset_type import DatasetType
from registry.dimensions.coordinate import DataCoordinate
from registry.errors import RegistryError

if TYPE_CHECKING:
    from datastore.transfer import Transfer
    from pipetask.butler.butler import Butler

IdMode = Literal["unique", "dataid_type", "dataid_type_run"]
_FAULTS = (DatastoreError, RegistryError, FileTableError)


@dataclass(frozen=True, slots=True)
class FileFailure:
    """A file that could not be taken in."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class FileTableReport:
    """What came of an ingest: new datasets, how many were there already, what failed."""

    refs: list[DatasetRef] = field(default_factory=list)
    n_known: int = 0
    failures: list[FileFailure] = field(default_factory=list)


def read_file_table(path: str | Path) -> list[dict[str, Any]]:
    """Return the rows of a table file of any format that astropy reads; file names are in ``file``.

    The first column is the file, whatever its name.
    """
    from astropy.table import Table

    try:
        try:
            table = Table.read(str(path))
        except OSError:  # a suffix that says nothing of the format
            table = Table.read(str(path), format="ascii")
    except Exception as err:  # whatever a reader raises
        raise FileTableError(f"{str(path)!r} is no table that can be read: {err}") from err
    names = ["file", *table.colnames[1:]]
    columns = [table[name].tolist() for name in table.colnames]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def ingest_table(
    butler: Butler,
    dataset_type: str,
    run: str,
    rows: list[dict[str, Any]],
    *,
    data_id: Mapping[str, Any] | None = None,
    prefix: str = "",
    formatter: str | None = None,
    id_mode: IdMode = "unique",
    transfer: Transfer = "auto",
    checksums: bool = True,
    continue_on_error: bool = False,
) -> FileTableReport:
    """Take files in as datasets of one type; each is opened and checked before anything is changed.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    dataset_type, run : `str`
        What the files are, and where they go; the run is registered if need be.
    rows : `list` [`dict`]
        ``file``, a path or URI, maybe with ``#hdu=N``, and values of the data ID.
    data_id : mapping, optional
        Values that all files have.
    prefix : `str`, optional
        Folder that relative paths start from.
    formatter : `str`, optional
        Name of the formatter that reads the files.
    id_mode : `str`, optional
        Whether ids are new ("unique"), or follow from data ID and type ("dataid_type"), or these and the run
        ("dataid_type_run"): then ingesting again changes nothing.
    transfer, checksums
        See ``Butler.ingest``.
    continue_on_error : `bool`, optional
        Take in the others if a file fails; else a failure is an error, and nothing is taken in.

    Raises
    ------
    FileTableError
        If a file can't be taken in; names it.
    """
    kind = butler.get_dataset_type(dataset_type)
    butler.collections.register(run)
    report = FileTableReport()
    files: dict[UUID, FileDataset] = {}
    taken: dict[DataCoordinate, str] = {}
    for path, values in _named(rows, prefix):
        try:
            ref = _ref(butler, kind, run, {**values, **(data_id or {})}, id_mode)
            if (other := taken.get(ref.dataId)) is not None:
                raise FileTableError(f"its data ID {ref.dataId} is that of {other} too")
            butler.datastore.check(path, hint_of(ref), formatter=formatter)
            known = butler.registry.find_dataset(kind, ref.dataId, collections=[run])
            if known is not None and known.id != ref.id:
                raise FileTableError(f"run {run!r} has a {dataset_type} of {ref.dataId} already")
        except _FAULTS as err:
            _fail(report, path, err, continue_on_error=continue_on_error)
            continue
        taken[ref.dataId] = path
        files[ref.id] = FileDataset(path, ref, formatter)
    stored = butler.artifacts(files)
    new = [file for id, file in files.items() if id not in stored]
    refs = _ingest(butler, new, report, transfer, checksums, continue_on_error=continue_on_error)
    return FileTableReport(refs, len(stored), report.failures)


def _ingest(
    butler: Butler,
    files: list[FileDataset],
    report: FileTableReport,
    transfer: Transfer,
    checksums: bool,
    *,
    continue_on_error: bool,
) -> list[DatasetRef]:
    """Take in all together; if that fails and others shall go on, file by file."""
    try:
        return butler.ingest(*files, transfer=transfer, checksums=checksums)
    except _FAULTS:
        if not continue_on_error:
            raise
    parts: dict[str, list[FileDataset]] = {}
    for file in files:
        parts.setdefault(str(file.path).partition("#")[0], []).append(file)
    refs = []
    for of_one_file in parts.values():
        try:
            refs += butler.ingest(*of_one_file, transfer=transfer, checksums=checksums)
        except _FAULTS as err:
            for part in of_one_file:
                _fail(report, str(part.path), err, continue_on_error=True)
    return refs


def _fail(report: FileTableReport, path: str, err: Exception, *, continue_on_error: bool) -> None:
    reason = err.reason if isinstance(err, FileRefusedError) else str(err)
    if not continue_on_error:
        raise FileTableError(f"{path}: {reason}") from err
    report.failures.append(FileFailure(path, reason))


def _named(rows: list[dict[str, Any]], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for row in rows:
        path = str(row["file"])
        if prefix and not is_uri(path) and not path.startswith("/"):
            path = f"{prefix.rstrip('/')}/{path}"
        yield path, {name: value for name, value in row.items() if name != "file"}


def _ref(butler: Butler, kind: DatasetType, run: str, values: dict[str, Any], id_mode: IdMode) -> DatasetRef:
    data_id = DataCoordinate.standardize(values, dimensions=kind.dimensions)
    expanded = butler.registry.expand_data_id(data_id, records=False)
    if id_mode == "unique":
        return DatasetRef(kind, data_id, run)
    return DatasetRef(
        kind, data_id, run, id=raw_id(kind.name, expanded, run * (id_mode == "dataid_type_run"))
    )
