"""What a butler finds, gets and answers; it joins the registry (rows) and the datastore (files)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from pipetask.butler import queries
from pipetask.butler.collections import ButlerCollections
from pipetask.butler.composites.recorded import recorded
from pipetask.butler.composites.ref import CompositeRef
from pipetask.butler.composites.registration import Composites
from pipetask.butler.data_ids import show
from pipetask.butler.defaults import input_collections
from pipetask.butler.finding import find
from pipetask.butler.handle import DeferredDatasetHandle
from pipetask.butler.limited import LimitedButlerConfig, read_artifacts
from pipetask.butler.opened import OpenedRepository
from pipetask.butler.repository import Repository, find_repository
from registry.arguments import checked
from registry.dataset_ref import DatasetId, DatasetRef
from registry.dataset_type import DatasetType
from registry.dimensions.coordinate import DataCoordinate, DataId
from registry.dimensions.record import DimensionRecord
from registry.dimensions.universe import DimensionUniverse
from registry.errors import (
    DatasetNotFoundError,
    InvalidArgumentError,
)
from registry.patterns import as_names
from registry.registry import Registry
from registry.timespan import Timespan

if TYPE_CHECKING:
    from datastore.datastore import Datastore
    from datastore.records import ArtifactRecord
    from registry.query.query import Query

Names = str | Sequence[str] | None
Named = DatasetType | str


class ReadingButler:
    """What can be asked of a repository; made as a `Butler`, which can change it and says the parameters."""

    def __init__(
        self,
        repository: Repository,
        *,
        collections: Names = None,
        run: str | None = None,
        writeable: bool = True,
        default_data_id: Mapping[str, Any] | None = None,
    ) -> None:
        self._repository = repository
        self._collections = (collections,) if isinstance(collections, str) else tuple(collections or ())
        self.run = run
        self.writeable = writeable
        self.default_data_id: Mapping[str, Any] = MappingProxyType(dict(default_data_id or {}))
        self._opened = OpenedRepository(repository, writeable=writeable, dimensions=self.default_data_id)
        if run is not None and writeable:
            self.registry.collections.register(run)

    @classmethod
    def from_config(
        cls,
        repo: str | os.PathLike[str] | None = None,
        *,
        collections: Names = None,
        run: str | None = None,
        instrument: str | None = None,
        writeable: bool | None = None,
        **default_data_id: Any,
    ) -> Self:
        """Open a repository: the one named, that of ``$BUTLER_REPO``, or the nearest one above this folder.

        Parameters
        ----------
        repo : path, optional
            Folder of the repository, or its ``butler.yaml``.
        collections, run
            See the class.
        instrument : `str`, optional
            Default instrument.
        writeable : `bool`, optional
            By default it is if ``run`` is given.
        **default_data_id
            More default values of data IDs.
        """
        if instrument is not None:
            default_data_id["instrument"] = instrument
        return cls(
            find_repository(repo),
            collections=collections,
            run=run,
            writeable=run is not None if writeable is None else writeable,
            default_data_id=default_data_id,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (
            type(self),
            self._repository,
            self._collections,
            self.run,
            self.writeable,
            dict(self.default_data_id),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._opened.close()

    @property
    def root(self) -> str:
        """Folder of the repository."""
        return self._repository.root

    @property
    def registry(self) -> Registry:
        """The rows: dimensions, collections, dataset types."""
        return self._opened.registry

    @property
    def datastore(self) -> Datastore:
        """The files."""
        return self._opened.datastore

    @cached_property
    def composites(self) -> Composites:
        """Dataset types that are assembled from parts: what there are, registering and removing them."""
        return Composites(self)

    @property
    def dimensions(self) -> DimensionUniverse:
        """The dimension universe of the repository."""
        return self.registry.universe

    @property
    def collections(self) -> ButlerCollections:
        """Collections: what there are, and changing them."""
        return ButlerCollections(self.registry, self._collections)

    def search_path(self, collections: Names = None, instrument: str | None = None) -> Sequence[str]:
        """Return what is searched: the collections given, the butler's, or the instrument's defaults."""
        if collections is not None:
            if not (named := as_names(collections)):
                raise InvalidArgumentError(
                    f"collections={collections!r} names none to search; leave it out for the default ones."
                )
            return named
        if self._collections:
            return self._collections
        if self.run is not None:
            return [self.run]
        return input_collections(self, instrument or self.default_data_id.get("instrument"))

    # Finding

    def find_dataset(
        self,
        dataset_type: Named,
        data_id: DataId | None = None,
        *,
        collections: Names = None,
        timespan: Timespan | None = None,
        **kwargs: Any,
    ) -> DatasetRef | None:
        """Return the first dataset of a type and data ID in the collections, or `None`.

        Calibrations are chosen by ``timespan``, else by the time of the exposure or visit in the data ID;
        without either, there must be only one.
        """
        try:
            return find(self, dataset_type, data_id, collections, timespan, kwargs)
        except DatasetNotFoundError:
            return None

    def get_dataset(self, id: DatasetId) -> DatasetRef | None:
        """Return the dataset of an id, or `None`."""
        return self.registry.get_datasets([checked(id, UUID, "id of a dataset (a UUID)")])[0]

    def exists(
        self,
        dataset: DatasetRef | Named,
        data_id: DataId | None = None,
        *,
        collections: Names = None,
        **kwargs: Any,
    ) -> bool:
        """Return whether a dataset, or a component, is registered and its files are there.

        A dataset of which only some components were brought here is not there as a whole.
        """
        if isinstance(dataset, DatasetRef):
            ref: DatasetRef | None = dataset
        else:
            ref = self.find_dataset(dataset, data_id, collections=collections, **kwargs)
        if ref is None:
            return False
        if (made_of := self._as_composite(ref)) is not None:
            return all(self.exists(part) for part in made_of.all_parts())
        records, kind = self._artifacts(ref.id), ref.datasetType
        whole = kind.parentStorageClass or kind.storageClass
        return self.datastore.holds(records, whole, kind.component()) and self.datastore.exists(records)

    def _as_composite(self, ref: DatasetRef) -> CompositeRef | None:
        """Return a ref with its parts if it is a composite; one that was put may come without them."""
        if isinstance(ref, CompositeRef):
            return ref
        composite = self.composites.get(ref.datasetType.nameAndComponent()[0])
        return None if composite is None else recorded(self, composite, ref)

    # Getting

    def get(
        self,
        dataset: DatasetRef | Named,
        /,
        dataId: DataId | None = None,
        *,
        collections: Names = None,
        parameters: Mapping[str, Any] | None = None,
        storageClass: str | None = None,
        timespan: Timespan | None = None,
        copy: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Return the object of a dataset.

        Parameters
        ----------
        dataset : `DatasetRef`, `DatasetType` or `str`
            The dataset, or its type; ``calexp.wcs`` is a component.
        dataId : mapping, optional
            Data ID; keywords add to it.
        collections : `str` or sequence of `str`, optional
            What to search, in this order.
        parameters : mapping, optional
            What to read of it: ``bbox``, ``columns``, …
        storageClass : `str`, optional
            Storage class to return it as.
        timespan : `Timespan`, optional
            For calibrations: valid in all of this time.
        copy : `bool`, optional
            Of a composite: components that it shares with others are copied. Without, they are the same
            objects each time, and their arrays cannot be changed. All else is always the caller's own.

        Raises
        ------
        DatasetNotFoundError
            If no collection holds it, or a composite lacks a part (`MissingPartError`).
        """
        ref = find(self, dataset, dataId, collections, timespan, kwargs)
        return self.read(ref, component=None, parameters=parameters, storageClass=storageClass, copy=copy)

    def getDeferred(
        self,
        dataset: DatasetRef | Named,
        /,
        dataId: DataId | None = None,
        *,
        collections: Names = None,
        parameters: Mapping[str, Any] | None = None,
        storageClass: str | None = None,
        timespan: Timespan | None = None,
        **kwargs: Any,
    ) -> DeferredDatasetHandle:
        """Find a dataset now and return a handle that reads it later; see `get`."""
        ref = find(self, dataset, dataId, collections, timespan, kwargs)
        return DeferredDatasetHandle(self, ref, parameters, storageClass)

    def read(
        self,
        ref: DatasetRef,
        *,
        component: str | None,
        parameters: Mapping[str, Any] | None,
        storageClass: str | None,
        copy: bool = False,
    ) -> Any:
        """Return the object of a dataset, or a component of it; ``copy`` as of `get`."""
        if (made_of := self._as_composite(ref)) is not None:
            from pipetask.butler.composites.read import read_composite

            return read_composite(
                self,
                self.datastore,
                made_of,
                component=component,
                parameters=parameters,
                storageClass=storageClass,
                copy=copy,
            )
        records = self._files_of(ref)
        return read_artifacts(self.datastore, records, ref, component, parameters, storageClass)

    def _files_of(self, ref: DatasetRef) -> list[ArtifactRecord]:
        if not (records := self._artifacts(ref.id)):
            raise DatasetNotFoundError(f"Dataset {show(ref)} ({ref.id}) has no files in {self.root!r}.")
        return records

    def _artifacts(self, id: DatasetId) -> list[ArtifactRecord]:
        return self.artifacts([id]).get(id, [])

    def artifacts(self, ids: Iterable[DatasetId]) -> dict[DatasetId, list[ArtifactRecord]]:
        """Return where the files of datasets are, by id; those without files are left out."""
        from datastore.records import ArtifactRecord

        found = self.registry.locations(ids)
        return {id: [ArtifactRecord(*row) for row in rows] for id, rows in found.items() if rows}

    def getURI(self, dataset: DatasetRef | Named, dataId: DataId | None = None, **kwargs: Any) -> str:
        """Return the URI of a dataset's file (the first, if it has several)."""
        ref = find(self, dataset, dataId, kwargs.pop("collections", None), None, kwargs)
        if (made_of := self._as_composite(ref)) is not None:
            parts = ", ".join(dict.fromkeys(part.datasetType.name for part in made_of.all_parts()))
            raise DatasetNotFoundError(
                f"Composite {show(ref)} has no file of its own; its parts have: {parts}."
            )
        return self.datastore.uri(self._files_of(ref)[0])

    def get_dataset_type(self, name: str) -> DatasetType:
        """Return a registered dataset type."""
        return self.registry.get_dataset_type(name)

    # Querying

    def query(self, *, check_values: bool = True) -> AbstractContextManager[Query]:
        """Return a context with a `Query`, which joins, restricts, counts, streams and explains.

        Searches that name no collections are of the butler's own; governor dimensions that nothing is said of
        have the values of the default data ID. With ``check_values=False``, conditions may name instruments
        and sky maps that there are not.
        """
        return queries.query(self, check_values=check_values)

    def query_datasets(
        self, dataset_type: Named, collections: Names = None, **options: Any
    ) -> list[DatasetRef]:
        """Return datasets of one type; see `queries.query_datasets`."""
        return queries.query_datasets(self, dataset_type, collections, **options)

    def query_all_datasets(self, collections: Names = None, **options: Any) -> list[DatasetRef]:
        """Return datasets of all types, or of those that match a pattern; see `queries`."""
        return queries.query_all_datasets(self, collections, **options)

    def query_data_ids(self, dimensions: str | Iterable[str], **options: Any) -> list[DataCoordinate]:
        """Return data IDs of some dimensions; see `queries.query_data_ids`."""
        return queries.query_data_ids(self, dimensions, **options)

    def query_dimension_records(self, element: str, **options: Any) -> list[DimensionRecord]:
        """Return records of one dimension; see `queries.query_dimension_records`."""
        return queries.query_dimension_records(self, element, **options)

    # Workers

    def limited_config(self) -> LimitedButlerConfig:
        """Return what workers open a limited butler from."""
        return LimitedButlerConfig(self.root, self._repository.datastore, self.dimensions.to_yaml())

    def limited(self, records: Mapping[DatasetId, Sequence[ArtifactRecord]]) -> Any:
        """Return a `LimitedButler` that knows the given datasets."""
        return self.limited_config().open(records)

    def __repr__(self) -> str:
        return f"Butler({self.root!r}, collections={list(self._collections)}, run={self.run!r})"


def _reopen(
    kind: type[ReadingButler],
    repository: Repository,
    collections: Names,
    run: str | None,
    writeable: bool,
    default_data_id: Mapping[str, Any],
) -> ReadingButler:
    return kind(
        repository, collections=collections, run=run, writeable=writeable, default_data_id=default_data_id
    )
