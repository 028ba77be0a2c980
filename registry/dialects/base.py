"""The contract that a database fulfils for the registry: the only place where databases may differ."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Literal

import sqlalchemy
from sqlalchemy import ColumnElement, Connection, Engine, Table
from sqlalchemy.types import TypeEngine

from registry.errors import RegistryError, RepositoryFormatError

Mode = Literal["create", "write", "read"]
OnConflict = Literal["error", "skip", "replace"]
Rows = Sequence[tuple[Any, ...]]

_DIALECTS = {
    "sqlite": "registry.dialects.sqlite:SQLiteDialect",
    "postgresql": "registry.dialects.postgresql:PostgreSQLDialect",
}


class Dialect(ABC):
    """How one kind of database connects, locks, inserts in bulk and reports trouble."""

    name: ClassVar[str]
    id_type: ClassVar[TypeEngine[bytes]]
    """Column type of a 16-byte dataset id; its Python value is `bytes`."""
    clustered: ClassVar[Mapping[str, Any]] = {}
    """Table options that store the rows in the order of the primary key."""
    collation: ClassVar[str | None] = None
    """Collation of text columns that sorts by code point, where that is not the default."""
    driver_error: ClassVar[type[Exception]]
    """Base of the errors that the driver raises."""
    fresh_s: ClassVar[float] = 0.0
    """For how long a value of `change_counter` holds, so that one call asks for it once."""
    fresh_within_s: ClassVar[float] = 0.0
    """As ``fresh_s``, inside a transaction; what depends on what others do meanwhile takes the lock first."""
    isolates: ClassVar[bool] = False
    """Whether nobody else changes anything while a transaction is open."""

    @abstractmethod
    def shown(self, url: str) -> str:
        """Return a URL as messages show it and files keep it: without a password."""

    @abstractmethod
    def make_engine(self, url: str, mode: Mode) -> Engine:
        """Return an engine without a pool, in driver-level autocommit; transactions are begun explicitly."""

    @abstractmethod
    def abandon(self, url: str) -> None:
        """Remove what a creation that failed has left; nothing where all of it was one transaction."""

    @abstractmethod
    def backup(self, url: str, label: str) -> str | None:
        """Copy the database before its tables change; return where to, `None` where others see to copies.

        Called while this connection's transaction keeps writers away.
        """

    @abstractmethod
    def begin(self, connection: Connection, *, durable: bool) -> None:
        """Begin a transaction that may write, waiting for other writers.

        Parameters
        ----------
        connection : `sqlalchemy.Connection`
            One without an open transaction.
        durable : `bool`
            Whether the commit must have reached the disk when it returns.
        """

    @abstractmethod
    def commit(self, connection: Connection) -> None:
        """Commit the transaction; an error if the database has given it up."""

    @abstractmethod
    def savepoint(self, connection: Connection) -> AbstractContextManager[None]:
        """Return a context after whose failure the transaction around it can go on."""

    @abstractmethod
    def lock(self, connection: Connection) -> None:
        """Keep others that take this lock waiting until the transaction ends; readers never wait."""

    @abstractmethod
    def cursor(self, connection: Connection) -> Any:  # of the driver: no common type
        """Return a cursor for reading rows as plain tuples, ids as `bytes`."""

    def streaming_cursor(self, connection: Connection) -> Any:  # of the driver, as above
        """Return a cursor that need not hold all rows in memory."""
        return self.cursor(connection)

    def any_id(self, column: ColumnElement[Any]) -> ColumnElement[bool] | None:
        """Return the condition that an id is one of those in the parameter ``ids``; see `id_list`.

        `None` where a parameter can't hold several: then each id has one of its own.
        """
        return None

    def id_list(self, ids: Sequence[bytes]) -> str:
        """Write ids as the parameter that `any_id` takes."""
        raise NotImplementedError

    @abstractmethod
    def change_counter(self, connection: Connection) -> Hashable:
        """Return a value that differs whenever another connection has committed since the last call."""

    @abstractmethod
    def insert(
        self,
        connection: Connection,
        table: Table,
        names: Sequence[str],
        rows: Rows,
        on_conflict: OnConflict = "error",
    ) -> int:
        """Insert rows of plain tuples, in the order of ``names``, and return how many rows were written.

        ``on_conflict`` is about rows whose primary key exists: refuse, leave the old row, or update it. An
        insertion that fails stores none of the rows, and the transaction around it can go on.
        """

    @abstractmethod
    def violation(self, error: BaseException) -> Literal["foreign key", "unique"] | None:
        """Return which kind of constraint an error is about, if it is about one."""

    @abstractmethod
    def explain(self, error: BaseException, url: str) -> RegistryError | None:
        """Return the registry's error for trouble of the database (locked, corrupt), `None` for a bug."""


def dialect_for(url: str) -> Dialect:
    """Return the dialect of a database URL."""
    try:
        backend = sqlalchemy.make_url(url).get_backend_name()
    except sqlalchemy.exc.ArgumentError:
        raise RepositoryFormatError(
            "This is no database URL; write one such as sqlite:///folder/registry.sqlite3 "
            "or postgresql+psycopg://user@host/database."
        ) from None
    if backend not in _DIALECTS:
        raise RepositoryFormatError(
            f"No support for databases of kind {backend!r}; supported: {', '.join(_DIALECTS)}."
        )
    module, name = _DIALECTS[backend].split(":")
    try:
        made: Dialect = getattr(importlib.import_module(module), name)()
    except ModuleNotFoundError as error:
        raise RepositoryFormatError(
            f"The driver for {backend} is not installed ({error.name}); "
            f"install it with: pip install 'pipetask[{backend}]'"
        ) from error
    return made
