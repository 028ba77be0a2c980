"""Bulk inserts on PostgreSQL: by COPY, through a temporary table after conflicts; a few by a statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import psycopg
from psycopg import errors, sql
from psycopg.pq import TransactionStatus
from sqlalchemy import BigInteger, Boolean, Double, Integer, LargeBinary, String, Table
from sqlalchemy.exc import IntegrityError
from sqlalchemy.types import TypeEngine

from registry.dialects.base import OnConflict, Rows
from registry.dialects.postgresql_ids import IdType

_FEW = 20  # rows up to which statements are faster than COPY

# Names of types in COPY; the first that fits.
_COPY_TYPES: tuple[tuple[type[TypeEngine[Any]], str], ...] = (
    (BigInteger, "int8"),
    (Integer, "int4"),
    (Double, "float8"),
    (Boolean, "bool"),
    (String, "text"),
    (LargeBinary, "bytea"),
)


class Inserter:
    """Inserts rows, and remembers the statements for few of them."""

    def __init__(self) -> None:
        self._statements: dict[tuple[str, tuple[str, ...], OnConflict, int], str] = {}

    def insert(
        self,
        driver: psycopg.Connection[tuple[Any, ...]],
        table: Table,
        names: Sequence[str],
        rows: Rows,
        on_conflict: OnConflict,
    ) -> int:
        """Return how many rows were written; see `registry.dialects.base.Dialect.insert`."""
        if not rows:
            return 0
        if on_conflict == "replace":  # one statement may change a row once only: the last one counts
            positions = [names.index(column.name) for column in table.primary_key if column.name in names]
            rows = list({tuple([row[p] for p in positions]): row for row in rows}.values())
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
            return self._few(driver, table, tuple(names), rows, on_conflict)
        except psycopg.IntegrityError as error:
            raise IntegrityError(f"INSERT INTO {table.name}", None, error) from error

    def _few(
        self,
        driver: psycopg.Connection[Any],
        table: Table,
        names: tuple[str, ...],
        rows: Rows,
        on_conflict: OnConflict,
    ) -> int:
        """Insert by one statement, sent in one message with the savepoint that it needs."""
        shape = table.name, names, on_conflict, len(rows)
        if (statement := self._statements.get(shape)) is None:
            marks = sql.SQL("({})").format(_marks(table, names))
            values = sql.SQL("VALUES {}").format(sql.SQL(", ").join([marks] * len(rows)))
            statement = _insert_statement(table, names, values, on_conflict).as_string(driver)
            self._statements[shape] = statement
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
