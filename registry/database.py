"""One open database: reading, transactions and writing over the connection of a thread, caches."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Engine, Executable, Table
from sqlalchemy.exc import DBAPIError, IntegrityError

from registry.columns import as_array
from registry.dialects.base import Dialect, OnConflict, Rows
from registry.errors import (
    DatabaseBusyError,
    DatabaseConflictError,
    DatabaseUnavailableError,
    InvalidArgumentError,
    OrphanedRecordError,
    TransactionError,
)
from registry.prepared import Prepared
from registry.sessions import Session, Sessions

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")

UNTIL_WRITTEN = "until written"
"""The part of the cache for what any change by this connection may make wrong."""

_PAGE = 10_000  # rows held at once where there may be millions
_SHORT = 100_000  # rows of a result that is not worth a cursor of the server, which stores it first


class Database:
    """An open database.

    Parameters
    ----------
    url : `str`
        Where it is; messages show it without a password.
    dialect : `Dialect`
        How it differs from other databases.
    engine : `sqlalchemy.Engine`
        Without a pool.
    writeable : `bool`
        Whether transactions may begin.
    """

    def __init__(self, url: str, dialect: Dialect, engine: Engine, *, writeable: bool) -> None:
        self.url = dialect.shown(url)
        self.dialect = dialect
        self.engine = engine
        self.writeable = writeable
        self._prepared: dict[Hashable, Prepared] = {}
        self._sessions = Sessions(engine, dialect.driver_error)

    @property
    def session(self) -> Session:
        """What the calling thread holds; its connection opens at first use."""
        session = self._sessions.mine()
        if session is None:
            with self._translated():
                session = self._sessions.open()
        return session

    @property
    def in_transaction(self) -> bool:
        """Whether the calling thread is inside a transaction."""
        return self.session.depth > 0

    def close(self, *, roll_back: bool = False) -> None:
        """Close the connections of all threads; with ``roll_back``, also those that are in a transaction.

        Raises
        ------
        TransactionError
            If one is, without ``roll_back``.
        """
        if not roll_back and self._sessions.any_in_transaction():
            raise TransactionError(f"{self.url} can't be closed inside a transaction; leave its block first.")
        self._sessions.close()

    # Reading

    def fetch(self, statement: Executable | Prepared, values: Mapping[str, Any] | None = None) -> list[Any]:
        """Run a select and return its rows as the driver's tuples."""
        self.settle()
        return self.peek(statement, values)

    def peek(self, statement: Executable | Prepared, values: Mapping[str, Any] | None = None) -> list[Any]:
        """Run a select that what is deferred makes no difference to; see `defer`."""
        if not isinstance(statement, Prepared):
            statement = Prepared(statement, self.engine)
        with self._translated():
            cursor = self.dialect.cursor(self.session.connection)
            cursor.execute(statement.sql, statement.bind(values or {}))
            rows: list[Any] = list(cursor.fetchall())
            cursor.close()
        return rows

    def stream(self, statement: Executable, most: int | None = None) -> Iterator[list[Any]]:
        """Run a select and yield its rows some thousands at a time, so that not all are in memory.

        Where it is known that there are at most so many, ``most``, and these are few, the driver holds them.
        """
        self.settle()
        prepared = Prepared(statement, self.engine)
        with self._translated():
            is_short = most is not None and most <= _SHORT
            open_cursor = self.dialect.cursor if is_short else self.dialect.streaming_cursor
            cursor = open_cursor(self.session.connection)
            cursor.execute(prepared.sql, prepared.bind({}))
        try:
            while True:
                with self._translated():
                    rows: list[Any] = list(cursor.fetchmany(_PAGE))
                if not rows:
                    return
                yield rows
        finally:
            cursor.close()

    def fetch_columns(
        self, statement: Executable | Prepared, values: Mapping[str, Any] | None = None
    ) -> dict[str, np.ndarray[Any, Any]]:
        """Run a select and return its columns as arrays: int64 or float64 where possible, else object."""
        if not isinstance(statement, Prepared):
            statement = Prepared(statement, self.engine)
        rows = self.fetch(statement, values)
        columns: Any = list(zip(*rows, strict=True)) or [()] * len(statement.names)
        return {name: as_array(column) for name, column in zip(statement.names, columns, strict=True)}

    def prepared(self, shape: Hashable, make: Callable[[], Executable]) -> Prepared:
        """Return the compiled statement of a shape, making it at the first call."""
        if (found := self._prepared.get(shape)) is None:
            found = self._prepared[shape] = Prepared(make(), self.engine)
        return found

    # Writing

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[None]:
        """Make what happens inside one change: all of it or nothing.

        A transaction inside another one is part of it: it has no savepoint, so that after an error inside,
        the outer one can only roll back.
        """
        session = self.session
        if session.depth:
            session.depth += 1
            try:
                yield
            except BaseException:
                session.failed = True
                raise
            finally:
                session.depth -= 1
            return
        if not self.writeable:
            raise DatabaseConflictError(f"{self.url} is open for reading only; open it with writeable=True.")
        try:
            session.depth, session.began = 1, time.monotonic()
            with self._translated():
                self.dialect.begin(session.connection, durable=durable)
            yield
            self.settle()
            self._commit(session)
        except BaseException as error:
            session.cache.clear()
            self._sessions.roll_back(session)
            if isinstance(error, IntegrityError) and self.dialect.violation(error):
                raise DatabaseConflictError(
                    f"Another client changed {self.url} meanwhile ({_first_line(error.orig)}): "
                    "nothing was stored; try again."
                ) from error
            raise
        finally:
            session.depth = 0
            session.failed = False
            session.deferred = None

    def defer(self, write: Callable[[], None]) -> None:
        """Let the open transaction write something later: before its next statement, or at its end.

        ``write`` may be called when there is nothing left to write. Of several, the last one counts.
        """
        self.session.deferred = write

    def settle(self) -> None:
        """Write what is deferred; asked for by whoever answers from what is cached of it."""
        session = self.session
        if (write := session.deferred) is not None:
            session.deferred = None
            write()

    def lock(self) -> None:
        """Let others that call this wait until the transaction ends.

        For what depends on what was read before, and no constraint guards: definitions, validity ranges,
        overlaps.
        """
        self.settle()
        session = self.session
        with self._translated():
            self.dialect.lock(session.connection)
        session.checked = -math.inf  # what others did while this one waited must be seen

    def savepoint(self) -> AbstractContextManager[None]:
        """Return a context after whose failure the transaction around it can go on."""
        self.settle()
        return self.dialect.savepoint(self.session.connection)

    def _commit(self, session: Session) -> None:
        if session.failed:
            raise DatabaseConflictError(
                f"A change of {self.url} failed, and with it the transaction around it: nothing was stored."
            )
        try:
            with self._translated():
                self.dialect.commit(session.connection)
        except IntegrityError as error:  # of the checks that wait until here
            raise OrphanedRecordError(
                "Datasets name a producing quantum that is not stored; insert it in the same transaction."
            ) from error

    def insert(
        self, table: Table, names: Sequence[str], rows: Rows, on_conflict: OnConflict = "error"
    ) -> int:
        """Insert tuples in bulk; return how many rows were written."""
        self.settle()
        self.changed(UNTIL_WRITTEN)
        with self._translated():
            return self.dialect.insert(self.session.connection, table, names, rows, on_conflict)

    def execute(self, statement: Executable | Prepared, rows: Sequence[Mapping[str, Any]] = ({},)) -> int:
        """Run an update or a delete once per mapping of values; return the number of rows changed."""
        if not isinstance(statement, Prepared):
            statement = Prepared(statement, self.engine)
        bound = [statement.bind(row) for row in rows]
        if not bound:
            return 0
        self.settle()
        self.changed(UNTIL_WRITTEN)
        with self._translated():
            parameters = bound if len(bound) > 1 else bound[0]
            return self.session.connection.exec_driver_sql(statement.sql, parameters).rowcount

    # Caching

    def cached(self, part: str, key: Hashable, make: Callable[[], T]) -> T:
        """Return a value read from the database, read again once anybody may have changed it.

        Other connections' commits are noticed by the dialect's change counter; who writes over this one calls
        `changed`.
        """
        session = self.session
        alone = self.dialect.isolates and session.depth and session.checked > session.began
        fresh_s = self.dialect.fresh_within_s if session.depth else self.dialect.fresh_s
        if session.looks_once and session.checked > -math.inf:
            fresh_s = math.inf
        if not alone and (now := time.monotonic()) - session.checked > fresh_s:
            with self._translated():
                counter = self.dialect.change_counter(session.connection)
            if counter != session.change:
                session.cache.clear()
                session.change = counter
            session.checked = now
        values = session.cache.setdefault(part, {})
        if key in values:
            found: T = values[key]
            return found
        made = make()
        values[key] = made
        return made

    @contextmanager
    def one_look(self) -> Iterator[None]:
        """Check at most once inside whether others have changed what is cached: for one call of a user."""
        session = self.session
        if session.looks_once or session.depth:  # a transaction looks seldom as it is
            yield
            return
        session.checked = -math.inf
        session.looks_once = True
        try:
            yield
        finally:
            session.looks_once = False

    def changed(self, *parts: str) -> None:
        """Forget what is cached of parts that this connection has just changed."""
        for part in parts:
            self.session.cache.pop(part, None)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn trouble of the database into an error of the registry."""
        try:
            yield
        except UnicodeEncodeError as error:
            raise InvalidArgumentError(f"{error.object!r} is no text that {self.url} can hold.") from error
        except (DBAPIError, self.dialect.driver_error) as error:
            explained = self.dialect.explain(error, self.url)
            if explained is None:
                raise
            session = self._sessions.mine()
            if isinstance(explained, DatabaseBusyError) and self._sessions.any_in_transaction(but=session):
                raise DatabaseBusyError(
                    f"{explained} Another thread of this program is in a transaction: it must not wait."
                ) from error
            if isinstance(explained, DatabaseUnavailableError) and session is not None and not session.depth:
                self._sessions.discard(session)
            raise explained from error


def _first_line(error: object) -> str:
    return str(error).strip().partition("\n")[0]
