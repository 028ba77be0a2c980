"""DeferredDatasetHandle: a dataset that has been found and will be read when it is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from registry.dataset_ref import DatasetRef
from registry.dimensions.coordinate import DataCoordinate


class Reader(Protocol):
    """What reads a dataset: the butler or, in workers, the limited butler."""

    def read(
        self,
        ref: DatasetRef,
        *,
        component: str | None,
        parameters: Mapping[str, Any] | None,
        storageClass: str | None,
    ) -> Any:
        """Return the object of a dataset, or a component of it."""
        ...


class DeferredDatasetHandle:
    """A dataset to be read later, as a whole or in parts.

    Parameters
    ----------
    reader : `Reader`
        What reads it.
    ref : `DatasetRef`
        The dataset.
    parameters : mapping, optional
        Parameters of the reading (``bbox``, ``columns``, …); those given to `get` come on top.
    storageClass : `str`, optional
        Storage class to read it as.
    """

    __slots__ = ("_parameters", "_reader", "_storage_class", "ref")

    def __init__(
        self,
        reader: Reader,
        ref: DatasetRef,
        parameters: Mapping[str, Any] | None = None,
        storageClass: str | None = None,
    ) -> None:
        self._reader = reader
        self._parameters = parameters
        self._storage_class = storageClass
        self.ref = ref

    @property
    def dataId(self) -> DataCoordinate:
        """Data ID of the dataset."""
        return self.ref.dataId

    def get(
        self,
        *,
        component: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        storageClass: str | None = None,
    ) -> Any:
        """Return the dataset, or one component of it."""
        merged = {**(self._parameters or {}), **(parameters or {})} or None
        wanted = storageClass if component is not None else storageClass or self._storage_class
        return self._reader.read(self.ref, component=component, parameters=merged, storageClass=wanted)

    def __repr__(self) -> str:
        return f"DeferredDatasetHandle({self.ref!r})"
