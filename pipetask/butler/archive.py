"""Archives: many small artifacts in one zip file, that says what they are and is read where it lies.

Members are stored as they are, so that each is a slice of the file, and is read without unpacking anything.
"""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from datastore.records import ArtifactRecord
from pipetask.butler.data_ids import show
from pipetask.butler.limited import hint_of
from pipetask.butler.transfer import stayed
from pipetask.errors import ArchiveError
from registry.dataset_ref import DatasetRef
from registry.dataset_type import DatasetType
from registry.dimensions.coordinate import DataCoordinate
from registry.errors import DataIdError, DatasetNotFoundError

if TYPE_CHECKING:
    from datastore.transfer import Transfer
    from pipetask.butler.butler import Butler

INDEX = "index.json"
VERSION = 1
_ENTRY = frozenset(
    ["id", "dataset_type", "dimensions", "storage_class", "is_calibration", "data_id", "run", "artifacts"]
)
RECORDS = "dimensions.yaml"
_LOCAL_HEADER = struct.Struct("<26xHH")  # of a member: the lengths of its name and of its extra field


def write_archive(butler: Butler, refs: Iterable[DatasetRef], folder: str | Path) -> Path:
    """Write the artifacts of datasets, and their dimension records, into a new zip file; return its path."""
    refs = list(refs)
    target = Path(folder).absolute() / f"{uuid4()}.zip"
    target.parent.mkdir(parents=True, exist_ok=True)
    refs = list(refs)
    stored = butler.artifacts(ref.id for ref in refs)
    entries = []
    partial = target.with_suffix(".part")
    try:
        with zipfile.ZipFile(partial, "x", zipfile.ZIP_STORED) as archive:
            for ref in refs:
                if not (records := stored.get(ref.id)):
                    raise DatasetNotFoundError(f"Dataset {show(ref)} has no files in {butler.root!r}.")
                artifacts = []
                for record in records:
                    if "#" in record.path:
                        raise ArchiveError(f"Dataset {show(ref)} is a part of a file; export it instead.")
                    name = f"{ref.id}/{record.component or 'whole'}"
                    archive.writestr(name, butler.datastore.content(record))
                    fields = record._asdict()
                    kept = ("component", "checksum", "algorithm", "formatter", "storage_class")
                    artifacts.append({"member": name, **{key: fields[key] for key in kept}})
                entries.append(_entry(ref, artifacts))
            archive.writestr(RECORDS, _records(butler, refs))
            archive.writestr(INDEX, json.dumps({"version": VERSION, "datasets": entries}))
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def _records(butler: Butler, refs: Iterable[DatasetRef]) -> bytes:
    """Return the dimension records that datasets need, in the form of exports."""
    from pipetask.butler.interchange.export import RepoExport

    helper = RepoExport(butler, Path(butler.root), "direct")
    helper.saveDataIds(ref.dataId for ref in refs)
    return "".join(helper.document().lines()).encode()


def _entry(ref: DatasetRef, artifacts: list[dict[str, Any]]) -> dict[str, Any]:
    kind = ref.datasetType
    return {
        "id": str(ref.id),
        "dataset_type": kind.name,
        "dimensions": list(kind.dimensions.required),
        "storage_class": kind.storageClass,
        "is_calibration": kind.isCalibration(),
        "data_id": dict(ref.dataId.required),
        "run": ref.run,
        "artifacts": artifacts,
    }


def ingest_archive(
    butler: Butler,
    path: str | Path,
    *,
    transfer: Transfer = "auto",
    transfer_dimensions: bool = False,
    dry_run: bool = False,
) -> list[DatasetRef]:
    """Take the datasets of an archive in, with their ids and runs; it stays one file.

    Parameters
    ----------
    butler : `Butler`
        The repository. Dataset types and runs are registered.
    path : path
        What `write_archive` made.
    transfer : `str`, optional
        How the file gets in; see ``Butler.ingest``.
    transfer_dimensions : `bool`, optional
        Whether dimension records that are missing are taken in as well; else they must be there.
    dry_run : `bool`, optional
        Only say what would be taken in.

    Returns
    -------
    refs : `list` [`DatasetRef`]
        Datasets that were not there before.

    Raises
    ------
    ArchiveError
        If it is no such archive, or damaged.
    """
    index, members = _read(Path(path))
    found = {ref.id: (ref, entry) for ref, entry in ((_ref(butler, each), each) for each in index)}
    stored = butler.artifacts(found)
    new = {id: pair for id, pair in found.items() if id not in stored}
    refs = [ref for ref, _ in new.values()]
    if dry_run or not new:
        return refs
    with butler.transaction():
        if transfer_dimensions:
            _insert_records(butler, Path(path))
        for ref in refs:
            butler.register_dataset_type(ref.datasetType)
            butler.collections.register(ref.run)
            try:
                butler.registry.insert_datasets(ref.datasetType, ref.run, [ref.dataId], ids=[ref.id])
            except DataIdError as err:
                err.hint = "With --transfer-dimensions it comes from the archive."
                raise
        whole = butler.datastore.ingest(
            path, hint_of(refs[0]), transfer=transfer, sync=False, delete_source=False
        )[0]
        if transfer != "direct":
            butler.adopt(
                [whole],
                undo=not stayed(butler, path, whole),
                sources=[path] if transfer == "move" else [],
            )
        locations = [
            (id, *_slice(whole, artifact, members))
            for id, (_, entry) in new.items()
            for artifact in entry["artifacts"]
        ]
        butler.registry.insert_locations(locations)
    return refs


