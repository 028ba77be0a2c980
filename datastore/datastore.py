"""Datastore: objects to artifacts and back; it returns records and keeps none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from datastore.artifact import ALGORITHM, checksum, file_checksum, write_artifact
from datastore.artifact_cache import ArtifactCache
from datastore.composites.cache import ComponentCache
from datastore.errors import (
    ArtifactMissingError,
    ArtifactReadError,
    ConfigurationError,
    DatastoreError,
    IncompleteDatasetError,
    LocationError,
    UnknownComponentError,
)
from datastore.formatters.base import Formatter, find_formatter
from datastore.ingest import Transfer, file_size, place_file
from datastore.inventory import FoundFile
from datastore.locations import Source, file_uri, is_uri, local_path
from datastore.records import ArtifactHint, ArtifactRecord
from datastore.storage_class import StorageClass, StorageClasses
from datastore.stores.base import Store
from datastore.stores.chained import StoreChain
from datastore.stores.remote import remote_source
from datastore.templates import Templates, encode_run
from datastore.types.box import local_box

_Object = TypeVar("_Object")
LOST = ".lost+found"
"""Folder below the root for files that no record names."""
CONFIG_KEYS = frozenset({"storageClasses", "formatters", "templates", "disassemble", "stores", "cache"})


class Datastore:
    """Artifacts in the stores of a repository.

    Parameters
    ----------
    root : path or URI
        Folder of the repository, in which artifacts lie unless stores are defined.
    config : mapping, optional
        ``storageClasses``: definitions as in ``storage_classes.yaml``. ``formatters``: name of a formatter
        (or dotted class name) by dataset type or storage class. ``templates``: file name templates by
        dataset type, storage class or "default". ``disassemble``: names of dataset types or storage
        classes whose components go to files of their own. ``stores``: see `StoreChain`.
        ``cache``: ``folder``, ``size_gb`` and ``age_days`` of local copies of remote artifacts.

    Notes
    -----
    It has no state but its configuration and the components that it shares, so that any number of processes
    may use one root.
    """

    def __init__(self, root: str | Path, *, config: Mapping[str, Any] | None = None) -> None:
        config = dict(config or {})
        if unknown := set(config) - CONFIG_KEYS:
            raise ConfigurationError(tuple(sorted(unknown)), tuple(sorted(CONFIG_KEYS)))
        self._arguments = (root, config)
        text = os.fspath(root)
        self.root = local_path(text) or text.rstrip("/")
        self.stores = StoreChain(self.root, config.get("stores"))
        cache = config.get("cache")
        self._cache = ArtifactCache.from_config(cache) if cache is not None else None
        self.storage_classes = StorageClasses(config.get("storageClasses"))
        self._formatters: dict[str, str] = dict(config.get("formatters") or {})
        self._templates = Templates(config.get("templates"))
        self._disassemble = frozenset(config.get("disassemble") or ())
        self.components = ComponentCache()

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, self._arguments

    # Writing

    def write(
        self, obj: Any, hint: ArtifactHint, *, sync: bool = True, clobber: bool = False
    ) -> list[ArtifactRecord]:
        """Write an object and return its records.

        Parameters
        ----------
        obj : object
            Of the storage class's Python type, or convertible to it.
        hint : `ArtifactHint`
            What it is.
        sync : `bool`, optional
            Return when it is durable. Without it, call `sync` with the records of a batch.
        clobber : `bool`, optional
            Replace a file that is there already.
        """
        storage_class = self.storage_classes.get(hint.storage_class)
        obj = storage_class.take(obj)
        if not self._disassemble.isdisjoint((hint.dataset_type, hint.storage_class)):
            return self._write_parts(obj, hint, storage_class, sync=sync, clobber=clobber)
        return [self._write_one(obj, hint, storage_class, "", sync=sync, clobber=clobber)]

    def _write_one(
        self,
        obj: Any,
        hint: ArtifactHint,
        storage_class: StorageClass,
        component: str,
        *,
        sync: bool,
        clobber: bool,
    ) -> ArtifactRecord:
        name, formatter = self._formatter(hint.dataset_type if not component else "", storage_class)
        template = self._templates.find(hint.dataset_type, hint.storage_class)
        path = template.path(hint, component, formatter.extension)
        store = self.stores.for_dataset(hint.dataset_type, hint.storage_class)
        data = formatter.to_bytes(obj, storage_class)
        store.put(path, data, sync=sync, clobber=clobber)
        size = data.nbytes if isinstance(data, memoryview) else len(data)
        record = ArtifactRecord(
            component, store.name, path, -1, size, checksum(data), ALGORITHM, name, storage_class.name
        )
        if self._cache is not None and store.is_remote:
            self._cache.keep(record, store.uri(path), data)
        return record

    def _write_parts(
        self, obj: Any, hint: ArtifactHint, storage_class: StorageClass, *, sync: bool, clobber: bool
    ) -> list[ArtifactRecord]:
        """Write each component that is not None to its own file."""
        records = []
        for component, class_name in storage_class.components.items():
            if (part := getattr(obj, component)) is not None:
                part_class = self.storage_classes.get(class_name)
                part = part_class.take(part)
                records.append(self._write_one(part, hint, part_class, component, sync=sync, clobber=clobber))
        return records

    def write_component(
        self, obj: Any, hint: ArtifactHint, component: str, *, sync: bool = True, clobber: bool = False
    ) -> ArtifactRecord:
        """Write one component of a dataset to a file of its own, without the rest; see `write`."""
        name = self.storage_classes.component_class(hint.storage_class, component)
        part_class = self.storage_classes.get(name)
        part = part_class.take(obj)
        return self._write_one(part, hint, part_class, component, sync=sync, clobber=clobber)

    def _formatter(self, dataset_type: str, storage_class: StorageClass) -> tuple[str, Formatter]:
        """Return the formatter for a dataset type: by its name, its storage class, or built in."""
        chosen = self._formatters
        name = chosen.get(dataset_type) or chosen.get(storage_class.name) or storage_class.formatter
        return name, find_formatter(name)

    def serialize(self, obj: Any, storage_class: str) -> tuple[bytes, str]:
        """Return the bytes of an object, and the name of the formatter that made them."""
        wanted = self.storage_classes.get(storage_class)
        name, formatter = self._formatter("", wanted)
        return bytes(formatter.to_bytes(wanted.take(obj), wanted)), name

    def inputs_named_by(self, obj: Any, storage_class: str) -> list[dict[str, Any]]:
        """Return what an object says that it was made from, a row each; see `composites.inputs`."""
        from datastore.composites.inputs import inputs_named_by

        return inputs_named_by(obj, self.storage_classes.get(storage_class))

    def store_of(self, dataset_type: str, storage_class: str) -> Store:
        """Return the store that a dataset would go to."""
        return self.stores.for_dataset(dataset_type, storage_class)

    def append_path(self, run: str, writer: str) -> str:
        """Return where a writer of a run keeps its small datasets (see `Store.appender`)."""
        return f"{encode_run(run)}/.records/{encode_run(writer)}"

    def sync(self, records: Iterable[ArtifactRecord]) -> None:
        """Make artifacts that were written with ``sync=False`` durable, in one pass."""
        for store, paths in self.stores.by_store(records):
            store.sync(paths)

    def path_for(self, hint: ArtifactHint, component: str = "") -> str:
        """Return where an object would be written, relative to the root."""
        storage_class = self.storage_classes.get(hint.storage_class)
        if component:
            storage_class = self.storage_classes.get(storage_class.components[component])
        _, formatter = self._formatter(hint.dataset_type if not component else "", storage_class)
        template = self._templates.find(hint.dataset_type, hint.storage_class)
        return template.path(hint, component, formatter.extension)

    def records_there(self, hint: ArtifactHint) -> list[ArtifactRecord]:
        """Return the record of what another writer left where an object would be written."""
        storage_class = self.storage_classes.get(hint.storage_class)
        name, _ = self._formatter(hint.dataset_type, storage_class)
        store, path = self.store_of(hint.dataset_type, hint.storage_class), self.path_for(hint)
        data = store.source(path).read_bytes()
        return [
            ArtifactRecord(
                "", store.name, path, -1, len(data), checksum(data), ALGORITHM, name, storage_class.name
            )
        ]

    def ingest(
        self,
        path: str | Path,
        hint: ArtifactHint,
        *,
        transfer: Transfer = "auto",
        formatter: str | None = None,
        sync: bool = True,
        with_checksum: bool = True,
    ) -> list[ArtifactRecord]:
        """Take a file that exists already as a dataset, and return its record.

        Parameters
        ----------
        path : path or URI
            The file; a ``#fragment`` (``#hdu=2``) is for the formatter.
        hint : `ArtifactHint`
            What it is.
        transfer : `str`, optional
            "copy", "move", "hardlink", "symlink"; "direct" records where it is and leaves it there;
            "auto" leaves a file below the root where it is, and links or copies others.
        formatter : `str`, optional
            Name of the formatter that reads it; default as for a write.
        sync : `bool`, optional
            Return when it is durable.
        with_checksum : `bool`, optional
            Read the file for its checksum; only a file recorded where it is may go without.
        """
        storage_class = self.storage_classes.get(hint.storage_class)
        name = formatter or self._formatter(hint.dataset_type, storage_class)[0]
        find_formatter(name)
        location, _, fragment = str(path).partition("#")
        local = local_path(location)
        store = self.stores.for_dataset(hint.dataset_type, hint.storage_class)
        if local is None:
            if transfer not in ("direct", "auto"):
                raise LocationError(location, f"a remote file can't be ingested with transfer {transfer!r}")
            recorded, size, digest = location, -1, ""
        else:
            size = file_size(local)
            stays = transfer == "direct" or (transfer == "auto" and _kept_in(store, local))
            digest = "" if stays and not with_checksum else file_checksum(local)
            recorded = self._place(store, local, hint, transfer, sync=sync)
        if fragment:
            recorded += f"#{fragment}"
        algorithm = ALGORITHM if digest else ""
        return [
            ArtifactRecord("", store.name, recorded, -1, size, digest, algorithm, name, storage_class.name)
        ]

    def _place(self, store: Store, local: str, hint: ArtifactHint, transfer: Transfer, *, sync: bool) -> str:
        """Bring a local file to its place; return the location to record."""
        if transfer == "direct":
            return file_uri(local)
        if transfer == "auto" and _kept_in(store, local):
            return store.relative(local) or ""
        suffixes = Path(local).suffixes
        compressed = bool(suffixes) and suffixes[-1] in (".gz", ".bz2", ".fz")
        suffix = "".join(suffixes[-2:] if compressed else suffixes[-1:])
        template = self._templates.find(hint.dataset_type, hint.storage_class)
        recorded = template.path(hint, "", suffix)
        store.take(local, recorded, transfer, sync=sync)
        return recorded

    def check(self, path: str | Path, hint: ArtifactHint, *, formatter: str | None = None) -> None:
        """Open a file as `ingest` would, and raise if it can't be read as what it is said to be."""
        storage_class = self.storage_classes.get(hint.storage_class)
        name = formatter or self._formatter(hint.dataset_type, storage_class)[0]
        location, _, fragment = str(path).partition("#")
        if (local := local_path(location)) is not None:
            source = Source(local, local, fragment, -1, file_size(local))
        else:
            source = remote_source(location, fragment, -1, -1, {})
        _reading(name, source, lambda: find_formatter(name).check(source, storage_class))

    # Reading

    def read(
        self,
        records: Sequence[ArtifactRecord],
        storage_class: str,
        *,
        component: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        whole: str | None = None,
    ) -> Any:
        """Return a dataset or a component of it.

        Parameters
        ----------
        records : sequence of `ArtifactRecord`
            All of the dataset.
        storage_class : `str`
            What the caller wants. With a component, either the class of the whole or of the component.
        component : `str`, optional
            Dotted for components of components (``mask.DETECTED``).
        parameters : mapping, optional
            Of the stored storage class, or of the component's.
        whole : `str`, optional
            Storage class of the whole, where ``storage_class`` is that of a component. It tells which
            components there can be.
        """
        parameters = parameters or {}
        if not records:
            raise ArtifactMissingError("(no record)")
        if component:
            return self._read_component(records, storage_class, component, parameters, whole or storage_class)
        if records[0].component:
            obj = self._assemble(records, storage_class, parameters)
        else:
            obj = self._read_one(records[0], "", parameters)
        return self.storage_classes.get(storage_class).take(obj)

    def _read_component(
        self,
        records: Sequence[ArtifactRecord],
        storage_class: str,
        component: str,
        parameters: Mapping[str, Any],
        whole_class: str,
    ) -> Any:
        classes = self.storage_classes
        whole = next((record for record in records if not record.component), None)
        if whole is not None:
            native = classes.component_class(whole.storage_class, component)
            obj = self._read_one(whole, component, parameters)
        else:
            first, _, rest = component.partition(".")
            part = next((record for record in records if record.component == first), None)
            if part is None and first in classes.get(whole_class).components:
                self._check_complete(records, classes.get(whole_class), component)
                return None
            if part is None:
                raise UnknownComponentError(whole_class, first, tuple(r.component for r in records))
            native = classes.component_class(part.storage_class, rest) if rest else part.storage_class
            obj = self._read_one(part, rest, self._in_own_pixels(records, parameters))
        if obj is None:
            return None
        wanted = native
        if storage_class != native:
            asked = classes.get(storage_class)
            is_whole = component.split(".", maxsplit=1)[0] in asked.components or "*" in asked.components
            wanted = classes.component_class(storage_class, component) if is_whole else storage_class
        return classes.get(wanted).take(obj)

    def _read_one(self, record: ArtifactRecord, component: str, parameters: Mapping[str, Any]) -> Any:
        """Return what one record says, or a component of it, in the classes it was stored with."""
        stored = self.storage_classes.get(record.storage_class)
        formatter = find_formatter(record.formatter)
        first, _, rest = component.partition(".")
        alone = first in formatter.components
        source = self._source(record, whole=not alone and not parameters)
        if parameters:
            target = (
                self.storage_classes.component_class(stored.name, component) if component else stored.name
            )
            self.storage_classes.get(target).check_parameters(parameters)

        def read() -> Any:
            if not component:
                return formatter.read(source, stored, parameters=parameters)
            obj = formatter.read(source, stored, component=first if alone else "", parameters=parameters)
            remaining = rest if alone else component
            return formatter.component_of(obj, remaining) if remaining else obj

        return _reading(record.formatter, source, read)

    def _source(self, record: ArtifactRecord, *, whole: bool) -> Source:
        """Return what to read for a record: a copy of what is remote, made if the whole is wanted."""
        source = self.stores.source(record)
        if self._cache is None or not source.is_remote or record.offset >= 0:
            return source
        return self._cache.source(record, source, fetch=whole)

    def _in_own_pixels(
        self, records: Sequence[ArtifactRecord], parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return read parameters for one part of an image, which doesn't know where it lies by itself."""
        place = next((record for record in records if record.component == "bbox"), None)
        if "bbox" not in parameters or place is None:
            return parameters
        whole = self._read_one(place, "", {})
        return {"bbox": local_box(parameters["bbox"], whole, parameters.get("origin", "parent"))}

    def _assemble(
        self, records: Sequence[ArtifactRecord], storage_class: str, parameters: Mapping[str, Any]
    ) -> Any:
        """Return the whole of a dataset that was stored in parts."""
        wanted = self.storage_classes.get(storage_class)
        wanted.check_parameters(parameters)
        self._check_complete(records, wanted, "the whole")
        parts = {record.component: self._read_one(record, "", {}) for record in records}
        pytype: Any = wanted.pytype
        whole = pytype.from_components(parts)
        return whole.subset(**parameters) if parameters else whole

    def _check_complete(
        self, records: Sequence[ArtifactRecord], storage_class: StorageClass, wanted: str
    ) -> None:
        """Raise if only some components were brought here; of what is stored whole, absent ones are None."""
        here = [record.component for record in records]
        if not storage_class.required.issubset(here):
            absent = tuple(name for name in storage_class.components if name not in here)
            raise IncompleteDatasetError(wanted, tuple(here), absent)

    # Files

    def exists(self, records: Sequence[ArtifactRecord]) -> bool:
        """Tell whether all files of a dataset are there (and at least one)."""
        return bool(records) and all(self._exists(record) for record in records)

    def _exists(self, record: ArtifactRecord) -> bool:
        return self.size_of(record) is not None

    def remove(self, records: Iterable[ArtifactRecord]) -> None:
        """Delete the files of datasets.

        Files outside the stores and slices of shared files stay: the first are not ours, the second go with
        their run. What is gone already is no error.
        """
        for store, paths in self.stores.by_store(record for record in records if record.offset < 0):
            for path in paths:
                store.delete(path)

    def folder(self, run: str) -> str:
        """Return the folder of a run, relative to the root."""
        return encode_run(run)

    def remove_tree(self, run: str, *, keep: Iterable[str] = ()) -> None:
        """Delete all files of a run, but not those of the runs in ``keep`` that lie below it."""
        kept = [encode_run(other) for other in keep if other.startswith(run + "/")]
        for store in self.stores:
            store.delete_tree(encode_run(run), keep=kept)

    def files(self, run: str) -> Iterator[FoundFile]:
        """Yield the files in the folders of a run, those of runs whose folders lie in it too."""
        for store in self.stores:
            yield from store.files(encode_run(run))

    def size_of(self, record: ArtifactRecord) -> int | None:
        """Return the size of the file that a record names; `None` if it isn't there."""
        location = record.path.partition("#")[0]
        if not is_uri(location):
            return self.stores[record.store].size(location)
        source = self.stores.source(record)
        try:
            return file_size(source.path) if source.path is not None else source.remote_size()
        except ArtifactMissingError:
            return None

    def remove_files(self, files: Iterable[FoundFile]) -> None:
        """Delete files that no record names any more, and the folders that they leave empty."""
        for file in files:
            self.stores[file.store].delete(file.path)

    def set_aside(self, files: Iterable[FoundFile]) -> None:
        """Move files below `LOST`, each under its own path, where nothing reads them."""
        for file in files:
            self.stores[file.store].move(file.path, f"{LOST}/{file.path}")

    def local_file(self, record: ArtifactRecord) -> str | None:
        """Return the path of a record's file, if it is a local one."""
        return self.stores.source(record).path

    def retrieve(
        self, record: ArtifactRecord, target: str, *, transfer: Transfer = "auto", clobber: bool = False
    ) -> None:
        """Bring what a record names, a whole file or a slice, to a local path.

        Parameters
        ----------
        record : `ArtifactRecord`
            What.
        target : `str`
            Absolute path.
        transfer : `str`, optional
            As of `ingest`; what is not a local file of its own can only be copied.
        clobber : `bool`, optional
            Replace a file of that name.
        """
        source = self.stores.source(record)
        if source.path is not None and source.offset < 0:
            file_size(source.path)
            place_file(source.path, target, transfer, root=None, clobber=clobber)
        elif transfer in ("auto", "copy"):
            folder = Path(target).parent
            write_artifact(target, source.read_bytes(), root=str(folder), sync=False, clobber=clobber)
        else:
            reason = f"it is {'remote' if source.path is None else 'a slice of a file'}, so it can be copied,"
            raise LocationError(source.uri, f"{reason} not brought by {transfer}")

    def content(self, record: ArtifactRecord) -> bytes:
        """Return the bytes of an artifact."""
        return self.stores.source(record).read_bytes()

    def verify(self, record: ArtifactRecord) -> bool:
        """Read a whole artifact and tell whether its checksum is the recorded one."""
        data = self.content(record)
        return not record.checksum or checksum(data) == record.checksum

    def uri(self, record: ArtifactRecord) -> str:
        """Return the absolute URI of a record's file."""
        location, _, fragment = record.path.partition("#")
        text = location if is_uri(location) else self.stores[record.store].uri(location)
        return f"{text}#{fragment}" if fragment else text

    def predicted_uri(self, hint: ArtifactHint) -> str:
        """Return the URI that an object would be written to."""
        return self.store_of(hint.dataset_type, hint.storage_class).uri(self.path_for(hint))


def _reading(formatter: str, source: Source, action: Callable[[], _Object]) -> _Object:
    """Return what an action reads; whatever a format's library raises becomes `ArtifactReadError`."""
    try:
        return action()
    except (DatastoreError, MemoryError, ImportError):
        raise
    except Exception as err:
        raise ArtifactReadError(source.uri, f"{formatter}: {type(err).__name__}: {err}") from err


def _kept_in(store: Store, local: str) -> bool:
    """Tell whether a file lies in a store, and not in one of its hidden folders, whose files do not last."""
    relative = store.relative(local)
    return relative is not None and not relative.startswith(".")


def _rebuild(root: str | Path, config: Mapping[str, Any]) -> Datastore:
    return Datastore(root, config=config)
