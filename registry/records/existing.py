"""Looking up in bulk whether the dimension records that data IDs name exist."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import Select, String, bindparam, exists, select

from registry.database import Database
from registry.dimensions.element import DimensionElement
from registry.dimensions.group import DimensionGroup
from registry.query.value_rows import unfolded_rows
from registry.records.insert import missing_parents
from registry.schema.dimension_tables import parents
from registry.schema.schema import Schema

_MOST_KNOWN = 100_000  # keys of one element that a thread remembers


def check_records(
    db: Database, schema: Schema, owner: str, group: DimensionGroup, keys: Sequence[tuple[Any, ...]]
) -> None:
    """Raise `DataIdError` if a data ID names a dimension record that does not exist.

    Records are never removed, so that what was found once need not be asked for again.

    Parameters
    ----------
    db, schema
        Where to look.
    owner : `str`
        What the data IDs are of, for the message.
    group : `DimensionGroup`
        Their dimensions.
    keys : `~collections.abc.Sequence` [`tuple`]
        Their required values.
    """
    for parent in parents(group.universe, group.required):
        positions = [group.required.index(name) for name in parent.required]
        known: set[tuple[Any, ...]] = db.cached("records", ("known", parent.name), set)
        new = list({tuple([key[p] for p in positions]) for key in keys} - known)
        if not new:
            continue
        statement = db.prepared(("absent", parent.name), partial(absent_select, schema, parent))
        if db.fetch(statement, {"keys": json.dumps(new)}):
            raise missing_parents(db, schema, owner, [parent], parent.required, new)
        if len(known) + len(new) > _MOST_KNOWN:
            known.clear()
        known.update(new)


def absent_select(schema: Schema, element: DimensionElement) -> Select[Any]:
    """Return the select of those of some keys, ``keys`` as a JSON array, that no record of an element has."""
    table = schema.element_table(element.name)
    kinds = [column.type for column in element.columns[: len(element.required)]]
    given = unfolded_rows(bindparam("keys", type_=String), kinds).subquery("given")
    match = [table.c[name] == value for name, value in zip(element.required, given.c, strict=True)]
    return select(given).where(~exists(select(1).where(*match)))
