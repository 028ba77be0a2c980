"""Rows that have one of many keys: looked up some at a time, by statements of few shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, bindparam, select, tuple_

from registry.prepared import Prepared

if TYPE_CHECKING:
    from registry.database import Database

_KEYS = (1, 10, 100, 500)  # keys named in one select: enough to hide the cost of a statement
_MOST_KEYS = _KEYS[-1]
_KEY_TYPES = {int: "int", str: "string"}
_PAGE = 10_000  # keys in one select where they can be given as a list


def rows_by_keys(
    database: Database,
    columns: Sequence[ColumnElement[Any]],
    key: Sequence[ColumnElement[Any]],
    keys: Sequence[tuple[Any, ...]],
    *where: ColumnElement[bool],
) -> list[tuple[Any, ...]]:
    """Return the columns of the rows that have one of many keys, in no order."""
    wanted = select(*columns).where(*where)
    if not key:
        return database.fetch(wanted)
    if len(key) > 1:
        return _by_tuples(database, wanted, key, keys)
    values = [value for (value,) in keys]
    shape = () if where else tuple(map(str, (*columns, *key)))  # other conditions hold values of their own
    if len(values) > 1 and isinstance(values[0], bytes):
        among = database.dialect.any_id(key[0])
        if among is not None:
            return _by_ids(database, wanted.where(among), values, shape)
    return _by_values(database, wanted, key[0], values, shape)


def _by_tuples(
    database: Database,
    wanted: Select[Any],
    key: Sequence[ColumnElement[Any]],
    keys: Sequence[tuple[Any, ...]],
) -> list[tuple[Any, ...]]:
    from registry.query.value_rows import value_rows

    found: list[tuple[Any, ...]] = []
    types = [_KEY_TYPES.get(type(value)) for value in keys[0]] if keys else []
    # Literal tuples are compared one by one with whole tables; tuples of a select are looked up.
    plain = [kind for kind in types if kind is not None]
    size = _PAGE if len(plain) == len(types) else _MOST_KEYS
    for start in range(0, len(keys), size):
        part = keys[start : start + size]
        among = value_rows(part, plain) if size == _PAGE else part
        found += database.fetch(wanted.where(tuple_(*key).in_(among)))
    return found


def _by_ids(
    database: Database, among: Select[Any], ids: list[bytes], shape: tuple[str, ...]
) -> list[tuple[Any, ...]]:
    """Give the ids as one list, where the database takes such."""
    found: list[tuple[Any, ...]] = []
    statement = _statement(database, lambda: among, shape, "by ids")
    for start in range(0, len(ids), _PAGE):
        some = database.dialect.id_list(ids[start : start + _PAGE])
        found += database.fetch(statement, {"ids": some})
    return found


def _by_values(
    database: Database,
    wanted: Select[Any],
    key: ColumnElement[Any],
    values: list[Any],
    shape: tuple[str, ...],
) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for start in range(0, len(values), _MOST_KEYS):
        part = values[start : start + _MOST_KEYS]
        n = next(size for size in _KEYS if size >= len(part))
        part += part[-1:] * (n - len(part))  # few shapes: filled up with the last key
        statement = _statement(database, partial(_one_of, wanted, key, n), shape, n)
        found += database.fetch(statement, {f"key_{i}": value for i, value in enumerate(part)})
    return found


def _statement(
    database: Database, make: Callable[[], Select[Any]], shape: tuple[str, ...], kind: str | int
) -> Prepared:
    """Return a statement; the same one again for the same shape, if there is one."""
    return database.prepared((kind, *shape), make) if shape else Prepared(make(), database.engine)


def _one_of(wanted: Select[Any], key: ColumnElement[Any], n: int) -> Select[Any]:
    """Ask for the rows whose key is one of ``n`` parameters; they get their values when it is run."""
    given = [bindparam(f"key_{i}", type_=key.type, required=False) for i in range(n)]
    return wanted.where(key.in_(given))
