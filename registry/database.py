"""One open database: connections of threads, transactions, prepared statements, caches."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Executable,
    Select,
    Table,
    bindparam,
    select,
    tuple_,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

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

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")

_KEYS = (1, 10, 100, 500)  # keys named in one select: enough to hide the cost of a statement
_MOST_KEYS = _KEYS[-1]
_KEY_TYPES = {int: "int", str: "string"}
UNTIL_WRITTEN = "until written"
"""The part of the cache for what any change by this connection may make wrong."""

_PAGE = 10_000  # rows held at once where there may be millions
_SHORT = 100_000  # rows of a result that is not worth a cursor of the server, which stores it first


class Prepared:
    """A statement compiled once, to be run many times with other values.

    Parameters
    ----------
    statement : `sqlalchemy.Executable`
        Select, update or delete with named bind parameters.
    engine : `sqlalchemy.Engine`
        What to compile it for.
    """

    def __init__(self, statement: Executable, engine: Engine) -> None:
        compiled: Any = statement.compile(  # type: ignore[attr-defined]
            dialect=engine.dialect, compile_kwargs={"render_postcompile": True}
        )
        self.sql = str(compiled)
        self.names: tuple[str, ...] = tuple(
            column.name for column in getattr(statement, "selected_columns", ())
        )
        self._values: Mapping[str, Any] = compiled.params
        self._order: Sequence[str] | None = compiled.positiontup

    def bind(self, values: Mapping[str, Any]) -> Any:  # what the driver takes: a tuple or a mapping
        """Return the driver's parameters."""
        merged = {**self._values, **values} if values else self._values
        return merged if self._order is None else tuple([merged[name] for name in self._order])


class Session:
    """What one thread holds: its connection, and what it has learnt over it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.thread = threading.current_thread()
        self.depth = 0
        self.failed = False
        self.deferred: Callable[[], None] | None = None  # what the transaction has yet to write
        self.change: Hashable = None
        self.began = 0.0  # when the transaction began; by the monotonic clock
        self.checked = -math.inf  # when `change` was read
        self.looks_once = False  # whether it need not be read again meanwhile
        self.cache: dict[str, dict[Hashable, Any]] = {}


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
        self._local = threading.local()
        self._process = os.getpid()
        self._sessions: list[Session] = []
        self._opening = threading.Lock()  # protects _sessions
        self._foreign: list[Any] = []

    @property
    def session(self) -> Session:
        """What the calling thread holds; its connection opens at first use."""
        if os.getpid() != self._process:
            # A connection must not be used, nor closed, on the far side of a fork: keep it from collection.
            self._foreign.append((self._local, self._sessions))
            self._local, self._sessions, self._process = threading.local(), [], os.getpid()
            self._opening = threading.Lock()  # a thread of the parent may have held it
        session: Session | None = getattr(self._local, "session", None)
        if session is None:
            with self._translated():
                session = self._local.session = Session(self.engine.connect())
            with self._opening:
                self._close_ended()
                self._sessions.append(session)
        return session

    def _close_ended(self) -> None:
        """Close the connections of threads that have ended: a server has a limited number."""
        for ended in [session for session in self._sessions if not session.thread.is_alive()]:
            self._sessions.remove(ended)
            ended.connection.close()

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
        if os.getpid() == self._process:
            if not roll_back and any(session.depth for session in self._sessions):
                raise TransactionError(
                    f"{self.url} can't be closed inside a transaction; leave its block first."
                )
            for session in self._sessions:
                session.connection.close()
        self._sessions, self._local = [], threading.local()

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

    def fetch_by_keys(
        self,
        columns: Sequence[ColumnElement[Any]],
        key: Sequence[ColumnElement[Any]],
        keys: Sequence[tuple[Any, ...]],
        *where: ColumnElement[bool],
    ) -> list[tuple[Any, ...]]:
        """Return the columns of the rows that have one of many keys, in no order."""
        wanted = select(*columns).where(*where)
        if not key:
            return self.fetch(wanted)
        found: list[tuple[Any, ...]] = []
        if len(key) > 1:
            from registry.query.value_rows import value_rows

            types = [_KEY_TYPES.get(type(value)) for value in keys[0]] if keys else []
            # Literal tuples are compared one by one with whole tables; tuples of a select are looked up.
            plain = [kind for kind in types if kind is not None]
            size = _PAGE if len(plain) == len(types) else _MOST_KEYS
            for start in range(0, len(keys), size):
                part = keys[start : start + size]
                among = value_rows(part, plain) if size == _PAGE else part
                found += self.fetch(wanted.where(tuple_(*key).in_(among)))
            return found
        values = [value for (value,) in keys]
        is_id = len(values) > 1 and isinstance(values[0], bytes)
        if is_id and (any_of_them := self.dialect.any_id(key[0])) is not None:
            some = partial(wanted.where, any_of_them)
            by_ids = ("by ids", *map(str, (*columns, *key)))
            statement = Prepared(some(), self.engine) if where else self.prepared(by_ids, some)
            for start in range(0, len(values), _PAGE):
                ids = self.dialect.id_list(values[start : start + _PAGE])
                found += self.fetch(statement, {"ids": ids})
            return found
        for start in range(0, len(values), _MOST_KEYS):
            part = values[start : start + _MOST_KEYS]
            n = next(size for size in _KEYS if size >= len(part))
            part += part[-1:] * (n - len(part))  # few shapes: filled up with the last key
            one_of_some = partial(_one_of, wanted, key[0], n)
            shape = ("by keys", *map(str, (*columns, *key)), n)
            # Other conditions hold values of their own.
            statement = Prepared(one_of_some(), self.engine) if where else self.prepared(shape, one_of_some)
            found += self.fetch(statement, {f"key_{i}": value for i, value in enumerate(part)})
        return found

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
            self._roll_back(session)
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

    def _roll_back(self, session: Session) -> None:
        """Undo what is open. A connection that can't be used any more is given up; its server rolls back.

        SQLAlchemy closes the connection of a statement that Ctrl-C interrupted.
        """
        connection = session.connection
        if connection.closed:
            return
        is_done = False
        try:
            with suppress(SQLAlchemyError, self.dialect.driver_error):
                if not connection.invalidated:
                    connection.connection.rollback()
                    is_done = True
        finally:
            if not is_done:
                self._discard(session)

    def _discard(self, session: Session) -> None:
        """Close a connection that is of no use; the next call connects again."""
        if session in self._sessions:
            self._sessions.remove(session)
        if getattr(self._local, "session", None) is session:
            self._local.session = None
        with suppress(SQLAlchemyError, self.dialect.driver_error):
            session.connection.invalidate()
            session.connection.close()

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
            session = getattr(self._local, "session", None)
            if isinstance(explained, DatabaseBusyError) and any(
                other.depth for other in self._sessions if other is not session
            ):
                raise DatabaseBusyError(
                    f"{explained} Another thread of this program is in a transaction: it must not wait."
                ) from error
            if isinstance(explained, DatabaseUnavailableError) and session is not None and not session.depth:
                self._discard(session)
            raise explained from error


def _one_of(wanted: Select[Any], key: ColumnElement[Any], n: int) -> Select[Any]:
    """Ask for the rows whose key is one of ``n`` parameters."""
    return wanted.where(key.in_([bindparam(f"key_{i}", type_=key.type) for i in range(n)]))


def _first_line(error: object) -> str:
    return str(error).strip().partition("\n")[0]
