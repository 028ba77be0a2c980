"""What all parts of the datastore share: its stores, storage classes, formatters and templates."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datastore.artifact_cache import ArtifactCache
from datastore.composites.cache import ComponentCache
from datastore.errors import ConfigurationError, ConfigurationValueError
from datastore.formatters.base import Formatter, find_formatter
from datastore.locations import local_path
from datastore.records import ArtifactHint
from datastore.storage_class import StorageClass, StorageClasses
from datastore.stores.base import Store
from datastore.stores.chained import StoreChain
from datastore.templates import Templates, encode_run

_KINDS: Mapping[str, type] = {
    "storageClasses": dict,
    "formatters": dict,
    "templates": dict,
    "disassemble": list,
    "stores": list,
    "cache": dict,
}
_WORDS: Mapping[type, str] = {dict: "mapping", list: "list"}


class ConfiguredDatastore:
    """What a repository says of its files; see `Datastore` for the parameters."""

    def __init__(self, root: str | Path, *, config: Mapping[str, Any] | None = None) -> None:
        config = dict(config or {})
        for key, value in config.items():
            if key not in _KINDS:
                raise ConfigurationError(key, tuple(_KINDS))
            if value is not None and not isinstance(value, _KINDS[key]):
                raise ConfigurationValueError(key, _WORDS[_KINDS[key]], repr(value))
        self._root, self._config = root, config
        text = os.fspath(root)
        self.root = local_path(text) or text.rstrip("/")
        self.stores = StoreChain(self.root, config.get("stores"))
        cache = config.get("cache")
        self.cache = ArtifactCache.from_config(cache) if cache is not None else None
        self.storage_classes = StorageClasses(config.get("storageClasses"))
        self._formatters: dict[str, str] = dict(config.get("formatters") or {})
        self.templates = Templates(config.get("templates"))
        self.disassembled = frozenset(config.get("disassemble") or ())
        self.components = ComponentCache()

    def formatter_of(self, dataset_type: str, storage_class: StorageClass) -> tuple[str, Formatter]:
        """Return the formatter for a dataset type: by its name, its storage class, or built in."""
        chosen = self._formatters
        name = chosen.get(dataset_type) or chosen.get(storage_class.name) or storage_class.formatter
        return name, find_formatter(name)

    def store_of(self, dataset_type: str, storage_class: str) -> Store:
        """Return the store that a dataset would go to."""
        return self.stores.for_dataset(dataset_type, storage_class)

    def folder(self, run: str) -> str:
        """Return the folder of a run, relative to the root."""
        return encode_run(run)

    def append_path(self, run: str, writer: str) -> str:
        """Return where a writer of a run keeps its small datasets (see `Store.appender`)."""
        return f"{encode_run(run)}/.records/{encode_run(writer)}"

    def path_for(self, hint: ArtifactHint, component: str = "") -> str:
        """Return where an object would be written, relative to the root."""
        storage_class = self.storage_classes.get(hint.storage_class)
        if component:
            storage_class = self.storage_classes.get(storage_class.components[component])
        _, formatter = self.formatter_of(hint.dataset_type if not component else "", storage_class)
        template = self.templates.find(hint.dataset_type, hint.storage_class)
        return template.path(hint, component, formatter.extension)
