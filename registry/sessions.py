"""The connections of threads, and what each thread holds beside its own."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError


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


class Sessions:
    """The sessions of one database, one for each thread of one process.

    Parameters
    ----------
    engine : `sqlalchemy.Engine`
        Without a pool.
    driver_error : `type`
        What the driver raises.
    """

    def __init__(self, engine: Engine, driver_error: type[Exception]) -> None:
        self._engine = engine
        self._driver_error = driver_error
        self._local = threading.local()
        self._process = os.getpid()
        self._all: list[Session] = []
        self._opening = threading.Lock()  # protects _all
        self._foreign: list[Any] = []

    def mine(self) -> Session | None:
        """Return the session of the calling thread, if it has one."""
        if os.getpid() != self._process:
            # A connection must not be used, nor closed, on the far side of a fork: keep it from collection.
            self._foreign.append((self._local, self._all))
            self._local, self._all, self._process = threading.local(), [], os.getpid()
            self._opening = threading.Lock()  # a thread of the parent may have held it
        found: Session | None = getattr(self._local, "session", None)
        return found

    def open(self) -> Session:
        """Connect the calling thread."""
        session = self._local.session = Session(self._engine.connect())
        with self._opening:
            self._close_ended()
            self._all.append(session)
        return session

    def _close_ended(self) -> None:
        """Close the connections of threads that have ended: a server has a limited number."""
        for ended in [session for session in self._all if not session.thread.is_alive()]:
            self._all.remove(ended)
            ended.connection.close()

    def any_in_transaction(self, *, but: Session | None = None) -> bool:
        """Tell whether a thread of this process is in a transaction, but for the one of a session."""
        return os.getpid() == self._process and any(each.depth for each in self._all if each is not but)

    def close(self) -> None:
        """Close the connections of all threads."""
        if os.getpid() == self._process:
            for session in self._all:
                session.connection.close()
        self._all, self._local = [], threading.local()

    def roll_back(self, session: Session) -> None:
        """Undo what is open. A connection that can't be used any more is given up; its server rolls back.

        SQLAlchemy closes the connection of a statement that Ctrl-C interrupted.
        """
        connection = session.connection
        if connection.closed:
            return
        is_done = False
        try:
            with suppress(SQLAlchemyError, self._driver_error):
                if not connection.invalidated:
                    connection.connection.rollback()
                    is_done = True
        finally:
            if not is_done:
                self.discard(session)

    def discard(self, session: Session) -> None:
        """Close a connection that is of no use; the next call connects again."""
        if session in self._all:
            self._all.remove(session)
        if getattr(self._local, "session", None) is session:
            self._local.session = None
        with suppress(SQLAlchemyError, self._driver_error):
            session.connection.invalidate()
            session.connection.close()
