"""Datastore: objects to artifacts and back; it returns records and keeps none."""

from __future__ import annotations

from functools import partial
from typing import Any

from datastore.files import ArtifactFiles
from datastore.ingest import IngestingDatastore
from datastore.reading import ReadingDatastore
from datastore.templates import DEFAULT_TEMPLATE
from datastore.writing import WritingDatastore


class Datastore(WritingDatastore, ReadingDatastore, IngestingDatastore, ArtifactFiles):
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

    def defaults(self) -> dict[str, Any]:
        """Return what holds where the configuration says nothing, in the form of a configuration."""
        return {
            "storageClasses": self.storage_classes.defaults(),
            "templates": {"default": DEFAULT_TEMPLATE},
            "disassemble": [],
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(Datastore, config=self._config), (self._root,)
