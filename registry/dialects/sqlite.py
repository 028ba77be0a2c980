"""SQLite: the embedded default, one file in WAL mode with one writer at a time."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Hashable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import quote, unquote

import sqlalchemy
from sqlalchemy import Connection, Engine, LargeBinary, Table
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeEngine

from registry.dialects.base import Dialect, Mode, OnConflict, Rows
from registry.errors import DatabaseBusyError, DatabaseConflictError, RegistryError, RepositoryFormatError

_LOG = logging.getLogger(__name__)
_SMALL = 2**22  # bytes free, below which a disk may have been full
_NO_WAL = (
    "The file system of %s can't do write-ahead logging; with journal mode %s, readers and writers wait for "
    "each other. Better keep it on a local disk, or on PostgreSQL."
)
_MOMENT_S = 0.05
_DURABLE = "FULL"
_FAST = "NORMAL"  # a power cut may lose the last commits, never the file: the run's journal is the truth


class SQLiteDialect(Dialect):
    """SQLite differences.

    Parameters
    ----------
    busy_timeout_s : `float`, optional
        How long a writer waits for another one before it gives up.
    """

    name = "sqlite"
    isolates = True
    id_type: ClassVar[TypeEngine[bytes]] = LargeBinary(16)
    clustered: ClassVar[dict[str, Any]] = {"sqlite_with_rowid": False}
    driver_error = sqlite3.Error

    def __init__(self, busy_timeout_s: float = 60.0) -> None:
        self.busy_timeout_s = busy_timeout_s
        self._inserts: dict[tuple[str, tuple[str, ...], OnConflict], str] = {}

    def shown(self, url: str) -> str:
        """Return the path of the file."""
        return sqlalchemy.make_url(url).database or url

    def make_engine(self, url: str, mode: Mode) -> Engine:
        """Return an engine for a file, or for a database in memory (of one thread)."""
        path = sqlalchemy.make_url(url).database
        target = _file_uri(Path(path), mode) if path and path != ":memory:" else ":memory:"
        return sqlalchemy.create_engine(
            "sqlite://",
            creator=partial(self._connect, target, mode),
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
        )

    def _connect(self, target: str, mode: Mode) -> sqlite3.Connection:
        connection = self._made(target)
        failed = 0 if mode == "create" else _shared_memory_error(connection)
        if failed == sqlite3.SQLITE_CANTOPEN:  # also for a moment, where a process has too many files open
            time.sleep(_MOMENT_S)
            failed = _shared_memory_error(connection)
        if failed:
            connection.close()
            connection = self._without_shared_memory(target, mode, failed)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA cache_size = -65536")
        if mode == "create":
            (journal,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if journal not in ("wal", "memory"):
                _LOG.warning(_NO_WAL, _path_of(target), journal)
        if mode != "read":
            connection.execute(f"PRAGMA synchronous = {_FAST}")
        return connection

    def _made(self, target: str) -> sqlite3.Connection:
        return sqlite3.connect(
            target,
            uri=target.startswith("file:"),
            timeout=self.busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,  # each thread has its own, but all are closed together
        )

    def _without_shared_memory(self, target: str, mode: Mode, failed: int) -> sqlite3.Connection:
        """Open a file in WAL mode as its only user, who needs no memory that others share.

        The file system has no room for it now; or it never has any, since the file was copied to one that
        can't do this: then whoever may write changes the journal mode.
        """
        connection = self._made(target.replace("mode=ro", "mode=rw"))
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        if mode == "read":
            connection.execute("PRAGMA query_only = ON")
        elif failed == sqlite3.SQLITE_CANTOPEN:
            (journal,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
            connection.execute("PRAGMA locking_mode = NORMAL")
            _LOG.warning(_NO_WAL, _path_of(target), journal)
        return connection

    def abandon(self, url: str) -> None:
        """Remove the file, which did not exist before, and those beside it."""
        path = sqlalchemy.make_url(url).database
        for suffix in ("", "-wal", "-shm", "-journal") if path and path != ":memory:" else ():
            Path(f"{path}{suffix}").unlink(missing_ok=True)

    def backup(self, url: str, label: str) -> str | None:
        """Copy the file to one beside it."""
        path = sqlalchemy.make_url(url).database
        if not path or path == ":memory:":
            return None
        target = Path(f"{path}.{label}")
        number = 1
        while target.exists():
            number += 1
            target = Path(f"{path}.{label}.{number}")
        source_uri = _file_uri(Path(path), "read")
        with (
            closing(sqlite3.connect(source_uri, uri=True)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
        return str(target)

    def begin(self, connection: Connection, *, durable: bool) -> None:
        """Begin as the only writer; how far a commit is synced is a setting of the connection."""
        # Immediate: a transaction that read first and then wrote could fail half-way as busy.
        level = _DURABLE if durable else _FAST
        _driver(connection).execute(f"PRAGMA synchronous = {level}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def commit(self, connection: Connection) -> None:
        """Commit."""
        connection.exec_driver_sql("COMMIT")

    @contextmanager
    def savepoint(self, connection: Connection) -> Iterator[None]:
        """Roll back to where it began after an error."""
        driver = _driver(connection)
        driver.execute("SAVEPOINT inner")
        try:
            yield
        except BaseException:
            with suppress(sqlite3.Error):  # of a connection that is closed, with all that was open
                driver.execute("ROLLBACK TO inner")
                driver.execute("RELEASE inner")
            raise
        driver.execute("RELEASE inner")

    def lock(self, connection: Connection) -> None:
        """Do nothing: there is one writer at a time."""

    def cursor(self, connection: Connection) -> sqlite3.Cursor:
        """Return a cursor of the driver."""
        return _driver(connection).cursor()

    def change_counter(self, connection: Connection) -> Hashable:
        """Return SQLite's own counter of the commits of others; 2 µs."""
        counter: Hashable = _driver(connection).execute("PRAGMA data_version").fetchone()[0]
        return counter

    def insert(
        self,
        connection: Connection,
        table: Table,
        names: Sequence[str],
        rows: Rows,
        on_conflict: OnConflict = "error",
    ) -> int:
        """Insert tuples by one statement, compiled once per shape."""
        if not rows:
            return 0
        shape = (table.name, tuple(names), on_conflict)
        if (sql := self._inserts.get(shape)) is None:
            sql = self._inserts[shape] = _insert_sql(connection, table, shape[1], on_conflict)
        with self.savepoint(connection):
            return connection.exec_driver_sql(sql, list(rows)).rowcount

    def violation(self, error: BaseException) -> Literal["foreign key", "unique"] | None:
        """Tell by SQLite's extended result code."""
        code = getattr(getattr(error, "orig", error), "sqlite_errorcode", None)
        if code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
            return "foreign key"
        unique = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
        return "unique" if code in unique else None

    def explain(self, error: BaseException, url: str) -> RegistryError | None:
        """Tell by SQLite's result code."""
        code = getattr(getattr(error, "orig", error), "sqlite_errorcode", None)
        primary = code & 0xFF if code is not None else None
        if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return DatabaseBusyError(
                f"{url} was locked by another writer for {self.busy_timeout_s:g} s; "
                "try again when it is done."
            )
        if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return RepositoryFormatError(
                f"{url} is no SQLite database, or a damaged one; restore it from a copy."
            )
        if primary == sqlite3.SQLITE_CANTOPEN:
            return RepositoryFormatError(
                f"{url} cannot be opened; check that the file exists, and that it and its folder may be "
                "read, and written to if something is to be changed."
            )
        if primary == sqlite3.SQLITE_READONLY:
            return DatabaseConflictError(
                f"{url} may not be written; check the permissions of file and folder."
            )
        if primary in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            return DatabaseConflictError(
                f"{url} could not be written: {getattr(error, 'orig', error)}; is there room on the disk?"
                f"{_room(url)}"
            )
        return None


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _path_of(target: str) -> str:
    return unquote(target.removeprefix("file:").partition("?")[0])


