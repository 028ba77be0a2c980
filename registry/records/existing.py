"""Looking up in bulk whether the dimension records that data IDs name exist."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

from sqlalchemy import Select, String, Table, bindparam, exists, select

from registry.database import Database
from registry.dimensions.element import DimensionElement
from registry.errors import DataIdError
from registry.keyed_rows import rows_by_keys
from registry.query.value_rows import unfolded_rows
from registry.schema.schema import Schema

_MOST_KNOWN = 100_000  # keys of one element that a thread remembers
_SERIES = 8  # after so many look-ups of one key each, those that follow it are read too
_AHEAD = 1000


class _Known:
    """Keys of records that were found, and how often one was looked up."""

    def __init__(self) -> None:
        self.keys: set[tuple[Any, ...]] = set()
        self.lookups = 0


def check_records(
    db: Database,
    schema: Schema,
    owner: str,
    required: Iterable[DimensionElement],
    names: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    """Raise `DataIdError` if rows refer to a dimension record that does not exist.

    Records are never removed, so that what was found once need not be asked for again. Who asks for one key
    after the other is likely to ask for the next ones too: these are read ahead.

    Parameters
    ----------
    db, schema
        Where to look.
    owner : `str`
        What the rows are, for the message.
    required : iterable of `DimensionElement`
        Elements that they refer to.
    names : `~collections.abc.Sequence` [`str`]
        Names of the columns of ``rows``; these may have more.
    rows : `~collections.abc.Sequence` [`tuple`]
        What is to be inserted.
    """
    for parent in required:
        # A value that another one implies (the band of a physical filter, beside a subfilter) is no column.
        given = tuple(name for name in parent.required if name in names)
        key = itemgetter(*map(names.index, given))
        found = set(map(key, rows))
        keys = found if len(given) > 1 else {(value,) for value in found}
        known = db.cached("records", ("known", parent.name, given), _Known)
        new = list(keys - known.keys)
        known.lookups += len(new) == 1
        if len(new) == 1 and known.lookups > _SERIES:
            ahead = _read_ahead(db, schema, parent, given, new[0])
            new = list(keys - known.keys.union(ahead))
            _remember(known, ahead)
        if not new:
            continue
        statement = db.prepared(("absent", parent.name, given), partial(absent_select, schema, parent, given))
        if db.peek(statement, {"keys": json.dumps(new)}):
            raise missing_parents(db, schema, owner, [parent], given, new)
        _remember(known, new)


def _remember(known: _Known, keys: Sequence[tuple[Any, ...]]) -> None:
    if len(known.keys) + len(keys) > _MOST_KNOWN:
        known.keys.clear()
    known.keys.update(keys)


def _read_ahead(
    db: Database, schema: Schema, element: DimensionElement, names: tuple[str, ...], key: tuple[Any, ...]
) -> list[tuple[Any, ...]]:
    """Return the keys of an element's records from one on that differ from it in the last value at most."""
    statement = db.prepared(("ahead", element.name, names), partial(_ahead_select, schema, element, names))
    return db.peek(statement, {f"k_{name}": value for name, value in zip(names, key, strict=True)})


def _ahead_select(schema: Schema, element: DimensionElement, names: Sequence[str]) -> Select[Any]:
    columns = [schema.element_table(element.name).c[name] for name in names]
    *same, last = columns
    where = [column == bindparam(f"k_{column.name}") for column in same]
    from_it_on = last >= bindparam(f"k_{last.name}")
    return select(*columns).where(*where, from_it_on).order_by(last).limit(_AHEAD)


def absent_select(schema: Schema, element: DimensionElement, names: Sequence[str]) -> Select[Any]:
    """Return the select of those of some keys, ``keys`` as a JSON array, that no record of an element has.

    The keys are values of ``names``, required dimensions of the element.
    """
    table = schema.element_table(element.name)
    kinds = [column.type for column in element.columns[: len(element.required)] if column.name in names]
    given = unfolded_rows(bindparam("keys", type_=String), kinds).subquery("given")
    match = [table.c[name] == value for name, value in zip(names, given.c, strict=True)]
    return select(given).where(~exists(select(1).where(*match)))


def missing_parents(
    db: Database,
    schema: Schema,
    owner: str,
    required: Iterable[DimensionElement],
    names: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
) -> DataIdError:
    """Return the error that names the dimension records which rows refer to and which do not exist.

    Parameters
    ----------
    db, schema
        Where to look.
    owner : `str`
        What the rows are, for the message.
    required : iterable of `DimensionElement`
        Elements that they refer to.
    names : `~collections.abc.Sequence` [`str`]
        Names of the columns of ``rows``.
    rows : `~collections.abc.Sequence` [`tuple`]
        What could not be inserted.
    """
    for parent in required:
        given = tuple(name for name in parent.required if name in names)
        positions = [names.index(name) for name in given]
        wanted = {tuple(row[p] for p in positions) for row in rows}
        table = schema.element_table(parent.name)
        assert isinstance(table, Table)
        found = {tuple(r) for r in stored_rows(db, table, given, given, list(wanted))}
        missing = sorted(wanted - found)
        if missing:
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            keys = ", ".join(shown(given, key) for key in missing[:3])
            return DataIdError(
                f"{owner} refers to {parent.name} {keys}{more}, which is not registered; "
                f"insert the {parent.name} record first."
            )
    return DataIdError(f"{owner} refers to a dimension record that is not registered.")


def shown(names: Sequence[str], values: Sequence[Any]) -> str:
    """Return a key as a message shows it."""
    return f"{{{', '.join(f'{n}: {v!r}' for n, v in zip(names, values, strict=False))}}}"


def stored_rows(
    db: Database, table: Table, names: Sequence[str], key: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """Return what is stored under the keys of rows, which start with these."""
    keys = [row[: len(key)] for row in rows]
    return rows_by_keys(db, [table.c[name] for name in names], [table.c[name] for name in key], keys)
