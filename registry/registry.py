"""Registry: what exists, in one SQL database; it opens the database and hands out the parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from sqlalchemy import select

from registry.arguments import checked, checked_text
from registry.bookkeeping import Bookkeeping
from registry.collections.facade import Collections
from registry.columns import Columns
from registry.database import Database
from registry.dataset_ref import DatasetRef, Ids
from registry.dataset_type import DatasetType
from registry.datasets import insert, locations
from registry.datasets.find import CalibrationColumns, DatasetFinder, Names
from registry.datasets.ids import AnyIds, to_array
from registry.datasets.locations import Location
from registry.datasets.types import DatasetTypes
from registry.dialects.base import dialect_for
from registry.dimensions.coordinate import DataCoordinate, DataId
from registry.dimensions.group import DimensionGroup
from registry.dimensions.record import DimensionRecord
from registry.dimensions.universe import DimensionUniverse
from registry.errors import CollectionTypeError
from registry.opening import create_database, open_database
from registry.provenance import Provenance
from registry.queries import Queries
from registry.records.insert import Conflict, insert_records
from registry.records.lookup import DimensionRecords
from registry.schema.schema import Schema
from registry.timespan import Timespan


class Registry(Queries, Bookkeeping):
    """All that a repository knows about its datasets, except for their bytes.

    Made by `create` or `open`. Every method that changes something is one transaction. An instance may be
    shared by threads (each has its connection); after a fork, the child gets connections of its own.

    Attributes
    ----------
    universe : `DimensionUniverse`
        The repository's dimensions.
    collections : `Collections`
        Registering, chaining, resolving and filling collections.
    provenance : `Provenance`
        Which quanta made and read which datasets.
    """

    def __init__(self, db: Database, schema: Schema) -> None:
        self._db = db
        self._schema = schema
        self.universe = schema.universe
        self._types = DatasetTypes(db, self._schema)
        self._records = DimensionRecords(db, self._schema)
        self.collections = Collections(db, self._schema, self._types)
        self._finder = DatasetFinder(db, self._schema, self._types, self.collections)
        self.provenance = Provenance(db, self._schema, self.collections)

    # Opening and closing

    @classmethod
    def create(cls, url: str, *, universe: DimensionUniverse | None = None) -> Registry:
        """Make a new registry; `RepositoryFormatError` if there is something at ``url`` already."""
        chosen = DimensionUniverse.default() if universe is None else universe
        checked(chosen, DimensionUniverse, "dimension universe")
        if universe is not None:
            chosen.check()
        return cls(*create_database(url, dialect_for(url), chosen))

    @classmethod
    def open(cls, url: str, *, writeable: bool = True) -> Registry:
        """Open a registry.

        Raises
        ------
        RepositoryFormatError
            If there is no registry at ``url``.
        SchemaVersionError
            If its tables are older or newer than this program.
        """
        return cls(*open_database(url, dialect_for(url), writeable=writeable))

    @property
    def url(self) -> str:
        """Where the database is."""
        return self._db.url

    @property
    def dialect(self) -> str:
        """Name of the kind of database."""
        return self._db.dialect.name

    @property
    def writeable(self) -> bool:
        """Whether it may be changed."""
        return self._db.writeable

    def close(self, *, roll_back: bool = False) -> None:
        """Close all connections; inside a transaction only with ``roll_back``."""
        self._db.close(roll_back=roll_back)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(roll_back=error is not None)

    @property
    def in_transaction(self) -> bool:
        """Whether the calling thread is inside a transaction."""
        return self._db.in_transaction

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[None]:
        """Make all changes inside one: all are stored or none; an inner transaction is part of the outer one.

        Parameters
        ----------
        durable : `bool`, optional
            Whether the commit must survive a power cut; without, the last ones may be lost (never the file).
        """
        with self._db.transaction(durable=durable):
            yield

    def one_look(self) -> AbstractContextManager[None]:
        """Return a context in which what others change is looked for once: one call, however much it asks."""
        return self._db.one_look()

    def defer(self, write: Callable[[], None]) -> None:
        """Let the open transaction write something later: before anything else is read or changed in it.

        At the latest at its end. ``write`` may be called when nothing is left to write; only one can wait.
        """
        self._db.defer(write)

    # Attributes

    def get_attribute(self, name: str) -> str | None:
        """Return what the repository records under a name."""
        table = self._schema.repository
        rows = self._db.fetch(select(table.c.value).where(table.c.name == name))
        return rows[0][0] if rows else None

    def get_attributes(self, prefix: str) -> dict[str, str]:
        """Return what the repository records under names that begin with ``prefix``, without it."""
        return self._db.cached("attributes", prefix, lambda: self._read_attributes(prefix))

    def _read_attributes(self, prefix: str) -> dict[str, str]:
        table = self._schema.repository
        statement = self._db.prepared(
            ("attributes", prefix),
            lambda: select(table.c.name, table.c.value).where(
                table.c.name.startswith(prefix, autoescape=True)
            ),
        )
        rows = self._db.peek(statement)
        return {name.removeprefix(prefix): value for name, value in sorted(rows)}

    def set_attribute(self, name: str, value: str) -> None:
        """Record something about the repository."""
        checked_text(value, "text to record")
        with self._db.transaction():
            self._db.insert(self._schema.repository, ("name", "value"), [(name, value)], "replace")
            self._db.changed("attributes")

    def remove_attribute(self, name: str) -> None:
        """Forget what is recorded under a name, if anything is."""
        table = self._schema.repository
        with self._db.transaction():
            self._db.execute(table.delete().where(table.c.name == name))
            self._db.changed("attributes")

    # Dimension records

    def insert_dimension_records(
        self,
        element: str,
        records: Columns | Iterable[Mapping[str, Any] | DimensionRecord],
        *,
        conflict: Conflict = "error",
    ) -> int:
        """Insert records of a dimension element, and their overlaps on the sky; return how many were written.

        Parameters
        ----------
        element : `str`
            The element.
        records : columns, or iterable of `DimensionRecord` or mappings
            As columns, ``timespan`` may hold `Timespan`, ``region`` `lsst.sphgeom.Region` objects.
        conflict : `str`, optional
            About keys that exist: ``error`` refuses records that differ (equal ones are welcome), ``skip``
            keeps what is stored, ``replace`` changes it.

        Raises
        ------
        ConflictingDefinitionError
            If a record differs from what is stored.
        DataIdError
            If a value is missing, of the wrong type, or names another record that does not exist.
        """
        return insert_records(self._db, self._schema, self.universe[element], records, conflict)

    def dimension_record(self, element: str, data_id: DataId) -> DimensionRecord | None:
        """Return the record of an element for a data ID, or `None`."""
        definition = self.universe[element]
        coordinate = DataCoordinate.standardize(data_id, dimensions=definition.minimal_group)
        return self._records.get(definition, tuple([coordinate[name] for name in definition.required]))

    def expand_data_id(
        self,
        data_id: DataId | None = None,
        *,
        dimensions: DimensionGroup | Iterable[str] | None = None,
        records: bool = True,
    ) -> DataCoordinate:
        """Return a data ID with all implied values, and with its dimension records if wanted.

        Raises
        ------
        DataIdError
            If a value has no dimension record (the nearest is named), or contradicts one.
        """
        return self._records.expand(data_id, dimensions, records=records)

    # Dataset types

    def register_dataset_type(self, dataset_type: DatasetType) -> bool:
        """Register a dataset type; return whether it was new.

        Raises
        ------
        ConflictingDefinitionError
            If it is registered with another definition.
        """
        return self._types.register(dataset_type)

    def get_dataset_type(self, name: str) -> DatasetType:
        """Return a registered dataset type; `MissingDatasetTypeError` if there is none of that name."""
        return self._types.entry(name).dataset_type

    def query_dataset_types(self, patterns: str | Iterable[str] = "*") -> list[DatasetType]:
        """Return the dataset types whose names match a glob pattern, or one of several."""
        return self._types.query(patterns)

    def remove_dataset_type(self, name: str) -> None:
        """Remove a dataset type; `OrphanedRecordError` if it has datasets."""
        self._types.remove(name)

    def dataset_type_aliases(self) -> dict[str, str]:
        """Return the dataset types that aliases stand for, by alias."""
        return self._types.aliases()

    def set_dataset_type_alias(self, name: str, target: str) -> None:
        """Make a name stand for a dataset type, wherever one is named.

        Raises
        ------
        ConflictingDefinitionError
            If the name is that of a dataset type.
        """
        self._types.set_alias(name, target)

    def remove_dataset_type_alias(self, name: str) -> None:
        """Forget an alias; `MissingDatasetTypeError` if there is no such one."""
        self._types.remove_alias(name)

    # Datasets

    def insert_datasets(
        self,
        dataset_type: str | DatasetType,
        run: str,
        data_ids: Columns | Iterable[DataCoordinate],
        *,
        ids: AnyIds | None = None,
        quantum_ids: AnyIds | None = None,
    ) -> Ids:
        """Register datasets of one type in a run.

        Parameters
        ----------
        dataset_type : `str` or `DatasetType`
            A registered one.
        run : `str`
            A RUN collection.
        data_ids : columns of the required dimensions, or iterable of `DataCoordinate`
            What the datasets are of.
        ids : `numpy.ndarray` of shape (n, 16), or iterable of `~uuid.UUID`, optional
            New ones by default. The same id, data ID and run again change nothing.
        quantum_ids : `numpy.ndarray` of shape (n, 16), or iterable of `~uuid.UUID`, optional
            Quanta that made the datasets; they must be stored before the transaction ends.

        Returns
        -------
        ids : `numpy.ndarray`, shape (n, 16), uint8
            Ids of the datasets, in order.

        Raises
        ------
        ConflictingDefinitionError
            If the run holds another dataset for a data ID, or an id is that of another dataset.
        DataIdError
            If a data ID names a dimension record that does not exist.
        """
        return insert.insert_datasets(
            self._db,
            self._schema,
            self._types,
            self.collections.summaries,
            dataset_type,
            self.collections.get_info(run),
            data_ids,
            ids,
            quantum_ids,
        )

    def check_insertion(self, dataset_type: DatasetType, run: str, data_id: DataCoordinate) -> None:
        """Raise what `insert_datasets` would for one data ID; what is deferred does not count.

        Unlike there, any dataset that the run holds for the data ID is a conflict.
        """
        insert.check_insertion(
            self._db,
            self._schema,
            self._types,
            self.collections.summaries,
            dataset_type,
            self.collections.get_info(run),
            data_id,
        )

    def remove_datasets(self, ids: AnyIds) -> None:
        """Remove datasets, with their tags, validity ranges and locations; unknown ids are left alone."""
        insert.remove_datasets(self._db, self._schema, self._types, ids, self._finder.get)

    def remove_run(self, name: str) -> tuple[Ids, list[tuple[UUID, Location]]]:
        """Remove a run with all its datasets and quanta.

        Returns
        -------
        ids : `numpy.ndarray`, shape (n, 16), uint8
            Ids of the datasets that it held.
        locations : `list` [`tuple` [`~uuid.UUID`, `tuple`]]
            Where their bytes were: dataset, values in the order of ``LOCATION_FIELDS``.
        """
        with self._db.transaction():
            run = self.collections.get_info(name)
            if run.kind != "RUN":
                raise CollectionTypeError(
                    f"Collection {name!r} is {run.kind}, not a RUN; it holds no datasets."
                )
            self._db.lock()  # nobody may tag or certify its datasets meanwhile,
            c, d = self._schema.collection, self._schema.dataset
            self._db.fetch(select(c.c.id).where(c.c.id == run.id).with_for_update())  # or put more into it
            ids = [row[0] for row in self._db.fetch(select(d.c.id).where(d.c.run_id == run.id))]
            rows = locations.locations_of_run(self._db, self._schema, run.id)
            insert.remove_run(self._db, self._schema, self._types, run, self._finder.get)
            self.collections.remove(name)
        return to_array(ids), rows

    def get_datasets(self, ids: Iterable[UUID]) -> list[DatasetRef | None]:
        """Return datasets by id, `None` for those that do not exist."""
        return self._finder.get(ids)

    def find_dataset(
        self,
        dataset_type: str | DatasetType,
        data_id: DataId,
        *,
        collections: Names,
        timespan: Timespan | None = None,
    ) -> DatasetRef | None:
        """Return the dataset that a search of the collections meets first, or `None`.

        Parameters
        ----------
        dataset_type : `str` or `DatasetType`
            A registered one.
        data_id : `DataCoordinate` or mapping
            Values of all its required dimensions; others are left out.
        collections : `str` or sequence of `str`
            Where to search, in order; chains are searched through.
        timespan : `Timespan`, optional
            When the dataset must be valid; without, CALIBRATION collections are passed over.

        Raises
        ------
        CalibrationLookupError
            If the first collection that has an answer has several for the timespan.
        """
        return self._finder.find(dataset_type, data_id, collections, timespan)

    def search_datasets(
        self,
        dataset_type: str | DatasetType,
        data_ids: Sequence[DataCoordinate],
        *,
        collections: Names,
        timespans: Sequence[Timespan] | None = None,
    ) -> list[list[DatasetRef]]:
        """Return, for each of many data IDs, the datasets that a search of the collections meets, in order.

        The first is what `find_dataset` returns. The database is asked as often for many as for a few.

        Parameters
        ----------
        dataset_type : `str` or `DatasetType`
            A registered one.
        data_ids : sequence of `DataCoordinate`
            What to search for; dimensions that the dataset type has not are left out.
        collections : `str` or sequence of `str`
            Where to search, in order; chains are searched through.
        timespans : sequence of `Timespan`, optional
            When each dataset must be valid; without, CALIBRATION collections are passed over.

        Raises
        ------
        CalibrationLookupError
            If the first collection that has an answer has several for the timespan.
        """
        return self._finder.search(dataset_type, data_ids, collections, timespans)

    def calibration_columns(self, dataset_type: str | DatasetType, collections: Names) -> CalibrationColumns:
        """Return all datasets of a type in some collections, with validity and place in the search order."""
        return self._finder.calibration_columns(dataset_type, collections)
