"""Making a database into a registry, and recognising one."""

from __future__ import annotations

from sqlalchemy import Select, column, select, table
from sqlalchemy.exc import DBAPIError

from registry.database import Database
from registry.dialects.base import Dialect
from registry.dimensions.universe import DimensionUniverse
from registry.errors import RegistryError, RepositoryFormatError, SchemaVersionError
from registry.schema.schema import Schema
from registry.schema.tables import REVISION

UPGRADE = "butler migrate upgrade"
_UNIVERSE = "universe"  # attribute that holds the universe's definition


def create_database(url: str, dialect: Dialect, universe: DimensionUniverse) -> tuple[Database, Schema]:
    """Make all tables in an empty database, and return it open for writing."""
    db = Database(url, dialect, dialect.make_engine(url, "create"), writeable=True)
    schema = Schema(universe, dialect)
    try:
        with db.transaction(durable=True):
            schema.create_all(db.session.connection)
            db.insert(schema.alembic_version, ("version_num",), [(REVISION,)])
            db.insert(schema.repository, ("name", "value"), [(_UNIVERSE, universe.to_yaml())])
    except BaseException as error:
        db.close()
        dialect.abandon(url)
        if explained := dialect.explain(error, db.url):
            raise explained from error
        raise
    return db, schema


def open_database(url: str, dialect: Dialect, *, writeable: bool) -> tuple[Database, Schema]:
    """Open a database, check that it is a registry of this version, return it with its tables."""
    db = Database(
        url, dialect, dialect.make_engine(url, "write" if writeable else "read"), writeable=writeable
    )
    try:
        # Of two tables the names are enough: all the others wait until it is known that they are there.
        version = _first(db, select(column("version_num")).select_from(table("alembic_version")))
        if version != REVISION:
            remedy = f"migrate it with: {UPGRADE}" if version < REVISION else "use a newer program"
            raise SchemaVersionError(
                f"{db.url} has the tables of version {version!r}, this program those of {REVISION!r}; "
                f"{remedy}."
            )
        attributes: Select[tuple[str]] = select(column("value")).select_from(table("repository"))
        text = _first(db, attributes.where(column("name") == _UNIVERSE))
    except (DBAPIError, dialect.driver_error) as error:
        db.close()
        reason = str(getattr(error, "orig", error)).partition("\n")[0]
        raise RepositoryFormatError(f"{db.url} is no registry: {reason}.") from error
    except RegistryError:
        db.close()
        raise
    if not text:
        db.close()
        raise RepositoryFormatError(f"{db.url} is no registry: it has no dimension universe.")
    return db, Schema(DimensionUniverse.from_yaml(text), dialect)


def _first(db: Database, query: Select[tuple[str]]) -> str:
    rows = db.fetch(query)
    return str(rows[0][0]) if rows else ""
