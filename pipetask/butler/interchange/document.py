"""What an export file says, as values: read from YAML and checked, or made and written as YAML."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from sys import intern
from typing import IO, Any, NamedTuple, TypeVar
from uuid import UUID, uuid3

from pipetask.butler.interchange import yaml_tags
from pipetask.butler.interchange.named_inputs import InputsEntry
from pipetask.butler.interchange.put_composites import CompositeEntry
from pipetask.errors import ExportFormatError
from registry.dataset_ref import new_id
from registry.timespan import Timespan

T = TypeVar("T")
FORMAT = (1, 0, 2)
NAMESPACE = "daf_butler"

# What the reference makes of the numbers that datasets had in old exports: the same file gives the same ids.
_NUMBERED = UUID("4d4851f4-2890-4d41-8779-5f38a3f5062b")


@dataclass(frozen=True, slots=True)
class CollectionEntry:
    """A collection: its name, kind, description, and, of a chain, its children."""

    name: str
    kind: str
    doc: str = ""
    children: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TypeEntry:
    """A dataset type."""

    name: str
    dimensions: tuple[str, ...]
    storage_class: str
    is_calibration: bool = False


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file and the datasets in it; ``path`` is relative to the folder of the export, or a URI."""

    dataset_type: str
    run: str
    ids: tuple[UUID, ...]
    data_ids: tuple[Mapping[str, Any], ...]
    path: str
    formatter: str


