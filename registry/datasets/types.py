"""Dataset types: registering them, with the tables of their dimension groups, and looking them up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select

from registry.arguments import all_checked, checked
from registry.database import Database
from registry.dataset_ref import DatasetRef
from registry.dataset_type import DatasetType
from registry.datasets import aliases
from registry.errors import (
    ConflictingDefinitionError,
    InconsistentUniverseError,
    InvalidDatasetTypeError,
    MissingDatasetTypeError,
    OrphanedRecordError,
)
from registry.patterns import as_names, is_glob, matching
from registry.schema.schema import Schema
from registry.suggest import suggest


@dataclass(frozen=True, slots=True)
class TypeEntry:
    """A registered dataset type, with its numbers in the database."""

    id: int
    group_id: int
    dataset_type: DatasetType


class DatasetTypes:
    """The registered dataset types.

    Parameters
    ----------
    db : `Database`
        Where they are.
    schema : `Schema`
        Learns the tables of dimension groups in use.
    """

    def __init__(self, db: Database, schema: Schema) -> None:
        self._db = db
        self._schema = schema

    def register(self, dataset_type: DatasetType) -> bool:
        """Register a dataset type; return whether it was new."""
        checked(dataset_type, DatasetType, "dataset type")
        if dataset_type.isComponent():
            raise InvalidDatasetTypeError(
                f"{dataset_type.name!r} is a component; register the dataset type that it belongs to."
            )
        if dataset_type.dimensions.universe != self._schema.universe:
            raise InconsistentUniverseError(
                f"Dataset type {dataset_type.name!r} is of another universe than {self._db.url}; "
                "make it with that of the repository."
            )
        if dataset_type.name in self.aliases():
            raise ConflictingDefinitionError(
                f"{dataset_type.name!r} is an alias of dataset type {self.aliases()[dataset_type.name]!r}; "
                "remove it, or choose another name."
            )
        if self._known(dataset_type):
            return False
        with self._db.transaction():
            self._db.lock()
            if self._known(dataset_type):
                return False
            group_id = self._group(dataset_type)
            self._db.insert(
                self._schema.dataset_type,
                ("name", "dimension_group_id", "storage_class", "is_calibration"),
                [(dataset_type.name, group_id, dataset_type.storageClass_name, dataset_type.isCalibration())],
            )
            self._db.changed("dataset types")
        return True

    def _known(self, dataset_type: DatasetType) -> bool:
        entry = self.all().get(dataset_type.name)
        if entry is None:
            return False
        if entry.dataset_type != dataset_type:
            raise ConflictingDefinitionError(
                f"Dataset type {dataset_type.name!r} is registered as {entry.dataset_type}, "
                f"not as {dataset_type}; choose another name, or remove the registered one."
            )
        return True

    def _group(self, dataset_type: DatasetType) -> int:
        """Return the number of a dimension group, making its tables at first use."""
        table, names = self._schema.dimension_group, ",".join(dataset_type.dimensions.required)
        query = select(table.c.id).where(table.c.names == names)
        rows = self._db.fetch(query)
        if rows:
            return int(rows[0][0])
        self._db.insert(table, ("names",), [(names,)])
        group_id = int(self._db.fetch(query)[0][0])
        self._schema.add_group(group_id, dataset_type.dimensions)
        self._schema.create_group(group_id, self._db.session.connection)
        return group_id

    def all(self) -> dict[str, TypeEntry]:
        """Return all entries by name."""
        return self._db.cached("dataset types", None, self._load)

    def _load(self) -> dict[str, TypeEntry]:
        t, g = self._schema.dataset_type, self._schema.dimension_group
        query = self._db.prepared(
            "dataset types",
            lambda: (
                select(t.c.id, t.c.name, t.c.storage_class, t.c.is_calibration, g.c.id, g.c.names)
                .join_from(t, g)
                .order_by(t.c.name)
            ),
        )
        universe = self._schema.universe
        entries = {}
        for id, name, storage_class, is_calibration, group_id, names in self._db.fetch(query):
            group = universe.conform(names.split(",") if names else ())
            self._schema.add_group(group_id, group)
            dataset_type = DatasetType(name, group, storage_class, isCalibration=bool(is_calibration))
            entries[name] = TypeEntry(id, group_id, dataset_type)
        return entries

    def by_id(self, id: int) -> TypeEntry:
        """Return the entry with a number of the database."""
        by_id: dict[int, TypeEntry] = self._db.cached(
            "dataset types", "by id", lambda: {entry.id: entry for entry in self.all().values()}
        )
        return by_id[id]

    def entry(self, dataset_type: str | DatasetType) -> TypeEntry:
        """Return the entry of a dataset type; `MissingDatasetTypeError` if it is not registered."""
        if not isinstance(dataset_type, str):
            dataset_type = checked(dataset_type, DatasetType, "dataset type, nor the name of one").name
        name = dataset_type
        entries = self.all()
        if name not in entries:
            name = self.aliases().get(name, name)
        if name not in entries:
            raise MissingDatasetTypeError(
                f"No dataset type {name!r} in {self._db.url}{suggest(name, entries)}"
            )
        return entries[name]

    def group(self, refs: Iterable[DatasetRef]) -> list[tuple[TypeEntry, list[DatasetRef]]]:
        """Return datasets by their dataset type."""
        groups: dict[str, list[DatasetRef]] = {}
        for ref in all_checked(refs, DatasetRef, "dataset ref"):
            groups.setdefault(ref.datasetType.nameAndComponent()[0], []).append(ref)
        return [(self.entry(name), members) for name, members in groups.items()]

    def query(self, patterns: str | Iterable[str] = "*") -> list[DatasetType]:
        """Return the dataset types whose names match a glob pattern, or one of several."""
        entries = self.all()
        names = [pattern if is_glob(pattern) else self._resolved(pattern) for pattern in as_names(patterns)]
        return [entries[name].dataset_type for name in matching(names, entries)]

    # Aliases

    def aliases(self) -> dict[str, str]:
        """Return the dataset types that aliases stand for, by alias."""
        return aliases.read(self._db, self._schema)

    def _resolved(self, name: str) -> str:
        return name if name in self.all() else self.aliases().get(name, name)

    def set_alias(self, name: str, target: str) -> None:
        """Make a name stand for a dataset type."""
        with self._db.transaction():
            if name in self.all():
                raise ConflictingDefinitionError(
                    f"{name!r} is a dataset type of {self._db.url}; an alias needs a name of its own."
                )
            aliases.write(self._db, self._schema, name, self.entry(target).dataset_type)

    def remove_alias(self, name: str) -> None:
        """Forget an alias."""
        with self._db.transaction():
            aliases.remove(self._db, self._schema, name)

    def remove(self, name: str) -> None:
        """Remove a dataset type without datasets and aliases; `OrphanedRecordError` if there are any."""
        entry = self.entry(name)
        named = [alias for alias, target in self.aliases().items() if target == entry.dataset_type.name]
        if named:
            raise OrphanedRecordError(
                f"Dataset type {entry.dataset_type.name!r} has the alias {', '.join(map(repr, named))}; "
                "remove that before it: butler alias --remove"
            )
        with self._db.transaction():
            self._db.lock()
            d, t = self._schema.dataset, self._schema.dataset_type
            if self._db.fetch(select(d.c.id).where(d.c.dataset_type_id == entry.id).limit(1)):
                raise OrphanedRecordError(
                    f"Dataset type {name!r} has datasets in {self._db.url}; remove these before it."
                )
            self._db.execute(t.delete().where(t.c.id == entry.id))
            self._db.changed("dataset types", "summary")