def _shared_memory_error(connection: sqlite3.Connection) -> int:
    """Return the error that tells of no memory for users of the file to share; 0 if there is some."""
    try:
        connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.OperationalError as error:  # any other one comes again, and is told then
        if error.sqlite_errorcode in (sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_CANTOPEN):
            return error.sqlite_errorcode
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:  # it took a minute to know that
            raise
    except sqlite3.Error:
        pass
    return 0


def _room(path: str) -> str:
    """Say how full the disk of a file is, and what to do, if that may be the reason of an error."""
    with suppress(OSError):
        free = shutil.disk_usage(Path(path).parent).free
        if free < _SMALL:
            return (
                f" {free // 1000} kB are free; remove runs or datasets, few at a time (butler remove-runs, "
                "prune-datasets)."
            )
    return ""


def _file_uri(path: Path, mode: Mode) -> str:
    """Return the URI of a database file; only creation makes a file."""
    path = path.absolute()
    if mode == "create" and path.exists() and path.stat().st_size:
        raise RepositoryFormatError(f"{path} exists already; open it, or name another file.")
    if mode != "create" and not path.exists():
        raise RepositoryFormatError(
            f"No registry at {path}; restore the file, or make a repository with: butler create."
        )
    writable = os.access(path.parent, os.W_OK)
    if mode == "create" and not writable:
        raise DatabaseConflictError(f"{path} cannot be made: its folder may not be written, or is not there.")
    if mode == "write" and not (writable and os.access(path, os.W_OK)):
        raise DatabaseConflictError(f"{path} may not be written; check the permissions of file and folder.")
    options = {"create": "mode=rwc", "write": "mode=rw", "read": "mode=ro"}[mode]
    # Without -wal nobody writes, and nobody can begin to in a folder that is not writable.
    wal = path.with_name(path.name + "-wal")
    if mode == "read" and not writable and not wal.exists():
        options += "&immutable=1"
    return f"file:{quote(str(path))}?{options}"


def _insert_sql(connection: Connection, table: Table, names: tuple[str, ...], on_conflict: OnConflict) -> str:
    quote_name = connection.dialect.identifier_preparer.quote
    columns = ", ".join(map(quote_name, names))
    marks = ", ".join("?" * len(names))
    sql = f"INSERT INTO {quote_name(table.name)} ({columns}) VALUES ({marks})"  # noqa: S608 - names only
    if on_conflict == "error":
        return sql
    key = [column.name for column in table.primary_key]
    updates = [f"{quote_name(n)} = excluded.{quote_name(n)}" for n in names if n not in key]
    action = f"UPDATE SET {', '.join(updates)}" if on_conflict == "replace" and updates else "NOTHING"
    return f"{sql} ON CONFLICT ({', '.join(map(quote_name, key))}) DO {action}"