@dataclass(frozen=True, slots=True)
class Document:
    """All that an export file says. Of one to be written, records and files may be iterators.

    Attributes
    ----------
    universe : `int`
        Version of the dimension universe that the records are of.
    records : `dict` [`str`, iterable of `dict`]
        Dimension records by element: column names as the format has them (``id``, ``name``,
        ``datetime_begin``, …).
    collections, dataset_types : `dict`
        By name.
    files : iterable of `FileEntry`
        Files with their datasets, those of one dataset type and run together.
    tags : `dict` [`str`, `list` [`~uuid.UUID`]]
        Members of TAGGED collections.
    validity : `dict` [`str`, `list` [`tuple` [`Timespan`, `tuple` [`~uuid.UUID`]]]]
        Members of CALIBRATION collections.
    composites : `list` [`str`]
        Definitions of composites, as JSON. They stand beside ``data``, where the reference passes over them.
    composite_datasets : `list` [`CompositeEntry`]
        Composites that were put, likewise beside ``data``; those that are parts of others first.
    dataset_inputs : iterable of `InputsEntry`
        What datasets say that they were made from, likewise beside ``data``.
    """

    universe: int
    records: dict[str, Iterable[dict[str, Any]]] = field(default_factory=dict)
    collections: dict[str, CollectionEntry] = field(default_factory=dict)
    dataset_types: dict[str, TypeEntry] = field(default_factory=dict)
    files: Iterable[FileEntry] = ()
    tags: dict[str, list[UUID]] = field(default_factory=dict)
    validity: dict[str, list[tuple[Timespan, tuple[UUID, ...]]]] = field(default_factory=dict)
    composites: list[str] = field(default_factory=list)
    composite_datasets: list[CompositeEntry] = field(default_factory=list)
    dataset_inputs: Iterable[InputsEntry] = ()

    # Writing

    def lines(self) -> Iterator[str]:
        """Yield the file's text in parts; records and files are taken one by one, as they are written."""
        yield yaml_tags.dump(
            {
                "description": "Butler Data Repository Export",
                "version": ".".join(map(str, FORMAT)),
                "universe_version": self.universe,
                "universe_namespace": NAMESPACE,
                **({"composites": self.composites} if self.composites else {}),
            }
        )
        for key, listed in (
            ("composite_datasets", self.composite_datasets),
            ("dataset_inputs", self.dataset_inputs),
        ):
            head = f"{key}:\n"
            for each in listed:
                yield f"{head}- {yaml_tags.flow(each.plain())}\n"
                head = ""
        entries = self._lines_of_data()
        if first := next(entries, ""):
            yield "data:\n" + first
            yield from entries
        else:
            yield "data: []\n"

    def _lines_of_data(self) -> Iterator[str]:
        for element, records in self.records.items():
            yield from _with_records({"type": "dimension", "element": element}, records)
        for entry in self._entries():
            yield f"- {yaml_tags.flow(entry)}\n"
        for (dataset_type, run), files in groupby(self.files, lambda file: (file.dataset_type, file.run)):
            head = {"type": "dataset", "dataset_type": dataset_type, "run": run}
            yield from _with_records(head, map(_file_record, files))
        for name, ids in self.tags.items():
            yield from _with_items(
                {"type": "associations", "collection": name, "collection_type": "TAGGED"}, "dataset_ids", ids
            )
        for name, ranges in self.validity.items():
            yield from _with_items(
                {"type": "associations", "collection": name, "collection_type": "CALIBRATION"},
                "validity_ranges",
                ({"timespan": timespan, "dataset_ids": members} for timespan, members in ranges),
            )

    def _entries(self) -> Iterator[dict[str, Any]]:
        for collection in self.collections.values():
            yield _collection_entry(collection)
        for each in self.dataset_types.values():
            yield {
                "type": "dataset_type",
                "name": each.name,
                "dimensions": list(each.dimensions),
                "storage_class": each.storage_class,
                "is_calibration": each.is_calibration,
            }

    # Reading

    @classmethod
    def from_yaml(cls, content: str | bytes | IO[bytes], *, where: str) -> Document:
        """Return what a file says.

        Parameters
        ----------
        content : `str`, `bytes` or binary file
            The file's content; a file is read in parts.
        where : `str`
            Name of the file, for messages.

        Raises
        ------
        ExportFormatError
            If it is no export, or one of a newer format.
        """
        import yaml

        try:
            said = yaml_tags.load(content, _compact)
        except yaml.MarkedYAMLError as err:
            line = f", line {err.problem_mark.line + 1}" if err.problem_mark else ""
            raise ExportFormatError(f"{where!r}{line} is not the YAML of an export: {err.problem}.") from err
        except (yaml.YAMLError, ValueError, KeyError) as err:
            raise ExportFormatError(f"{where!r} is not the YAML of an export: {err}.") from err
        if not isinstance(said, dict) or not isinstance(said.get("data"), list):
            raise ExportFormatError(f"{where!r} is no export: it has no list 'data'.")
        _check_version(said.get("version"), where)
        if said.get("universe_namespace", NAMESPACE) != NAMESPACE:
            raise ExportFormatError(
                f"{where!r} is of the universe {said['universe_namespace']!r}, not {NAMESPACE!r}."
            )
        if not isinstance(universe := said.get("universe_version", 0), int):
            raise ExportFormatError(f"{where!r} has the universe version {universe!r}, which is no number.")
        files: list[FileEntry] = []
        document = cls(
            universe,
            files=files,
            composites=list(said.get("composites") or ()),
            composite_datasets=_listed(CompositeEntry.from_plain, said, "composite_datasets", where),
            dataset_inputs=_listed(InputsEntry.from_plain, said, "dataset_inputs", where),
        )
        for number, entry in enumerate(said["data"]):
            try:
                document._add(entry)
                if entry["type"] == "dataset":
                    files.extend(_files(entry))
            except (KeyError, TypeError, ValueError, AttributeError) as err:
                kind = entry.get("type") if isinstance(entry, dict) else entry
                raise ExportFormatError(
                    f"Entry {number} of 'data' in {where!r} (type {kind!r}) is malformed: "
                    f"{type(err).__name__}: {err}."
                ) from err
        return document

    def _add(self, entry: Mapping[str, Any]) -> None:
        kind = entry["type"]
        if kind == "dimension":
            name = entry["element"]
            self.records[name] = [*self.records.get(name, ()), *entry["records"]]
        elif kind == "run":
            self.collections[entry["name"]] = CollectionEntry(entry["name"], "RUN")
        elif kind == "collection":
            # Old chains say, beside each child, for which dataset types it is searched.
            children = tuple(c if isinstance(c, str) else str(c[0]) for c in entry.get("children", ()))
            self.collections[entry["name"]] = CollectionEntry(
                entry["name"], entry["collection_type"], entry.get("doc") or "", children
            )
        elif kind == "dataset_type":
            self.dataset_types[entry["name"]] = TypeEntry(
                entry["name"],
                tuple(entry["dimensions"]),
                entry["storage_class"],
                bool(entry.get("is_calibration", False)),
            )
        elif kind == "associations":
            self._add_members(entry)
        elif kind != "dataset":
            raise ValueError("there is no such type")

    def _add_members(self, entry: Mapping[str, Any]) -> None:
        name = entry["collection"]
        if entry["collection_type"] == "TAGGED":
            self.tags.setdefault(name, []).extend(map(_id, entry["dataset_ids"]))
            return
        ranges = self.validity.setdefault(name, [])
        for each in entry["validity_ranges"]:
            timespan = each.get("timespan") or yaml_tags.timespan_of(each.get("begin"), each.get("end"))
            ranges.append((timespan or Timespan.from_ns(), tuple(map(_id, each["dataset_ids"]))))


