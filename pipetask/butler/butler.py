"""Butler: puts, finds and gets datasets; it joins the registry (rows) and the datastore (files)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from pipetask.butler import queries, removal
from pipetask.butler.collections import ButlerCollections
from pipetask.butler.composites.find import recorded
from pipetask.butler.composites.ref import CompositeRef
from pipetask.butler.composites.registration import Composites
from pipetask.butler.data_ids import data_id_for, dataset_type_of, show
from pipetask.butler.defaults import input_collections
from pipetask.butler.finding import find
from pipetask.butler.handle import DeferredDatasetHandle
from pipetask.butler.limited import LimitedButlerConfig, hint_of, read_artifacts
from pipetask.butler.repository import Repository, find_repository, new_repository, write_config
from pipetask.butler.transaction import Transaction
from pipetask.butler.transfer import FileDataset, ingest_files
from registry.arguments import all_checked, checked
from registry.dataset_ref import DatasetId, DatasetRef
from registry.dataset_type import DatasetType
from registry.dimensions.coordinate import DataCoordinate, DataId
from registry.dimensions.record import DimensionRecord
from registry.dimensions.universe import DimensionUniverse
from registry.errors import (
    ConflictingDefinitionError,
    DatasetNotFoundError,
    InvalidArgumentError,
    MissingCollectionError,
)
from registry.patterns import as_names
from registry.registry import Registry
from registry.timespan import Timespan

if TYPE_CHECKING:
    from datastore.datastore import Datastore
    from datastore.ingest import Transfer
    from datastore.records import ArtifactRecord
    from pipetask.butler.interchange.export import RepoExport
    from pipetask.butler.interchange.import_ import ImportReport
    from registry.query.query import Query

Names = str | Sequence[str] | None
Named = DatasetType | str


class Butler:
    """Access to the datasets of a repository. Made by `from_config` and `makeRepo`.

    Parameters
    ----------
    repository : `Repository`
        Where it is.
    collections : `str` or sequence of `str`, optional
        What is searched unless a call says otherwise; ``run`` by default, else the instrument's defaults.
    run : `str`, optional
        Where datasets are put unless a call says otherwise; registered if it does not exist.
    writeable : `bool`, optional
        Whether it may change the repository.
    default_data_id : mapping, optional
        Values for data IDs that do not say them.

    Notes
    -----
    Opened cheaply (the database connects at first use) and picklable. Not to be shared between threads that
    write.
    """

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
        if run is not None and writeable:
            self.registry.collections.register(run)

    @classmethod
    def makeRepo(
        cls,
        root: str | os.PathLike[str],
        *,
        universe: DimensionUniverse | None = None,
        registry_db: str | None = None,
        schema: str | None = None,
    ) -> Self:
        """Make a repository in an empty or new folder, and open it for writing.

        Parameters
        ----------
        root : path
            The folder.
        universe : `DimensionUniverse`, optional
            Dimensions of your own.
        registry_db : `str`, optional
            URL of the database, as in ``postgresql+psycopg://user@host/database``; by default an SQLite file
            in the folder. A password in it is used, and stored nowhere.
        schema : `str`, optional
            Schema of a PostgreSQL database that is to hold the registry; made if there is none of that name.
        """
        repository = new_repository(root, registry_db, schema)
        Registry.create(repository.registry, universe=universe).close()
        write_config(repository)
        return cls(repository)

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
        arguments = self._repository, self._collections, self.run, self.writeable, dict(self.default_data_id)
        return _reopen, arguments

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        if "registry" in self.__dict__:
            self.registry.close()

    @property
    def root(self) -> str:
        """Folder of the repository."""
        return self._repository.root

    @cached_property
    def registry(self) -> Registry:
        """The rows: dimensions, collections, dataset types."""
        opened = Registry.open(self._repository.registry, writeable=self.writeable)
        for name in self.default_data_id:
            opened.universe[name]  # an unknown one is an error, with a suggestion
        return opened

    @cached_property
    def datastore(self) -> Datastore:
        """The files."""
        from datastore.datastore import Datastore

        return Datastore(self.root, config=self._repository.datastore)

    @cached_property
    def composites(self) -> Composites:
        """Dataset types that are assembled from parts: what there are, registering and removing them."""
        return Composites(self)

    @cached_property
    def _transaction(self) -> Transaction:
        return Transaction(self.registry, self.datastore)

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
        """Return whether a dataset is registered and its files are there."""
        if isinstance(dataset, DatasetRef):
            ref: DatasetRef | None = dataset
        else:
            ref = self.find_dataset(dataset, data_id, collections=collections, **kwargs)
        if ref is None:
            return False
        if (made_of := self._as_composite(ref)) is not None:
            return all(self.exists(part) for part in made_of.all_parts())
        return self.datastore.exists(self._artifacts(ref.id))

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
        records = self._artifacts(ref.id)
        if not records:
            raise DatasetNotFoundError(f"Dataset {show(ref)} ({ref.id}) has no files in {self.root!r}.")
        return read_artifacts(self.datastore, records, ref, component, parameters, storageClass)

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
        return self.datastore.uri(self._artifacts(ref.id)[0])

    # Putting

    def put(
        self,
        obj: Any,
        dataset: DatasetRef | Named,
        /,
        dataId: DataId | None = None,
        *,
        run: str | None = None,
        **kwargs: Any,
    ) -> DatasetRef:
        """Store an object as a dataset, and return its ref.

        The file is durable before the row is; inside a `transaction` both are when it ends.

        Raises
        ------
        ConflictingDefinitionError
            If the run has a dataset of this type and data ID already.
        """
        ref = self._new_ref(dataset, dataId, run, kwargs)
        if self.registry.find_dataset(ref.datasetType, ref.dataId, collections=[ref.run]) is not None:
            raise ConflictingDefinitionError(
                f"Dataset {show(ref)} exists already. Put it into another run, or remove it first: "
                "butler prune-datasets"
            )
        if (composite := self.composites.get(ref.datasetType.name)) is not None:
            from pipetask.butler.composites.put import put_composite

            with self._transaction.begin():
                from pipetask.butler.composites.put import put_composite

                return put_composite(self, obj, composite, ref)
        with self._transaction.begin():
            # The row comes first: once the database accepts it, a file of that name can only be a left-over.
            self.registry.insert_datasets(ref.datasetType, ref.run, [ref.dataId], ids=[ref.id])
            records = self.datastore.write(obj, hint_of(ref), sync=False, clobber=True)
            self._transaction.wrote(records)
            self.registry.insert_locations([(ref.id, *record) for record in records])
        return ref

    def _new_ref(
        self, dataset: DatasetRef | Named, data_id: DataId | None, run: str | None, more: Mapping[str, Any]
    ) -> DatasetRef:
        if isinstance(dataset, DatasetRef):
            if dataset.isComponent():
                raise _not_whole(dataset.datasetType)
            return dataset
        run = self.run if run is None else run
        if run is None:
            raise MissingCollectionError(
                "No run to put a dataset into.", hint="Give run=... here or to Butler.from_config"
            )
        dataset_type, wanted = dataset_type_of(self, dataset)
        if wanted.isComponent():
            raise _not_whole(wanted)
        return DatasetRef(dataset_type, data_id_for(self, dataset_type, data_id, more), run)

    def get_dataset_type(self, name: str) -> DatasetType:
        """Return a registered dataset type."""
        return self.registry.get_dataset_type(name)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all changes of a block, rows and files, or none; files are made durable once, at its end."""
        with self._transaction.begin():
            yield

    def register_dataset_type(self, dataset_type: DatasetType) -> bool:
        """Register a dataset type; `False` if it is there already.

        Raises
        ------
        ConflictingDefinitionError
            If one of the same name differs.
        """
        self.datastore.storage_classes.get(checked(dataset_type, DatasetType, "dataset type").storageClass)
        return self.registry.register_dataset_type(dataset_type)

    def ingest(
        self, *files: FileDataset, transfer: Transfer = "auto", checksums: bool = True
    ) -> list[DatasetRef]:
        """Make files that exist already datasets, all of them or none.

        Parameters
        ----------
        *files : `FileDataset`
            Paths and the refs of what they hold; the dataset types and runs must be registered.
        transfer : `str`, optional
            ``copy``, ``move``, ``hardlink``, ``symlink``, ``direct`` (left where they are), or ``auto``.
        checksums : `bool`, optional
            Whether files that stay where they are, are read once for their checksum.
        """
        with self._transaction.begin():
            return ingest_files(
                self,
                self._transaction,
                all_checked(files, FileDataset, "FileDataset"),
                transfer=transfer,
                checksums=checksums,
            )

    def record(
        self,
        run: str,
        datasets: Mapping[DatasetType, Sequence[Any]],
        locations: Iterable[tuple[Any, ...]],
    ) -> None:
        """Register datasets whose files are written and durable, in one transaction.

        Parameters
        ----------
        run : `str`
            Run that they belong to.
        datasets : mapping
            By dataset type: data IDs as columns (or coordinates), ids of shape (n, 16), uint8, and if known
            ids of the quanta that made them, of the same shape.
        locations : iterable of `tuple`
            Dataset id, then the fields of an `ArtifactRecord`.
        """
        with self.registry.transaction():
            for dataset_type, (data_ids, ids, *quanta) in datasets.items():
                self.registry.insert_datasets(
                    dataset_type, run, data_ids, ids=ids, quantum_ids=quanta[0] if quanta else None
                )
            self.registry.insert_locations(locations)

    def adopt(self, records: Iterable[ArtifactRecord]) -> None:
        """Take over files that workers wrote: made durable, or deleted, with the transaction around this."""
        self._transaction.wrote(records)

    # Exchange with other repositories

    def export(
        self, *, directory: str | os.PathLike[str], filename: str = "export.yaml", transfer: Transfer = "auto"
    ) -> AbstractContextManager[RepoExport]:
        """Collect datasets, collections and records inside a ``with``, and write them to a folder at its end.

        See `interchange.export.export`; what it gives has ``saveDatasets``, ``saveDataIds``,
        ``saveDimensionData`` and ``saveCollection``.
        """
        from pipetask.butler.interchange.export import export

        return export(self, directory, filename=filename, transfer=transfer)

    def import_(
        self,
        *,
        directory: str | os.PathLike[str],
        filename: str | os.PathLike[str] = "export.yaml",
        transfer: Transfer = "auto",
        skip_dimensions: Iterable[str] = (),
    ) -> ImportReport:
        """Take in what `export`, or the reference, wrote to a folder; once more changes nothing.

        Parameters
        ----------
        directory : path
            Folder that the export's files are in.
        filename : path, optional
            The export file, relative to the folder.
        transfer : `str`, optional
            How files get in; see `ingest`.
        skip_dimensions : iterable of `str`, optional
            Elements whose records are left out.

        Raises
        ------
        ExportFormatError
            If there is no export, or it cannot be understood.
        ConflictingDefinitionError
            If something of it is there already, and differs.
        """
        from pipetask.butler.interchange.import_ import import_document, read_export

        checked(directory, (str, os.PathLike), "folder")
        folder = Path(directory).absolute()
        document = read_export(folder / filename)
        return import_document(self, document, folder, transfer=transfer, skip_dimensions=skip_dimensions)

    def transfer_from(
        self, source: Butler, refs: Iterable[DatasetRef], *, transfer: Transfer = "auto", **options: Any
    ) -> list[DatasetRef]:
        """Copy datasets of another repository, with their ids; see `interchange.transfer.transfer_from`."""
        from pipetask.butler.interchange.transfer import transfer_from

        return transfer_from(self, checked(source, Butler, "butler"), refs, transfer=transfer, **options)

    # Querying

    def query(self) -> AbstractContextManager[Query]:
        """Return a context with a `Query`, which joins, restricts, counts, streams and explains.

        Searches that name no collections are of the butler's own; governor dimensions that nothing is said of
        have the values of the default data ID.
        """
        return queries.query(self)

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

    # Removing

    def pruneDatasets(self, refs: Iterable[DatasetRef], **options: Any) -> None:
        """Take datasets out of collections, delete their files, or remove them; see `removal`."""
        with self._transaction.begin():
            removal.prune_datasets(self, self._transaction, refs, **options)

    def removeRuns(self, names: str | Iterable[str], *, unlink_from_chains: bool = False) -> None:
        """Remove runs with all their datasets and files; see `removal.remove_runs`."""
        removal.remove_runs(self, names, unlink_from_chains=unlink_from_chains)

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
    repository: Repository,
    collections: Names,
    run: str | None,
    writeable: bool,
    default_data_id: Mapping[str, Any],
) -> Butler:
    return Butler(
        repository, collections=collections, run=run, writeable=writeable, default_data_id=default_data_id
    )


def _not_whole(component: DatasetType) -> TypeError:
    whole = component.nameAndComponent()[0]
    return TypeError(f"Component {component.name!r} can't be put; put the whole {whole!r}.")
