"""LimitedButler: reads and writes the datasets that it was told about, without a database."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from datastore.errors import ArtifactExistsError
from datastore.records import ArtifactHint, ArtifactRecord
from pipetask.butler.composites.errors import required
from pipetask.butler.composites.ref import CompositeRef
from pipetask.butler.handle import DeferredDatasetHandle
from registry.arguments import checked
from registry.dataset_ref import DatasetId, DatasetRef
from registry.dimensions.universe import DimensionUniverse
from registry.errors import ConflictingDefinitionError, DatasetNotFoundError

if TYPE_CHECKING:
    from datastore.datastore import Datastore


@dataclass(frozen=True)
class LimitedButlerConfig:
    """What a worker needs to open a limited butler; picklable.

    Parameters
    ----------
    root : `str`
        Folder or URI of the repository's files.
    datastore : `dict`
        Configuration of the datastore.
    universe : `str`
        YAML of the dimension universe.
    """

    root: str
    datastore: Mapping[str, Any] = field(default_factory=dict)
    universe: str = ""

    @cached_property
    def key(self) -> str:
        """What tells the datastore of this configuration from others."""
        return json.dumps([self.root, self.datastore], sort_keys=True)

    def open(
        self, records: Mapping[DatasetId, Sequence[ArtifactRecord]], kept: frozenset[DatasetId] = frozenset()
    ) -> LimitedButler:
        """Return a limited butler that knows the given datasets, and leaves some as they are."""
        return LimitedButler(self, records, kept=kept)


class LimitedButler:
    """Access to datasets by their refs alone.

    Parameters
    ----------
    config : `LimitedButlerConfig`
        Where the files are.
    records : mapping
        Artifacts of the datasets that may be read.
    kept : `frozenset`, optional
        Ids of datasets that stay what they are: to put them changes nothing.

    Attributes
    ----------
    written : `dict`
        Artifacts of the datasets put so far, by id. Their files are complete but not synced.
    named : `dict`
        What objects put so far say that they were made from, a row each, by id of their datasets.
    read_ids : `set`
        Ids of the datasets whose bytes were read, through `get` or a handle.
    """

    def __init__(
        self,
        config: LimitedButlerConfig,
        records: Mapping[DatasetId, Sequence[ArtifactRecord]],
        *,
        kept: frozenset[DatasetId] = frozenset(),
    ) -> None:
        self.config = config
        self.datastore = _datastore(config)
        self.written: dict[DatasetId, list[ArtifactRecord]] = {}
        self.named: dict[DatasetId, list[dict[str, Any]]] = {}
        self.read_ids: set[DatasetId] = set()
        self._records = records
        self._shared: set[DatasetId] = set()
        self._kept = kept

    @property
    def dimensions(self) -> DimensionUniverse:
        """The dimension universe."""
        return DimensionUniverse.from_yaml(self.config.universe)

    def get(
        self,
        ref: DatasetRef,
        *,
        parameters: Mapping[str, Any] | None = None,
        storageClass: str | None = None,
    ) -> Any:
        """Return the object of a dataset (or of a component, for the ref of a component)."""
        return self.read(ref, component=None, parameters=parameters, storageClass=storageClass)

    def getDeferred(
        self,
        ref: DatasetRef,
        *,
        parameters: Mapping[str, Any] | None = None,
        storageClass: str | None = None,
    ) -> DeferredDatasetHandle:
        """Return a handle that reads the dataset when asked to."""
        return DeferredDatasetHandle(self, ref, parameters, storageClass)

    def put(self, obj: Any, ref: DatasetRef) -> list[ArtifactRecord]:
        """Write a dataset and return its artifacts; of a composite, the parts that are predicted."""
        if isinstance(ref, CompositeRef):
            from pipetask.butler.composites.put_predicted import put_predicted

            return put_predicted(self, obj, ref)
        if ref.id in self._kept:
            return []
        return self._wrote(obj, ref, self.datastore.write(obj, hint_of(ref), sync=False, clobber=True))

    def put_once(self, obj: Any, ref: DatasetRef, is_equal: Callable[[Any], bool]) -> list[ArtifactRecord]:
        """Write a dataset that other processes may write too, unless an equal one is there.

        Parameters
        ----------
        obj : object
            What to write.
        ref : `DatasetRef`
            The dataset.
        is_equal : callable
            Tells whether what another process wrote is equal to ``obj``.

        Raises
        ------
        ConflictingDefinitionError
            If it is not.
        """
        hint = hint_of(ref)
        try:
            records = self.datastore.write(obj, hint, sync=False, clobber=False, as_one=True)
        except ArtifactExistsError as err:
            records = self.datastore.records_there(hint)
            if not is_equal(read_artifacts(self.datastore, records, ref, None, None, None)):
                raise ConflictingDefinitionError(
                    f"{ref.datasetType.name!r} {required(ref.dataId)} is writeOnce, and differs from what "
                    f"another quantum wrote in run {ref.run!r}. Let the task give all of them the same value."
                ) from err
        self._shared.add(ref.id)
        return self._wrote(obj, ref, records)

    def _wrote(self, obj: Any, ref: DatasetRef, records: list[ArtifactRecord]) -> list[ArtifactRecord]:
        self.written[ref.id] = records
        if named := self.datastore.inputs_named_by(obj, ref.datasetType.storageClass):
            self.named[ref.id] = named
        return records

    def take_back(self) -> None:
        """Remove what was put, save what was put once: others may have found it there."""
        own = [records for id, records in self.written.items() if id not in self._shared]
        self.datastore.remove(record for records in own for record in records)
        self.written.clear()
        self.named.clear()

    def exists(self, ref: DatasetRef) -> bool:
        """Return whether the files of a dataset are there."""
        if isinstance(ref, CompositeRef):
            return all(self.exists(part) for part in ref.all_parts())
        records = self._known(ref)
        return bool(records) and self.datastore.exists(records)

    def read(
        self,
        ref: DatasetRef,
        *,
        component: str | None,
        parameters: Mapping[str, Any] | None,
        storageClass: str | None,
    ) -> Any:
        """Return the object of a dataset, or a component of it; of a composite, the ref has the parts."""
        if isinstance(ref, CompositeRef):
            from pipetask.butler.composites.read import read_composite

            return read_composite(
                self,
                self.datastore,
                ref,
                component=component,
                parameters=parameters,
                storageClass=storageClass,
            )
        records = self._known(ref)
        if not records:
            raise DatasetNotFoundError(f"Dataset {ref} is not among those that this process was given.")
        value = read_artifacts(self.datastore, records, ref, component, parameters, storageClass)
        self.read_ids.add(ref.id)
        return value

    def _known(self, ref: DatasetRef) -> Sequence[ArtifactRecord]:
        return self.written.get(ref.id) or self._records.get(ref.id) or ()


_datastores: dict[str, Datastore] = {}


def _datastore(config: LimitedButlerConfig) -> Datastore:
    """Return the datastore of a configuration: one per process, as a worker opens a butler per quantum."""
    if config.key not in _datastores:
        from datastore.datastore import Datastore

        _datastores[config.key] = Datastore(config.root, config=config.datastore)
    return _datastores[config.key]


def hint_of(ref: DatasetRef) -> ArtifactHint:
    """Return what the datastore is told about a dataset that it writes."""
    return ArtifactHint(
        ref.datasetType.name, ref.datasetType.storageClass, ref.dataId.required, ref.run, ref.id
    )


def read_artifacts(
    datastore: Datastore,
    records: Sequence[ArtifactRecord],
    ref: DatasetRef,
    component: str | None,
    parameters: Mapping[str, Any] | None,
    storageClass: str | None,
) -> Any:
    """Read a dataset, or the component named by the ref or by ``component``, as the storage class wanted."""
    wanted = storageClass or ref.datasetType.storageClass
    own = ref.datasetType.component()
    if component is None:
        component = own
    elif storageClass is None:
        wanted = datastore.storage_classes.component_class(wanted, component)
    if parameters is not None:
        checked(parameters, Mapping, "mapping of parameters to values")
    whole = ref.datasetType.parentStorageClass if own else ref.datasetType.storageClass
    return datastore.read(records, wanted, component=component, parameters=parameters, whole=whole)