def _listed(read: Callable[[Mapping[str, Any]], T], said: Mapping[str, Any], key: str, where: str) -> list[T]:
    """Return the entries of a list that stands beside ``data``."""
    try:
        return [read(each) for each in said.get(key) or ()]
    except (KeyError, TypeError, ValueError) as err:
        raise ExportFormatError(
            f"An entry of {key!r} in {where!r} is malformed: {type(err).__name__} {err}."
        ) from err


def _with_records(head: Mapping[str, Any], records: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    return _with_items(head, "records", records)


def _with_items(head: Mapping[str, Any], name: str, items: Iterable[Any]) -> Iterator[str]:
    """Yield an entry that ends in a long list, an item a line; nothing if there are no items."""
    for i, item in enumerate(items):
        if i == 0:
            mark = "-"
            for key, value in head.items():
                yield f"{mark} {key}: {yaml_tags.flow(value)}\n"
                mark = " "
            yield f"  {name}:\n"
        yield f"  - {yaml_tags.flow(item)}\n"


def _file_record(file: FileEntry) -> dict[str, Any]:
    return {
        "dataset_id": file.ids,
        "data_id": file.data_ids,
        "path": file.path,
        "formatter": file.formatter,
    }


def _collection_entry(collection: CollectionEntry) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": "collection",
        "collection_type": collection.kind,
        "name": collection.name,
    }
    if collection.doc:
        entry["doc"] = collection.doc
    if collection.kind == "RUN":
        entry |= {"host": None, "timespan_begin": None, "timespan_end": None}
    elif collection.kind == "CHAINED":
        entry["children"] = list(collection.children)
    return entry


class _File(NamedTuple):
    """What an export says of a file, before it is checked."""

    ids: Any
    data_ids: Any
    path: Any
    formatter: Any


def _compact(item: Any) -> Any:
    """Return the record of a file in a tenth of the memory; others as they are."""
    if isinstance(item, dict) and "path" in item and isinstance(item.get("data_id"), list):
        ids, data_ids = item.get("dataset_id"), tuple(map(_shared, item["data_id"]))
        ids = tuple(ids) if isinstance(ids, list) else ids
        return _File(ids, data_ids, item["path"], _shared(item.get("formatter")))
    return item


def _files(entry: Mapping[str, Any]) -> Iterator[FileEntry]:
    records = entry["records"]
    records.reverse()
    while records:  # each is forgotten when the next one is made
        record = records.pop()
        if not isinstance(record, _File):
            raise TypeError(f"{record!r} needs a 'path' and a list 'data_id'")
        n = len(record.data_ids)
        ids = record.ids or [None] * n
        if len(ids) != n:
            raise ValueError(f"{len(ids)} ids for {n} data IDs in {record.path!r}")
        yield FileEntry(
            entry["dataset_type"],
            entry["run"],
            tuple(map(_id, ids)),
            record.data_ids,
            str(record.path),
            record.formatter or "",
        )


def _shared(value: Any) -> Any:
    """Return a text that is the same object as equal ones, or a data ID of such: there may be a million."""
    if isinstance(value, dict):
        return {_shared(name): _shared(each) for name, each in value.items()}
    return intern(value) if isinstance(value, str) else value


def _id(value: Any) -> UUID:
    if isinstance(value, UUID):
        return value
    if isinstance(value, int):
        return uuid3(_NUMBERED, str(value))
    return new_id() if value is None else UUID(value)


def _check_version(value: Any, where: str) -> None:
    try:
        version = (1, 0, 0) if value == 0 else tuple(int(part) for part in str(value).split("."))
    except ValueError:
        version = ()
    if not version or version[0] != FORMAT[0] or version[:2] > FORMAT[:2]:
        raise ExportFormatError(
            f"{where!r} has the export format {value!r}; this program reads 0 and 1.0.0 to "
            f"{'.'.join(map(str, FORMAT))}."
        )
