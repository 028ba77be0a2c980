"""Several stores in a row: which of them takes a dataset, and which one a record means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from datastore.errors import NoStoreError, StoreDefinitionError, UnknownStoreError
from datastore.locations import Source, is_uri, local_path
from datastore.records import ArtifactRecord
from datastore.stores.base import Store
from datastore.stores.local import LocalStore
from datastore.stores.memory import SCHEME, MemoryStore
from datastore.stores.remote import RemoteStore, remote_source

DEFAULT_NAME = "file"
_KEYS = frozenset({"name", "root", "options", "accept", "reject"})


@dataclass(frozen=True, slots=True)
class Constraints:
    """Which datasets a store takes: patterns of dataset types or storage classes."""

    accept: tuple[str, ...] = ("*",)
    reject: tuple[str, ...] = ()

    def allow(self, dataset_type: str, storage_class: str) -> bool:
        """Tell whether a dataset is taken: accepted, and not rejected."""

        def matches(patterns: Iterable[str]) -> bool:
            names = dataset_type, storage_class
            return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)

        return matches(self.accept) and not matches(self.reject)


class StoreChain:
    """The stores of a repository, in order. A dataset goes to the first that takes it, and to no other.

    Parameters
    ----------
    root : `str`
        Folder of the repository; the only store, named "file", where none is defined.
    definitions : sequence of mappings, optional
        ``name``, ``root`` (a path relative to the repository, or a URI), ``options`` of a remote file system,
        ``accept`` and ``reject``.
    """

    def __init__(self, root: str, definitions: Sequence[Mapping[str, Any]] | None = None) -> None:
        self._stores: dict[str, Store] = {}
        self._constraints: dict[str, Constraints] = {}
        self._chosen: dict[tuple[str, str], Store] = {}
        for definition in definitions or [{"name": DEFAULT_NAME, "root": root}]:
            store = _make(definition, root)
            if store.name in self._stores:
                raise StoreDefinitionError(store.name, "two stores have this name")
            self._stores[store.name] = store
            self._constraints[store.name] = Constraints(
                tuple(_patterns(definition, "accept", ["*"])), tuple(_patterns(definition, "reject", []))
            )

    def __iter__(self) -> Iterator[Store]:
        return iter(self._stores.values())

    def __getitem__(self, name: str) -> Store:
        try:
            return self._stores[name]
        except KeyError:
            raise UnknownStoreError(name, tuple(self._stores)) from None

    def for_dataset(self, dataset_type: str, storage_class: str) -> Store:
        """Return the first store that takes a dataset."""
        key = dataset_type, storage_class
        if (chosen := self._chosen.get(key)) is not None:
            return chosen
        for name, store in self._stores.items():
            if self._constraints[name].allow(dataset_type, storage_class):
                self._chosen[key] = store
                return store
        raise NoStoreError(dataset_type, storage_class, tuple(self._stores))

    def source(self, record: ArtifactRecord) -> Source:
        """Return what to read for a record."""
        location, _, fragment = record.path.partition("#")
        if not is_uri(location):
            store = self[record.store]
            return store.source(location, fragment=fragment, offset=record.offset, size=record.size)
        if (local := local_path(location)) is not None:
            return Source(location, local, fragment, record.offset, record.size)
        return remote_source(location, fragment, record.offset, record.size, {})

    def by_store(self, records: Iterable[ArtifactRecord]) -> Iterator[tuple[Store, list[str]]]:
        """Yield each store with the paths of the records that lie in it; files elsewhere are left out."""
        paths: dict[str, dict[str, None]] = {}
        for record in records:
            if not is_uri(record.path):
                paths.setdefault(record.store, {})[record.path.partition("#")[0]] = None
        for name, found in paths.items():
            yield self[name], list(found)


def _make(definition: Mapping[str, Any], folder: str) -> Store:
    """Return the store of a definition: by the scheme of its root."""
    if not isinstance(definition, Mapping):
        raise StoreDefinitionError(str(definition), "it is no mapping of name, root, …")
    name, root = str(definition.get("name", "")), definition.get("root")
    if unknown := set(definition) - _KEYS:
        raise StoreDefinitionError(name, f"unknown keys {sorted(unknown)}; it has {sorted(_KEYS)}")
    if not name or not isinstance(root, str):
        raise StoreDefinitionError(name, "it needs a name and a root (path or URI)")
    if root.startswith(f"{SCHEME}://"):
        return MemoryStore(name, root.rstrip("/"))
    local = local_path(root if is_uri(root) or root.startswith("/") else f"{folder}/{root}")
    if local is not None:
        return LocalStore(name, local)
    return RemoteStore(name, root.rstrip("/"), definition.get("options"))


def _patterns(definition: Mapping[str, Any], key: str, default: list[str]) -> list[str]:
    value = definition.get(key, default)
    if not isinstance(value, list):
        raise StoreDefinitionError(str(definition["name"]), f"{key!r} is a list of patterns, not {value!r}")
    return [str(pattern) for pattern in value]
