"""PostgreSQL: a server for many clients at once; one schema (namespace) of a database holds one registry."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any, ClassVar, Literal

import psycopg
import sqlalchemy
from psycopg import errors, sql
from psycopg.pq import TransactionStatus
from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    String,
    Table,
    any_,
    bindparam,
    cast,
)
from sqlalchemy.dialects.postgresql import ARRAY, UUID
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeEngine

from registry.dialects.base import Dialect, Mode, OnConflict, Rows
from registry.dialects.postgresql_ids import ADAPTERS, IdType
from registry.dialects.postgresql_insert import Inserter
from registry.errors import (
    DatabaseBusyError,
    DatabaseConflictError,
    DatabaseUnavailableError,
    InvalidArgumentError,
    RegistryError,
    RepositoryFormatError,
)

_SECRETS = ("password", "sslpassword")
_CONNECT_TIMEOUT_S = 10
_LOCK = 0x7069706500000000  # tells our advisory locks from those of others; the schema's number is added


class PostgreSQLDialect(Dialect):
    """PostgreSQL differences.

    The query part of a URL may name a ``schema``; without, tables are where the role's search path says.

    Parameters
    ----------
    lock_timeout_s : `float`, optional
        How long a writer waits for another one before it gives up.
    """

    name = "postgresql"
    id_type: ClassVar[TypeEngine[bytes]] = IdType()
    collation = "C"
    driver_error = psycopg.Error
    # Shorter than any commit of another client takes, longer than the look-ups of one call.
    fresh_s = 0.0002
    fresh_within_s = 0.01

    def __init__(self, lock_timeout_s: float = 60.0) -> None:
        self.lock_timeout_s = lock_timeout_s
        self._streams = count()
        self._inserter = Inserter()

    def shown(self, url: str) -> str:
        """Return the URL without a password."""
        parsed = sqlalchemy.make_url(url)
        query = {name: value for name, value in parsed.query.items() if name not in _SECRETS}
        return URL.create(**{**parsed._asdict(), "password": None, "query": query}).render_as_string()

    def make_engine(self, url: str, mode: Mode) -> Engine:
        """Return an engine; to create, the schema is made, and must hold no registry."""
        parsed = sqlalchemy.make_url(url)
        schema = parsed.query.get("schema")
        assert schema is None or isinstance(schema, str)
        arguments = _arguments(parsed)
        if mode == "create":
            try:
                _prepare(arguments, schema, self.shown(url))
            except psycopg.Error as error:
                raise self.explain(error, self.shown(url)) or error from error
        return sqlalchemy.create_engine(
            "postgresql+psycopg://",
            creator=partial(self._connect, arguments, schema, mode),
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            use_native_hstore=False,
        )

    def _connect(
        self, arguments: Mapping[str, Any], schema: str | None, mode: Mode
    ) -> psycopg.Connection[tuple[Any, ...]]:
        connection = psycopg.connect(**arguments, autocommit=True, context=ADAPTERS)
        settings = [
            sql.SQL("SET lock_timeout = {}").format(f"{self.lock_timeout_s:g}s"),
            sql.SQL("SET jit = off"),  # compiling costs more than most of the registry's queries
        ]
        if schema is not None:
            settings.append(_search_path(schema))
        if mode == "read":
            settings.append(sql.SQL("SET default_transaction_read_only = on"))
        connection.execute(sql.SQL("; ").join(settings))
        return connection

    def abandon(self, url: str) -> None:
        """Do nothing: tables are made in one transaction."""

    def backup(self, url: str, label: str) -> str | None:
        """Leave copies to the server's own means: migrations are transactions, and dumps need its tools."""
        return None

    def begin(self, connection: Connection, *, durable: bool) -> None:
        """Begin; each statement sees what others have committed before it."""
        wait = "on" if durable else "off"  # off may lose the last commits at a crash, and nothing else
        _driver(connection).execute(
            f"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL synchronous_commit = {wait}"
        )

    def commit(self, connection: Connection) -> None:
        """Commit; the server would turn the commit of a failed transaction into a rollback without a word."""
        if _driver(connection).info.transaction_status == TransactionStatus.INERROR:
            raise DatabaseConflictError(
                "A statement failed, and with it its transaction: nothing was stored."
            )
        connection.exec_driver_sql("COMMIT")

    @contextmanager
    def savepoint(self, connection: Connection) -> Iterator[None]:
        """Roll back to where it began after an error; outside a transaction it is one."""
        with _driver(connection).transaction():
            yield

    def lock(self, connection: Connection) -> None:
        """Take the one lock of the schema: clients that take no second one cannot wait in a circle."""
        _driver(connection).execute(
            f"SELECT pg_advisory_xact_lock({_LOCK} + oid::int8) FROM pg_namespace"  # noqa: S608 - a constant
            " WHERE nspname = current_schema()"
        )

    def cursor(self, connection: Connection) -> psycopg.Cursor[tuple[Any, ...]]:
        """Return a cursor that receives numbers and ids in binary form, as fast as the driver can."""
        return _driver(connection).cursor(binary=True)

    def streaming_cursor(self, connection: Connection) -> psycopg.ServerCursor[tuple[Any, ...]]:
        """Return a cursor of the server; it outlives the transaction of its statement."""
        name = f"stream_{next(self._streams)}"
        return _driver(connection).cursor(name, binary=True, withhold=True)

    def any_id(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """Compare with the elements of an array: hundreds of parameters would take longer than the query."""
        return column == any_(cast(bindparam("ids", type_=String), ARRAY(UUID)))

    def id_list(self, ids: Sequence[bytes]) -> str:
        """Write ids as the text of an array."""
        return f"{{{','.join(id.hex() for id in ids)}}}"

    def change_counter(self, connection: Connection) -> Hashable:
        """Return which transactions are over; those of other schemas count too, harmlessly."""
        row = _driver(connection).execute("SELECT pg_current_snapshot()::text").fetchone()
        assert row is not None
        return str(row[0])

    def insert(
        self,
        connection: Connection,
        table: Table,
        names: Sequence[str],
        rows: Rows,
        on_conflict: OnConflict = "error",
    ) -> int:
        """Insert by COPY, through a temporary table if rows are in conflict; a few by one statement."""
        return self._inserter.insert(_driver(connection), table, names, rows, on_conflict)

    def violation(self, error: BaseException) -> Literal["foreign key", "unique"] | None:
        """Tell by the class of the error."""
        match getattr(error, "orig", error):
            case errors.ForeignKeyViolation():
                return "foreign key"
            case errors.UniqueViolation():
                return "unique"
        return None

    def explain(self, error: BaseException, url: str) -> RegistryError | None:
        """Tell by the class of the error."""
        cause = getattr(error, "orig", error)
        what = _one_line(cause)
        match cause:
            case errors.LockNotAvailable():
                return DatabaseBusyError(
                    f"{url} was locked by another client for {self.lock_timeout_s:g} s; "
                    "try again when it is done."
                )
            case errors.DeadlockDetected() | errors.SerializationFailure():
                return DatabaseBusyError(f"Two clients that change {url} waited for each other; try again.")
            case errors.InsufficientPrivilege() | errors.ReadOnlySqlTransaction():
                return DatabaseConflictError(f"The role may not do this in {url}: {what}")
            case errors.DiskFull():
                return DatabaseConflictError(f"{url} could not be written: {what}")
            case errors.InvalidSchemaName():
                return RepositoryFormatError(f"{url} is no registry: {what}")
            case errors.DuplicateTable() | errors.DuplicateObject():
                return RepositoryFormatError(
                    f"{url} holds a registry already; open it, or name another schema."
                )
            case psycopg.DataError() if _is_about_text(cause):
                return InvalidArgumentError(f"A text holds the character NUL: {what}.")
            case psycopg.OperationalError() if _is_lost(cause):
                return DatabaseUnavailableError(f"No connection to {url}: {what}", hint=_hint(what))
        return None


def _driver(connection: Connection) -> psycopg.Connection[tuple[Any, ...]]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def _arguments(url: URL) -> dict[str, Any]:
    """Return what the driver needs to connect; a password that is not there comes from its environment."""
    arguments: dict[str, Any] = {name: value for name, value in url.query.items() if name != "schema"}
    arguments |= url.translate_connect_args(username="user", database="dbname")
    arguments.setdefault("connect_timeout", _CONNECT_TIMEOUT_S)
    return arguments


def _search_path(schema: str) -> sql.Composed:
    return sql.SQL("SET search_path = {}").format(sql.Identifier(schema))


def _prepare(arguments: Mapping[str, Any], schema: str | None, url: str) -> None:
    """Make the schema if there is none of that name; refuse one that holds a registry."""
    with psycopg.connect(**arguments, autocommit=True) as connection:
        if schema is not None:
            if connection.execute("SELECT to_regnamespace(quote_ident(%s))", [schema]).fetchone() == (None,):
                connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
            connection.execute(_search_path(schema))
        if connection.execute("SELECT to_regclass('alembic_version')").fetchone() != (None,):
            raise RepositoryFormatError(f"{url} holds a registry already; open it, or name another schema.")


def _is_lost(error: psycopg.OperationalError) -> bool:
    # Errors of connecting have no code; the classes 08 and 57P are about the connection.
    return error.sqlstate is None or error.sqlstate.startswith(("08", "28", "3D", "53", "57P"))


def _is_about_text(error: psycopg.DataError) -> bool:
    # The driver's own error has no code; the server gives one where the text is part of a JSON array.
    return isinstance(error, errors.UntranslatableCharacter) or "NUL" in str(error)


def _one_line(error: object) -> str:
    """Join the lines of a message, with a full stop where the next one begins a sentence."""
    sentences = re.sub(r"([^\s.,:;?!])\s*\n\s*(?=[A-Z])", r"\1. ", str(error))
    return " ".join(sentences.split())


def _hint(what: str) -> str:
    if "password" in what or "authentication" in what:
        return "Give the password in $PGPASSWORD, or in the file that $PGPASSFILE names (~/.pgpass)."
    return "Check that the server runs and can be reached from here."
