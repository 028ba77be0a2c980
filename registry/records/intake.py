"""What callers hand over as dimension records, made into checked columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from registry.arguments import all_checked, checked, is_text
from registry.columns import Columns, n_rows
from registry.dimensions.element import Column, DimensionElement
from registry.dimensions.record import DimensionRecord, record_title, unknown_column
from registry.errors import DataIdError
from registry.timespan import Timespan

_PLAIN: dict[str, type] = {
    "string": str,
    "int": int,
    "float": float,
    "bool": bool,
    "hash": bytes,
    "region": bytes,
    "time_ns": int,
}


def record_columns(
    element: DimensionElement, records: Columns | Iterable[Mapping[str, Any] | DimensionRecord]
) -> list[list[Any]]:
    """Return one list of plain values per column of the element.

    Parameters
    ----------
    element : `DimensionElement`
        Whose records they are.
    records : columns, or iterable of `DimensionRecord` or mappings
        As columns, ``timespan`` (of `Timespan`) may stand for begin and end, ``region`` may hold
        `lsst.sphgeom.Region` objects, and the key may be spelt ``id`` or ``name``.

    Raises
    ------
    DataIdError
        If a column is missing or unknown, or a value has the wrong type.
    """
    if isinstance(records, Mapping):
        columns = _from_columns(element, records)
    else:
        columns = _from_records(element, all_checked(records, (Mapping, DimensionRecord), "record"))
    for column, values in zip(element.columns, columns, strict=True):
        if column.name in element.implied and None in values:
            where = named(element, columns, values.index(None))
            raise DataIdError(f"{where} needs a value of {column.name!r}, which it implies.")
        if column.type == "string" and not is_text("".join(filter(None, values))):
            i = next(i for i, value in enumerate(values) if value and not is_text(value))
            raise DataIdError(f"{named(element, columns, i)}: {column.name!r} is no text: {values[i]!r}.")
    return columns


def named(element: DimensionElement, columns: Sequence[Sequence[Any]], i: int) -> str:
    """Return how a message calls the record in row ``i`` of columns of an element, its key first."""
    key = dict(zip(element.required, [column[i] for column in columns], strict=False))
    return record_title(element, key)


def _from_records(
    element: DimensionElement, records: Iterable[Mapping[str, Any] | DimensionRecord]
) -> list[list[Any]]:
    rows = []
    for record in records:
        if not isinstance(record, DimensionRecord):
            record = DimensionRecord(element, record)
        elif record.definition.name != element.name:
            raise DataIdError(f"A record of {record.definition.name} is none of {element.name}: {record}.")
        rows.append(record.values_tuple())
    if not rows:
        return [[] for _ in element.columns]
    return [list(values) for values in zip(*rows, strict=True)]


def _from_columns(element: DimensionElement, given: Columns) -> list[list[Any]]:
    columns: dict[str, Any] = {element.universe.resolve(name): values for name, values in given.items()}
    n = n_rows(columns)
    if element.key_name in columns and element.key_name not in element.column_names:
        columns[element.name] = columns.pop(element.key_name)
    if element.temporal and "timespan" in columns:
        spans = columns.pop("timespan")
        bounds = [(None, None) if t is None else checked(t, Timespan, "timespan").nsec for t in spans]
        columns["timespan_begin"], columns["timespan_end"] = zip(*bounds, strict=True) if bounds else ((), ())
    if element.spatial and "region" in columns:
        columns["region"] = [r.encode() if hasattr(r, "encode") else r for r in columns["region"]]
    for name in columns:
        if name not in element.column_names:
            raise unknown_column(element, name)
    result: list[list[Any]] = []
    for column in element.columns:
        if column.name in columns:
            result.append(_plain_values(element, column, columns[column.name], result))
        elif column.nullable and column.name not in element.implied:
            result.append([None] * n)
        else:
            raise DataIdError(f"Records of {element.name} need a column {column.name!r}.")
    return result


def _plain_values(
    element: DimensionElement, column: Column, values: Any, before: Sequence[Sequence[Any]]
) -> list[Any]:
    """Return plain values; one by one only where some are not of the column's own type.

    The columns ``before`` it, of which the first are the key, tell which record is wrong.
    """
    plain: list[Any] = values.tolist() if hasattr(values, "tolist") else list(values)
    kind = _PLAIN[column.type]
    kinds = set(map(type, plain))
    if not kinds <= ({kind, type(None)} if column.nullable else {kind}) or (
        column.length and max((len(v) for v in plain if v is not None), default=0) > column.length
    ):
        for i, value in enumerate(plain):
            try:
                plain[i] = column.coerce(value)
            except DataIdError as error:
                raise DataIdError(f"{named(element, before, i)}: {error}") from error
    return plain
