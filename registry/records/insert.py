"""Inserting dimension records in bulk: conflicts, missing parents, overlaps on the sky."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import Table
from sqlalchemy.exc import IntegrityError

from registry.columns import Columns
from registry.database import Database
from registry.dimensions.element import DimensionElement
from registry.dimensions.record import DimensionRecord
from registry.errors import ConflictingDefinitionError, DataIdError, InvalidArgumentError
from registry.records.existing import check_records, shown, stored_rows
from registry.records.intake import record_columns
from registry.records.overlaps import circle_columns, regions_of, update_overlaps
from registry.schema.dimension_tables import parents
from registry.schema.naming import CIRCLE
from registry.schema.schema import Schema

Conflict = Literal["error", "skip", "replace"]


def insert_records(
    db: Database,
    schema: Schema,
    element: DimensionElement,
    records: Columns | Iterable[Mapping[str, Any] | DimensionRecord],
    conflict: Conflict = "error",
) -> int:
    """Insert records of one element in one transaction; return how many were written.

    See `Registry.insert_dimension_records`.
    """
    if conflict not in ("error", "skip", "replace"):
        raise InvalidArgumentError(f"conflict={conflict!r} is none of 'error', 'skip', 'replace'.")
    if not element.has_table:
        source = f"they come with those of {element.view_of}" if element.view_of else "sky pixels need none"
        raise DataIdError(f"{element.name} has no records of its own: {source}.")
    table = schema.element_table(element.name)
    assert isinstance(table, Table)
    columns = record_columns(element, records)
    names = list(element.column_names)
    if not columns[0]:
        return 0
    columns = _in_order(columns, len(element.required), distinct=conflict == "replace")
    regions = None
    if element.spatial:
        regions = regions_of(element, columns)
        columns += circle_columns(regions)
        names += CIRCLE
    rows = list(zip(*columns, strict=True))
    others = [name for name in element.required + element.implied if name != element.name]
    with db.transaction():
        check_records(db, schema, element.name, parents(element.universe, others), element.column_names, rows)
        if regions:
            db.lock()  # records of two families inserted at once would not see each other's regions
        try:
            written = db.insert(table, names, rows, "skip" if conflict == "error" else conflict)
        except IntegrityError as error:
            raise _violation(db, element, table, rows, error) from error
        if conflict == "error" and written < len(rows):
            _refuse_differences(db, element, table, rows)
        if regions:
            if conflict == "skip" and written < len(rows):
                rows = sorted(stored_rows(db, table, names[: -len(CIRCLE)], element.required, rows))
                regions = regions_of(element, list(zip(*rows, strict=True)))
            keys = [row[: len(element.required)] for row in rows]
            update_overlaps(db, schema, element, keys, regions, replaced=conflict == "replace")
        db.changed("records")
    return written


def _in_order(columns: list[list[Any]], key: int, *, distinct: bool) -> list[list[Any]]:
    """Sort rows by their key, the first columns: a database appends such to its tables, without a search.

    Of several with one key, ``distinct`` keeps the last.
    """
    keys = list(zip(*columns[:key], strict=True))
    number = range(len(keys))
    order = sorted(
        {each: i for i, each in enumerate(keys)}.values() if distinct else number, key=keys.__getitem__
    )
    if order == list(number):
        return columns
    return [[column[i] for i in order] for column in columns]


def _refuse_differences(
    db: Database, element: DimensionElement, table: Table, rows: Sequence[tuple[Any, ...]]
) -> None:
    """Raise if a row differs from what is stored under its key; rows that are stored already are welcome."""
    names, k = element.column_names, len(element.required)
    stored = {row[:k]: row for row in stored_rows(db, table, names, element.required, rows)}
    for row in rows:
        old = stored[row[:k]]
        for name, before, now in zip(names, old, row, strict=False):
            if before != now and not (before is None and _is_nan(now)):
                raise ConflictingDefinitionError(
                    f"{element.name} {shown(element.required, row)} is registered with {name} {before!r}, "
                    f"not {now!r}; use conflict='replace' to change it, 'skip' to keep it."
                )


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)  # databases may store NaN as no value


def _violation(
    db: Database,
    element: DimensionElement,
    table: Table,
    rows: Sequence[tuple[Any, ...]],
    error: IntegrityError,
) -> Exception:
    """Return the error that says which rule the rows break; none of them is stored."""
    if db.dialect.violation(error) == "unique":
        for key in element.alternate_keys:
            names = (*(n for n in element.required if n != element.name), key.name)
            positions = [element.column_names.index(name) for name in names]
            values = {tuple(row[p] for p in positions): row for row in rows}
            taken = stored_rows(db, table, (*names, element.name), names, list(values))
            for *found, owner in taken:
                row = values[tuple(found)]
                if row[len(element.required) - 1] != owner:
                    return ConflictingDefinitionError(
                        f"{element.name} {shown(element.required, row)} has the {key.name} "
                        f"{found[-1]!r}, which belongs to {element.name} {owner!r}; each needs its own."
                    )
        return ConflictingDefinitionError(
            f"Two of the new records of {element.name} share a unique value: {error.orig}"
        )
    return error
