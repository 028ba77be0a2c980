"""InMemoryDatasetHandle: an object in memory in the place of a handle of a ``deferLoad`` connection."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from typing import Any

from pipetask.butler import DataCoordinate, StorageClass, StorageClasses, part_of


class InMemoryDatasetHandle:
    """A handle whose ``get`` returns an object that is there already, to call ``run`` in tests with.

    Parameters
    ----------
    inMemoryDataset
        The object.
    storageClass : `str`, optional
        Its storage class; by default the first one of its Python type. Asked for only by components,
        parameters and conversions.
    parameters : mapping, optional
        Parameters of the reading (``bbox``, ``columns``, …); those given to `get` come on top.
    dataId : mapping, optional
        Its data ID, which may also be given as keywords.
    copy : `bool`, optional
        Whether `get` returns a copy.
    """

    def __init__(
        self,
        inMemoryDataset: Any,  # whatever the dataset holds
        *,
        storageClass: str | StorageClass | None = None,
        parameters: Mapping[str, Any] | None = None,
        dataId: Mapping[str, Any] | DataCoordinate | None = None,
        copy: bool = False,
        **kwargs: Any,
    ) -> None:
        self.inMemoryDataset = inMemoryDataset
        self.storageClass = _name(storageClass)
        self.parameters = dict(parameters or {})
        self.dataId = DataCoordinate.standardize(dataId, **kwargs)
        self.copy = copy

    def get(
        self,
        *,
        component: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        storageClass: str | StorageClass | None = None,
    ) -> Any:
        """Return the object, a component of it, or what parameters select."""
        known, wanted = _known(), _name(storageClass)
        obj = deepcopy(self.inMemoryDataset) if self.copy else self.inMemoryDataset
        merged = {**self.parameters, **(parameters or {})}
        if component is not None or merged:
            name = self.storageClass or _first_of(obj.__class__)
            obj = part_of(obj, name, known, component=component, parameters=merged)
        return known.convert(obj, wanted) if wanted else obj

    def __repr__(self) -> str:
        return f"InMemoryDatasetHandle({type(self.inMemoryDataset).__name__}, {self.dataId})"


def _name(storage_class: str | StorageClass | None) -> str | None:
    return storage_class.name if isinstance(storage_class, StorageClass) else storage_class


@cache
def _known() -> StorageClasses:
    """Return the storage classes that are built in or come from plugins, looked for once per process."""
    return StorageClasses()


@cache
def _first_of(pytype: type) -> str:
    known = _known()
    for base in pytype.__mro__[:-1]:  # each but object
        for name in known.names():
            storage_class = known.get(name)
            # Names first: the class of another storage class may be of a package that isn't installed.
            if storage_class.pytype_name.endswith(f".{base.__name__}") and storage_class.pytype is base:
                return name
    raise TypeError(
        f"No storage class is declared for {pytype.__qualname__!r}; name one: "
        "InMemoryDatasetHandle(..., storageClass=...)"
    )
