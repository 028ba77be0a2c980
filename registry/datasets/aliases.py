"""Aliases: second names of dataset types, kept among the attributes of the repository."""

from __future__ import annotations

from sqlalchemy import select

from registry.database import Database
from registry.dataset_type import DatasetType
from registry.errors import InvalidDatasetTypeError, MissingDatasetTypeError
from registry.schema.schema import Schema
from registry.suggest import suggest

_PREFIX = "alias/"
_LONGEST = 100  # with the prefix, what an attribute's name may hold


def read(db: Database, schema: Schema) -> dict[str, str]:
    """Return the dataset types that aliases stand for, by alias."""
    return db.cached("dataset types", "aliases", lambda: _read(db, schema))


def _read(db: Database, schema: Schema) -> dict[str, str]:
    table = schema.repository
    query = select(table.c.name, table.c.value).where(table.c.name.like(f"{_PREFIX}%"))
    return {name.removeprefix(_PREFIX): target for name, target in sorted(db.fetch(query))}


def write(db: Database, schema: Schema, name: str, target: DatasetType) -> None:
    """Store an alias, inside a transaction; a name that stands for another dataset type is changed."""
    DatasetType(name, target.dimensions, target.storageClass)  # checks the name
    if "." in name or len(name) > _LONGEST:
        raise InvalidDatasetTypeError(f"{name!r} cannot be an alias: no dots, at most {_LONGEST} characters.")
    db.insert(schema.repository, ("name", "value"), [(_PREFIX + name, target.name)], "replace")
    db.changed("dataset types")


def remove(db: Database, schema: Schema, name: str) -> None:
    """Forget an alias, inside a transaction; `MissingDatasetTypeError` if there is no such one."""
    known = read(db, schema)
    if name not in known:
        raise MissingDatasetTypeError(
            f"No alias {name!r} in {db.url}{suggest(name, known)}", hint="List them with: butler alias"
        )
    table = schema.repository
    db.execute(table.delete().where(table.c.name == _PREFIX + name))
    db.changed("dataset types")