def _insert_records(butler: Butler, path: Path) -> None:
    from pipetask.butler.interchange.document import Document
    from pipetask.butler.interchange.import_ import import_document

    with zipfile.ZipFile(path) as archive:
        if RECORDS not in archive.namelist():
            raise ArchiveError(
                f"{str(path)!r} holds no dimension records; make it again, or insert them first."
            )
        with archive.open(RECORDS) as stream:
            document = Document.from_yaml(stream, where=f"{path}/{RECORDS}")
    import_document(butler, document, path.parent)


def _slice(
    whole: ArtifactRecord, artifact: dict[str, Any], members: dict[str, tuple[int, int]]
) -> ArtifactRecord:
    offset, size = members[artifact["member"]]
    names = ("checksum", "algorithm", "formatter", "storage_class")
    return whole._replace(
        component=artifact["component"], offset=offset, size=size, **{name: artifact[name] for name in names}
    )


def _ref(butler: Butler, entry: dict[str, Any]) -> DatasetRef:
    kind = DatasetType(
        entry["dataset_type"],
        entry["dimensions"],
        entry["storage_class"],
        universe=butler.dimensions,
        isCalibration=entry["is_calibration"],
    )
    data_id = DataCoordinate.standardize(entry["data_id"], dimensions=kind.dimensions)
    return DatasetRef(kind, data_id, entry["run"], id=UUID(entry["id"]))


def _read(path: Path) -> tuple[list[dict[str, Any]], dict[str, tuple[int, int]]]:
    """Return the index of an archive, and where the bytes of each member are: offset and size."""
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as stream:
            if (damaged := archive.testzip()) is not None:
                raise ArchiveError(f"{str(path)!r} is damaged: the content of {damaged!r} has changed.")
            index = json.loads(archive.read(INDEX))
            members = {}
            for info in archive.infolist():
                if info.compress_type != zipfile.ZIP_STORED:
                    raise ArchiveError(
                        f"{str(path)!r} is compressed; only `retrieve-artifacts --zip` makes archives."
                    )
                stream.seek(info.header_offset)
                start = info.header_offset + _LOCAL_HEADER.size
                lengths = _LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))
                members[info.filename] = (start + sum(lengths), info.file_size)
    except KeyError as err:
        raise ArchiveError(f"{str(path)!r} is no archive of datasets: it has no {INDEX}") from err
    except (zipfile.BadZipFile, EOFError, json.JSONDecodeError, UnicodeDecodeError) as err:
        raise ArchiveError(f"{str(path)!r} is no archive of datasets: {err}") from err
    return _checked(index, members, path), members


def _checked(index: Any, members: Mapping[str, Any], path: Path) -> list[dict[str, Any]]:
    """Return the datasets of an index, all of whose entries are whole and have their artifacts."""
    if not isinstance(index, dict) or index.get("version") != VERSION:
        raise ArchiveError(f"{str(path)!r} has no index of version {VERSION}; another program made it.")
    datasets: list[dict[str, Any]] = index.get("datasets", [])
    for entry in datasets:
        if absent := _ENTRY.difference(entry):
            raise ArchiveError(f"{str(path)!r}: a dataset of its index lacks {', '.join(sorted(absent))}.")
        for artifact in entry["artifacts"]:
            if artifact["member"] not in members:
                raise ArchiveError(f"{str(path)!r} lacks {artifact['member']!r} of its index.")
    return datasets
