"""The registry and the datastore of a repository, opened when they are first needed, by whichever thread."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING

from pipetask.butler.repository import Repository
from registry.errors import SchemaVersionError
from registry.opening import UPGRADE
from registry.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from datastore.datastore import Datastore


class OpenedRepository:
    """What a butler works with.

    Parameters
    ----------
    repository : `Repository`
        Where it is.
    writeable : `bool`
        Whether it may be changed.
    dimensions : iterable of `str`
        Names that must be those of dimensions.
    """

    def __init__(self, repository: Repository, *, writeable: bool, dimensions: Iterable[str]) -> None:
        self.repository = repository
        self.writeable = writeable
        self._dimensions = tuple(dimensions)
        self._registry: Registry | None = None
        self._datastore: Datastore | None = None
        self._lock = RLock()  # lets one of several threads open what all are to use

    @property
    def registry(self) -> Registry:
        """The rows."""
        if self._registry is None:
            with self._lock:
                if self._registry is None:
                    self._registry = self._open_registry()
        return self._registry

    @property
    def datastore(self) -> Datastore:
        """The files."""
        if self._datastore is None:
            from datastore.datastore import Datastore

            with self._lock:
                if self._datastore is None:
                    self._datastore = Datastore(self.repository.root, config=self.repository.datastore)
        return self._datastore

    def close(self, *, roll_back: bool = False) -> None:
        """Close the database, if it was opened; see `Registry.close`."""
        if self._registry is not None:
            self._registry.close(roll_back=roll_back)

    def _open_registry(self) -> Registry:
        try:
            opened = Registry.open(self.repository.registry, writeable=self.writeable)
        except SchemaVersionError as error:
            command = UPGRADE.replace("migrate", f"migrate {self.repository.root}")
            raise SchemaVersionError(str(error).replace(UPGRADE, command)) from error
        for name in self._dimensions:
            opened.universe[name]  # an unknown one is an error, with a suggestion
        return opened
