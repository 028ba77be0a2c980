"""What callers hand over as dimension records, made into checked columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from registry.arguments import all_checked, checked
from registry.columns import Columns, n_rows
from registry.dimensions.element import Column, DimensionElement
from registry.dimensions.record import DimensionRecord
from registry.errors import DataIdError
from registry.suggest import suggest
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
            raise DataIdError(f"Records of {element.name} need a value of {column.name!r}, which they imply.")
        if column.type == "string":
            _check_text(element, column, values)
    return columns


def _check_text(element: DimensionElement, column: Column, values: list[Any]) -> None:
    """Refuse what no database can hold as text, or only some: characters NUL, and halves of characters."""
    text = "".join(filter(None, values))
    if "\0" not in text and (text.isascii() or text.encode(errors="replace").decode() == text):
        return
    for value in filter(None, values):
        if "\0" in value or value.encode(errors="replace").decode() != value:
            raise DataIdError(f"Records of {element.name}: {column.name!r} is no text: {value!r}.")


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
            raise DataIdError(
                f"Records of {element.name} have no column {name!r}{suggest(name, element.column_names)}"
            )
    result = []
    for column in element.columns:
        if column.name in columns:
            result.append(_plain_values(element, column, columns[column.name]))
        elif column.nullable and column.name not in element.implied:
            result.append([None] * n)
        else:
            raise DataIdError(f"Records of {element.name} need a column {column.name!r}.")
    return result


def _plain_values(element: DimensionElement, column: Column, values: Any) -> list[Any]:
    """Return plain values; one by one only where some are not of the column's own type."""
    plain: list[Any] = values.tolist() if hasattr(values, "tolist") else list(values)
    kind = _PLAIN[column.type]
    kinds = set(map(type, plain))
    if not kinds <= ({kind, type(None)} if column.nullable else {kind}) or (
        column.length and max((len(v) for v in plain if v is not None), default=0) > column.length
    ):
        try:
            plain = [column.coerce(value) for value in plain]
        except DataIdError as error:
            raise DataIdError(f"Records of {element.name}: {error}") from error
    return plain
