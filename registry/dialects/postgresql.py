"""PostgreSQL: a server for many clients at once; one schema (namespace) of a database holds one registry."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any, ClassVar, Literal

import psycopg
import sqlalchemy
from psycopg import errors, sql
from psycopg.adapt import AdaptersMap, Dumper, Loader
from psycopg.pq import Format, TransactionStatus
from sqlalchemy import (
    URL,
    BigInteger,
    BindParameter,
    Boolean,
    ColumnElement,
    Connection,
    Double,
    Engine,
    Integer,
    LargeBinary,
    String,
    Table,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
)
from sqlalchemy.dialects.postgresql import ARRAY, UUID
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeEngine, UserDefinedType

from registry.dialects.base import Dialect, Mode, OnConflict, Rows
from registry.errors import (
    DatabaseBusyError,
    DatabaseConflictError,
    DatabaseUnavailableError,
    InvalidArgumentError,
    RegistryError,
    RepositoryFormatError,
)

_FEW = 20  # rows up to which statements are faster than COPY
_SECRETS = ("password", "sslpassword")
_CONNECT_TIMEOUT_S = 10
_LOCK = 0x7069706500000000  # tells our advisory locks from those of others; the schema's number is added

# Names of types in COPY; the first that fits.
_COPY_TYPES: tuple[tuple[type[TypeEngine[Any]], str], ...] = (
    (BigInteger, "int8"),
    (Integer, "int4"),
    (Double, "float8"),
    (Boolean, "bool"),
    (String, "text"),
    (LargeBinary, "bytea"),
)


class IdType(UserDefinedType[bytes]):
    """The database's type ``uuid``, as 16 `bytes` in Python."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the type's name."""
        return "UUID"

    def bind_expression(self, bindvalue: BindParameter[bytes]) -> ColumnElement[Any]:
        """Return the value of a parameter that was sent as bytes: there is no cast from them."""
        return cast(func.encode(bindvalue, literal_column("'hex'")), UUID)


class _IdDumper(Dumper):
    """Sends an id in COPY."""

    format = Format.BINARY
    oid = psycopg.adapters.types["uuid"].oid

    def dump(self, obj: bytes) -> bytes:
        return obj


class _IdLoader(Loader):
    """Receives an id in the format that `SQLAlchemy` itself asks for."""

    def load(self, data: Any) -> bytes:  # bytes, or a view of them
        return bytes.fromhex(bytes(data).decode().replace("-", ""))


class _IdBinaryLoader(Loader):
    """Receives an id."""

    format = Format.BINARY

    def load(self, data: Any) -> bytes:  # bytes, or a view of them
        return bytes(data)


class _Id:
    """Stands for the Python type of `_IdDumper`, which is chosen by the type of the column."""


_ADAPTERS = AdaptersMap(psycopg.adapters)
_ADAPTERS.register_loader("uuid", _IdLoader)
_ADAPTERS.register_loader("uuid", _IdBinaryLoader)
_ADAPTERS.register_dumper(_Id, _IdDumper)


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
        self._inserts: dict[tuple[str, tuple[str, ...], OnConflict, int], str] = {}

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
        connection = psycopg.connect(**arguments, autocommit=True, context=_ADAPTERS)
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
        if not rows:
            return 0
        if on_conflict == "replace":  # one statement may change a row once only: the last one counts
            positions = [names.index(column.name) for column in table.primary_key if column.name in names]
            rows = list({tuple([row[p] for p in positions]): row for row in rows}.values())
        driver = _driver(connection)
        try:
            if len(rows) > _FEW:
                # Rows are rarely there already; if some are, the server says so at the first of them.
                with driver.transaction(), driver.cursor() as cursor:
                    _copy(cursor, sql.Identifier(table.name), table, names, rows)
                    return cursor.rowcount
        except psycopg.IntegrityError as error:
            if on_conflict == "error" or not isinstance(error, errors.UniqueViolation):
                raise IntegrityError(f"COPY {table.name}", None, error) from error
        try:
            if len(rows) > _FEW:
                with driver.transaction(), driver.cursor() as cursor:
                    return _insert_through_copy(cursor, table, names, rows, on_conflict)
            return self._insert_few(driver, table, tuple(names), rows, on_conflict)
        except psycopg.IntegrityError as error:
            raise IntegrityError(f"INSERT INTO {table.name}", None, error) from error

    def _insert_few(
        self,
        driver: psycopg.Connection[Any],
        table: Table,
        names: tuple[str, ...],
        rows: Rows,
        on_conflict: OnConflict,
    ) -> int:
        """Insert by one statement, sent in one message with the savepoint that it needs."""
        shape = table.name, names, on_conflict, len(rows)
        if (statement := self._inserts.get(shape)) is None:
            marks = sql.SQL("({})").format(_marks(table, names))
            values = sql.SQL("VALUES {}").format(sql.SQL(", ").join([marks] * len(rows)))
            statement = _insert_statement(table, names, values, on_conflict).as_string(driver)
            self._inserts[shape] = statement
        parameters = [value for row in rows for value in row]
        cursor = psycopg.ClientCursor(driver)
        if driver.info.transaction_status == TransactionStatus.IDLE:
            return cursor.execute(statement, parameters).rowcount
        try:
            cursor.execute(f"SAVEPOINT few; {statement}; RELEASE few", parameters)
        except psycopg.Error:
            if driver.info.transaction_status == TransactionStatus.INERROR:
                driver.execute("ROLLBACK TO few; RELEASE few")
            raise
        cursor.nextset()
        return cursor.rowcount

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


def _conflict_clause(table: Table, names: Sequence[str], on_conflict: OnConflict) -> sql.Composable:
    if on_conflict == "error":
        return sql.SQL("")
    key = [column.name for column in table.primary_key]
    updates = [
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in names if name not in key
    ]
    target = sql.SQL(", ").join(map(sql.Identifier, key))
    if on_conflict == "skip" or not updates:
        return sql.SQL(" ON CONFLICT ({}) DO NOTHING").format(target)
    return sql.SQL(" ON CONFLICT ({}) DO UPDATE SET {}").format(target, sql.SQL(", ").join(updates))


def _insert_statement(
    table: Table, names: Sequence[str], source: sql.Composable, on_conflict: OnConflict
) -> sql.Composed:
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    conflict = _conflict_clause(table, names, on_conflict)
    return sql.SQL("INSERT INTO {} ({}) {}{}").format(sql.Identifier(table.name), columns, source, conflict)


def _marks(table: Table, names: Sequence[str]) -> sql.Composed:
    marks: Iterable[Literal["encode(%s, 'hex')::uuid", "%s"]] = (
        "encode(%s, 'hex')::uuid" if isinstance(table.c[name].type, IdType) else "%s" for name in names
    )
    return sql.SQL(", ").join(map(sql.SQL, marks))


def _insert_through_copy(
    cursor: psycopg.Cursor[Any], table: Table, names: Sequence[str], rows: Rows, on_conflict: OnConflict
) -> int:
    """Copy rows to a temporary table, and insert from there; COPY itself knows no conflicts."""
    name = f"new_{table.name}"[:63]
    new = sql.Identifier("pg_temp", name)
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    like = sql.SQL("CREATE TEMP TABLE {} ON COMMIT DROP AS SELECT {} FROM {} LIMIT 0")
    cursor.execute(like.format(sql.Identifier(name), columns, sql.Identifier(table.name)))
    _copy(cursor, new, table, names, rows)
    source = sql.SQL("SELECT {} FROM {}").format(columns, new)
    cursor.execute(_insert_statement(table, names, source, on_conflict))
    written = cursor.rowcount
    cursor.execute(sql.SQL("DROP TABLE {}").format(new))
    return written


def _copy(
    cursor: psycopg.Cursor[Any],
    target: sql.Identifier,
    table: Table,
    names: Sequence[str],
    rows: Iterable[tuple[Any, ...]],
) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(target, columns)
    with cursor.copy(statement) as copy:
        copy.set_types([_copy_type(table.c[name].type) for name in names])
        for row in rows:
            copy.write_row(row)


def _copy_type(kind: TypeEngine[Any]) -> str:
    if isinstance(kind, IdType):
        return "uuid"
    return next(name for python, name in _COPY_TYPES if isinstance(kind, python))


def _is_lost(error: psycopg.OperationalError) -> bool:
    # Errors of connecting have no code; the classes 08 and 57P are about the connection.
    return error.sqlstate is None or error.sqlstate.startswith(("08", "28", "3D", "53", "57P"))


def _is_about_text(error: psycopg.DataError) -> bool:
    # The driver's own error has no code; the server gives one where the text is part of a JSON array.
    return isinstance(error, errors.UntranslatableCharacter) or "NUL" in str(error)


def _one_line(error: object) -> str:
    return " ".join(str(error).split())


def _hint(what: str) -> str:
    if "password" in what or "authentication" in what:
        return "Give the password in $PGPASSWORD, or in the file that $PGPASSFILE names (~/.pgpass)."
    return "Check that the server runs and can be reached from here."
