"""Rows of a query as tables of other libraries, column by column."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from astropy.table import Table

_TYPES = {
    "int": pa.int64(),
    "time_ns": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "string": pa.string(),
    "uuid": pa.string(),
    "hash": pa.binary(),
    "region": pa.binary(),
}
_DTYPES = {
    "int": "int64",
    "time_ns": "int64",
    "float": "float64",
    "bool": "bool",
    "string": "str",
    "uuid": "str",
    "hash": "object",
    "region": "object",
}
_FILLERS = {"bool": False, "string": "", "uuid": "", "hash": b"", "region": b""}

Columns = Sequence[tuple[str, str]]


def _uuid_text(value: bytes) -> str:
    digits = value.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


_PLAIN: dict[str, Callable[[Any], Any]] = {"uuid": _uuid_text, "bool": bool}


def to_arrow(columns: Columns, pages: Iterable[Sequence[tuple[Any, ...]]]) -> pa.Table:
    """Return rows as a table of Arrow; ``columns`` are names and types, as `DimensionElement` has them."""
    schema = pa.schema([pa.field(name, _TYPES[kind]) for name, kind in columns])
    batches = []
    for page in pages:
        values: Sequence[Sequence[Any]] = list(zip(*page, strict=True))
        arrays = [
            pa.array(_plain(column, kind), _TYPES[kind])
            for column, (_, kind) in zip(values, columns, strict=True)
        ]
        batches.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return pa.Table.from_batches(batches, schema)


def _plain(column: Sequence[Any], kind: str) -> Sequence[Any]:
    convert = _PLAIN.get(kind)
    return [None if each is None else convert(each) for each in column] if convert else column


def to_astropy(table: pa.Table, columns: Columns) -> Table:
    """Return a table of Arrow as an `astropy.table.Table`; unknown values are masked."""
    import numpy as np
    from astropy.table import Column, MaskedColumn, Table

    made = Table()
    for name, kind in columns:
        column = table.column(name)
        unknown = np.asarray(column.is_null())
        values = np.array(column.fill_null(_FILLERS.get(kind, 0)).to_pylist(), dtype=_DTYPES[kind])
        unit = "ns" if kind == "time_ns" else None
        if unknown.any():
            made[name] = MaskedColumn(values, mask=unknown, unit=unit)
        else:
            made[name] = Column(values, unit=unit)
    return made
