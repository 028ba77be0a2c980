"""Butler: puts, finds and gets datasets; it joins the registry (rows) and the datastore (files)."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from threading import local
from typing import TYPE_CHECKING, Any, Self

from pipetask.butler import removal
from pipetask.butler.data_ids import data_id_for, dataset_type_of
from pipetask.butler.new_repository import new_repository
from pipetask.butler.reading import Named, ReadingButler
from pipetask.butler.repository import Repository
from pipetask.butler.reserve import keep
from pipetask.butler.transaction import Transaction
from pipetask.butler.transfer import FileDataset, ingest_files
from registry.arguments import all_checked, checked
from registry.dataset_ref import DatasetRef
from registry.dataset_type import DatasetType
from registry.dimensions.coordinate import DataId
from registry.dimensions.universe import DimensionUniverse
from registry.errors import (
    MissingCollectionError,
)
from registry.registry import Registry

if TYPE_CHECKING:
    from datastore.records import ArtifactRecord
    from datastore.transfer import Transfer
    from pipetask.butler.interchange.export import RepoExport
    from pipetask.butler.interchange.import_ import ImportReport

_log = logging.getLogger(__name__)


class Butler(ReadingButler):
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
    Opened cheaply (the database connects at first use) and picklable. Threads may share one: each has its
    own connection, and what it does outside of its own `transaction` is a change of its own.
    """

    @classmethod
    def makeRepo(
        cls,
        root: str | os.PathLike[str],
        *,
        universe: DimensionUniverse | None = None,
        registry_db: str | None = None,
        schema: str | None = None,
        seed_config: str | os.PathLike[str] | None = None,
        override: bool = False,
        standalone: bool = False,
        outfile: str | os.PathLike[str] | None = None,
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
        seed_config : path, optional
            YAML file in the form of ``butler.yaml`` whose settings the repository gets. What names places of
            another repository, ``registry`` and the ``stores``, is left out, with a warning.
        override : `bool`, optional
            Take these places, too.
        standalone : `bool`, optional
            Write the built-in storage classes and file name templates into the configuration, so that later
            versions of this package do not change them.
        outfile : path, optional
            Where to write the configuration, instead of the folder; its path is then the repository's name.
        """
        is_new = not Path(root).exists()
        made = new_repository(
            root,
            registry_db,
            schema,
            seed_config=seed_config,
            override=override,
            standalone=standalone,
            outfile=outfile,
        )
        try:
            Registry.create(made.repository.registry, universe=universe).close()
            made.write_config()
            keep(made.repository.root)
        except BaseException:
            if is_new:
                with suppress(OSError):  # it holds something by now
                    Path(made.repository.root).rmdir()
            raise
        if made.left_out:
            _log.warning(
                "%s of %s: left out, since they are places of another repository (--override takes them).",
                *(" and ".join(made.left_out), seed_config),
            )
        return cls(made.repository)

    def __init__(self, repository: Repository, **options: Any) -> None:
        self._of_thread = local()
        super().__init__(repository, **options)

    @property
    def _transaction(self) -> Transaction:
        """The calling thread's: what others do meanwhile is no part of it."""
        found: Transaction | None = getattr(self._of_thread, "transaction", None)
        if found is None:
            found = self._of_thread.transaction = Transaction(self.registry, self.datastore, self.root)
        return found

    def __exit__(self, *exception: object) -> None:
        if exception[0] is not None:
            # A transaction may be open still, in a generator say.
            self._opened.close(roll_back=True)
            if (transaction := getattr(self._of_thread, "transaction", None)) is not None:
                transaction.abandon()
        self.close()

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
        self._transaction.check(ref)
        if (composite := self.composites.get(ref.datasetType.name)) is not None:
            from pipetask.butler.composites.put import put_composite

            with self._transaction.begin():
                return put_composite(self, obj, composite, ref)
        self._transaction.put(obj, ref)
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
            ``copy``, ``move``, ``hardlink``, ``symlink``, ``relsymlink``, ``link`` (hard where possible, else
            symbolic), ``direct`` (left where they are), or ``auto``.
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

    def adopt(
        self, records: Iterable[ArtifactRecord], *, undo: bool = True, sources: Iterable[str | Path] = ()
    ) -> None:
        """Take over files that were written: made durable with the transaction around this.

        With ``undo``, they are deleted if it fails. Local files ``sources``, which they were moved from,
        are deleted if it does not.
        """
        self._transaction.wrote(records, undo=undo)
        for source in sources:
            self._transaction.deletions.add_source(source)

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
        track_file_attrs: bool = True,
    ) -> ImportReport:
        """Take in what `export`, or the reference, wrote to a folder; once more changes nothing.

        Parameters
        ----------
        directory : path
            Folder that the export's files are in.
        filename : path, optional
            The export file, relative to the folder; else to the current one.
        transfer : `str`, optional
            How files get in; see `ingest`.
        skip_dimensions : iterable of `str`, optional
            Elements whose records are left out.
        track_file_attrs : `bool`, optional
            Whether files that stay where they are, are read for their checksums.

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
        inside = folder / filename
        document = read_export(Path(filename) if not inside.exists() and Path(filename).exists() else inside)
        return import_document(
            self,
            document,
            folder,
            transfer=transfer,
            skip_dimensions=skip_dimensions,
            checksums=track_file_attrs,
        )

    def transfer_from(
        self, source: Butler, refs: Iterable[DatasetRef], *, transfer: Transfer = "auto", **options: Any
    ) -> list[DatasetRef]:
        """Copy datasets of another repository, with their ids; see `interchange.transfer.transfer_from`."""
        from pipetask.butler.interchange.transfer import transfer_from

        return transfer_from(self, checked(source, Butler, "butler"), refs, transfer=transfer, **options)

    # Removing

    def pruneDatasets(self, refs: Iterable[DatasetRef], **options: Any) -> None:
        """Take datasets out of collections, delete their files, or remove them; see `removal`."""
        with self._transaction.begin():
            removal.prune_datasets(self, self._transaction.deletions, refs, **options)

    def removeRuns(self, names: str | Iterable[str], *, unlink_from_chains: bool = False) -> None:
        """Remove runs with all their datasets and files; see `removal.remove_runs`."""
        with self._transaction.begin():
            removal.remove_runs(
                self, self._transaction.deletions, names, unlink_from_chains=unlink_from_chains
            )


def _not_whole(component: DatasetType) -> TypeError:
    whole = component.nameAndComponent()[0]
    return TypeError(f"Component {component.name!r} can't be put; put the whole {whole!r}.")
