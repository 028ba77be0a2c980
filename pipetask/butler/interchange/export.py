"""Export: datasets, their files, and all that they need elsewhere, into a folder."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from operator import itemgetter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datastore.artifact import write_artifact, write_parts
from datastore.errors import IncompleteDatasetError
from datastore.locations import is_uri
from pipetask.butler.composites.find import recorded
from pipetask.butler.composites.ref import CompositeRef
from pipetask.butler.data_ids import show
from pipetask.butler.interchange.document import CollectionEntry, Document, FileEntry, TypeEntry
from pipetask.butler.interchange.formatters import exported
from pipetask.butler.interchange.put_composites import entries, put_among
from pipetask.butler.interchange.yaml_tags import EncodedRegion, tai_time
from pipetask.butler.limited import hint_of
from pipetask.errors import ExportFormatError
from registry.dataset_ref import DatasetRef
from registry.datasets.ids import to_bytes
from registry.dimensions.coordinate import DataCoordinate
from registry.dimensions.record import DimensionRecord
from registry.errors import DatasetNotFoundError
from registry.timespan import Timespan

if TYPE_CHECKING:
    from datastore.records import ArtifactRecord
    from datastore.transfer import Transfer
    from pipetask.butler.butler import Butler
    from pipetask.butler.composites.definition import Composite
    from registry.dataset_type import DatasetType
    from registry.dimensions.element import DimensionElement
    from registry.query.query import Query

_PAGE = 10_000  # keys that are looked up at once
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
        self._directory = directory
        self._transfer = transfer
        self._fetch_remote = fetch_remote
        self._refs: dict[UUID, DatasetRef] = {}
        self._files: dict[tuple[str, str, str, str], list[DatasetRef]] = {}
        self._placed: set[str] = set()
        self._wanted: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
        self._records: dict[str, dict[tuple[Any, ...], DimensionRecord]] = defaultdict(dict)
        self._collections: dict[str, CollectionEntry] = {}
        self._types: dict[str, TypeEntry] = {}
        self._definitions = butler.composites.all()
        self._composites: dict[str, Composite] = {}
        self._put: dict[UUID, DatasetRef] = {}  # composites, those that are parts of others first
        self._all_records = False

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
            path, formatter = self._file(ref, artifacts[ref.id])
            # One entry of the format: a file, and datasets of one type and run.
            self._files.setdefault((path, formatter, ref.datasetType.name, ref.run), []).append(ref)
            self._refs[ref.id] = ref
            self.saveDatasetType(ref.datasetType)
            self.saveCollection(ref.run)
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
        for data_id in data_ids:
            group = data_id.dimensions
            for name in group.elements:
                element = group.universe[name]
                if element.has_table and set(element.required) <= set(group.required):
                    self._wanted[name].add(tuple(data_id[each] for each in element.required))

    def saveDimensionData(self, element: str, records: Iterable[DimensionRecord]) -> None:
        """Export dimension records of one element."""
        name = self._butler.dimensions[element].name
        for record in records:
            self._records[name][record.dataId.values_tuple] = record

    def saveAllDimensionData(self) -> None:
        """Export all dimension records, which are read as they are written."""
        self._all_records = True

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
        if not self._all_records:
            self._close_records()
        document = Document(
            self._butler.dimensions.version,
            records={
                element.name: map(_plain, self._records_of(element))
                for element in self._butler.dimensions.elements
                if element.has_table
                and (self._all_records or self._records.get(element.name) or self._wanted.get(element.name))
            },
            collections=self._collections,
            dataset_types=self._types,
            files=self._file_entries(),
            composites=[composite.to_json() for composite in self._composites.values()],
            composite_datasets=entries(self._butler, self._put.values()),
        )
        for name, entry in self._collections.items():
            if entry.kind == "TAGGED":
                document.tags[name] = self._tagged(name)
            elif entry.kind == "CALIBRATION":
                document.validity[name] = self._certified(name)
        return document

    def _file_entries(self) -> Iterator[FileEntry]:
        for key in sorted(self._files, key=itemgetter(2, 3)):  # by dataset type and run, else as they came
            path, formatter, dataset_type, run = key
            refs = self._files[key]
            ids, data_ids = tuple(ref.id for ref in refs), tuple(ref.dataId.required for ref in refs)
            yield FileEntry(dataset_type, run, ids, data_ids, path, exported(formatter))

    # Records

    def _records_of(self, element: DimensionElement) -> Iterator[DimensionRecord]:
        """Yield the records of an element that are exported, by key."""
        if self._all_records:
            with self._butler.registry.query() as query:
                yield from query.dimension_records(element.name)
            return
        given = self._records.get(element.name, {})
        yield from (record for _, record in sorted(given.items()))
        # A relation need not have a record for all that its dimensions have.
        for query in self._queries(element, self._wanted.get(element.name, set()).difference(given)):
            yield from sorted(query.dimension_records(element.name), key=_key)

    def _queries(self, element: DimensionElement, keys: Iterable[tuple[Any, ...]]) -> Iterator[Query]:
        """Yield queries for some thousands each of the data IDs with keys of an element."""
        ordered = sorted(keys)
        group = element.minimal_group
        with self._butler.registry.query() as query:
            for start in range(0, len(ordered), _PAGE):
                page = ordered[start : start + _PAGE]
                yield query.join_data_coordinates(DataCoordinate.from_required(group, key) for key in page)

    def _close_records(self) -> None:
        """Add the keys of the records that those which are wanted refer to."""
        universe = self._butler.dimensions
        for relation in universe.relations:
            # What a visit is made of goes with it.
            if relation.always_join and relation.populated_by and self._wanted.get(relation.populated_by):
                for query in self._queries(
                    universe[relation.populated_by], self._wanted[relation.populated_by]
                ):
                    self._wanted[relation.name].update(map(_key, query.dimension_records(relation.name)))
        for element in reversed(universe.elements):
            for values in self._values_of(element):
                for name in (*element.required, *element.implied):
                    parent = universe[name]
                    if parent.has_table and parent is not element:
                        self._wanted[name].add(tuple(values[each] for each in parent.required))

    def _values_of(self, element: DimensionElement) -> Iterator[Mapping[str, Any]]:
        """Yield required and implied values of the records that are wanted so far."""
        keys = self._wanted.get(element.name, set())
        for record in self._records.get(element.name, {}).values():
            yield dict(zip(element.column_names, record.values_tuple(), strict=True))
        if not element.implied:
            yield from (dict(zip(element.required, key, strict=True)) for key in keys)
            return
        for query in self._queries(element, keys):
            yield from (data_id.mapping for data_id in query.data_ids(element.dimensions))

    def _tagged(self, name: str) -> list[UUID]:
        members = self._butler.registry.collections.dataset_types(name)
        return [
            ref.id
            for kind in members
            for ref in self._butler.registry.query_datasets(kind, [name])
            if ref.id in self._refs
        ]

    def _certified(self, name: str) -> list[tuple[Timespan, tuple[UUID, ...]]]:
        ranges: dict[Timespan, list[UUID]] = defaultdict(list)
        for kind in self._butler.registry.collections.dataset_types(name):
            found = self._butler.registry.calibration_columns(kind, [name])
            bounds = zip(found.begin_ns.tolist(), found.end_ns.tolist(), strict=True)
            for id, (begin, end) in zip(to_bytes(found.ids), bounds, strict=True):
                if (known := UUID(bytes=id)) in self._refs:
                    ranges[Timespan.from_ns(begin, end)].append(known)
        return [(timespan, tuple(ids)) for timespan, ids in sorted(ranges.items())]

    # Files

    def _file(self, ref: DatasetRef, records: list[ArtifactRecord]) -> tuple[str, str]:
        """Bring the file of a dataset to its place; return its path in the export, and its formatter."""
        record = records[0]
        if len(records) > 1 or record.component or record.offset >= 0:
            return self._rewritten(ref)
        datastore = self._butler.datastore
        transfer = self._transfer
        if transfer == "direct" and self._fetch_remote and datastore.local_file(record) is None:
            transfer = "copy"
        if transfer == "direct":
            return datastore.uri(record), record.formatter
        location, _, fragment = record.path.partition("#")
        relative = location
        if is_uri(location):
            named = PurePosixPath(datastore.path_for(hint_of(ref)))
            relative = str(named.with_suffix(PurePosixPath(location).suffix))
        if relative not in self._placed:
            datastore.retrieve(record, str(self._directory.absolute() / relative), transfer=transfer)
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


def _key(record: DimensionRecord) -> tuple[Any, ...]:
    return record.values_tuple()[: len(record.definition.required)]


def _plain(record: DimensionRecord) -> dict[str, Any]:
    """Return a record as the format has it."""
    element = record.definition
    plain = {}
    for name, value in record.to_dict().items():
        if name == element.name:
            plain[element.key_name] = value
        elif name == "region" and element.spatial:
            kind = f"lsst.sphgeom.{type(value).__name__}"
            plain["region"] = None if value is None else EncodedRegion(kind, value.encode())
        elif name == "timespan" and element.temporal:
            bounds = (None, None) if value is None else map(tai_time, value.nsec)
            plain["datetime_begin"], plain["datetime_end"] = bounds
        else:
            plain[name] = value
    return plain
