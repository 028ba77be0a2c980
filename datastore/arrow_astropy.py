"""Astropy tables as arrow tables and back, with nothing lost between them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from datastore.errors import FormatterError
from datastore.formatters.json import encode_json
from datastore.table_columns import column_parts, described, described_table, rebuilt_column

_KEY = b"datastore.table"


def to_arrow(table: Any) -> Any:
    """Return an astropy table as an arrow table.

    Columns of more than one dimension become fixed-size lists, masked values null. Units, descriptions, types
    that arrow lacks and meta are JSON in the schema's metadata.
    """
    import pyarrow as pa

    table, schema = described(table)
    arrays = []
    for column in table.itercols():
        values, mask, description = column_parts(column)
        description["shape"] = list(values.shape[1:])
        schema["columns"].append(description)
        arrays.append(_arrow_array(pa, values, mask, description))
    names = [description["name"] for description in schema["columns"]]
    return pa.table(arrays, names=names, metadata={_KEY: encode_json(schema, "table")})


def _arrow_array(
    pa: Any, values: npt.NDArray[Any], mask: npt.NDArray[np.bool_] | None, description: Mapping[str, Any]
) -> Any:
    if values.dtype.kind not in "biufcSUO" or values.dtype.str[1:] in ("f16", "c32"):
        name = description["name"]
        raise FormatterError("parquet", f"column {name!r} has type {values.dtype}, which arrow lacks")
    if values.dtype.kind == "c":  # as pairs of floats
        values = np.ascontiguousarray(values).view(f"f{values.dtype.itemsize // 2}")
        mask = None if mask is None else np.repeat(mask.reshape(-1), 2)
    flat = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("=")).reshape(-1)
    if flat.dtype.kind == "S":
        flat = flat.astype(object)
    flat_mask = None if mask is None or not mask.any() else np.ascontiguousarray(mask).reshape(-1)
    kind = values.dtype.kind
    arrow_type = pa.string() if kind in "UO" else pa.binary() if kind == "S" else None
    array = pa.array(flat, mask=flat_mask, type=arrow_type)
    per_row = int(np.prod(description["shape"], dtype=int)) * (2 if description["dtype"][0] == "c" else 1)
    if description["shape"] or description["dtype"][0] == "c":
        return pa.FixedSizeListArray.from_arrays(array, per_row)
    return array


def from_arrow(table: Any) -> Any:
    """Return an arrow table as an astropy table, as it was if `to_arrow` made it."""
    metadata = table.schema.metadata or {}
    if _KEY not in metadata:
        return _from_foreign(table)
    schema = json.loads(metadata[_KEY])
    descriptions = {description["name"]: description for description in schema["columns"]}
    made = {}
    for name in table.column_names:
        made[name] = _column(table[name].combine_chunks(), descriptions[name])
    if len(made) < len(descriptions):  # a part of the plain columns
        schema["mixins"] = None
    return described_table(schema, made)


def column_names(schema: Any) -> list[str]:
    """Return the names of the columns of the table that an arrow schema is of."""
    metadata = schema.metadata or {}
    names: list[str] = json.loads(metadata[_KEY])["names"] if _KEY in metadata else list(schema.names)
    return names


def _column(array: Any, description: Mapping[str, Any]) -> Any:
    dtype = np.dtype(description["dtype"])
    rows = len(array)
    is_list = bool(description["shape"]) or dtype.kind == "c"
    if is_list:
        array = array.flatten()
    mask = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
    values = _values(array, dtype)
    shape = (rows, *description["shape"])
    if dtype.kind == "c":
        values = np.ascontiguousarray(values).view(dtype)
        mask = None if mask is None else mask[::2]
    return rebuilt_column(description, values.reshape(shape), None if mask is None else mask.reshape(shape))


def _values(array: Any, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return a flat arrow array as numpy, nulls as zero or empty."""
    if dtype.kind in "USO":
        empty: str | bytes = b"" if dtype.kind == "S" else ""
        return np.array([empty if v is None else v for v in array.to_pylist()], dtype=dtype)
    if dtype.kind == "c":
        dtype = np.dtype(f"f{dtype.itemsize // 2}")
    if array.null_count:
        array = array.fill_null(dtype.type(0).item())
    return np.array(array.to_numpy(zero_copy_only=False), dtype=dtype)


def _from_foreign(table: Any) -> Any:
    """Return an arrow table that somebody else made; nulls become masked values."""
    from astropy.table import MaskedColumn, Table

    columns = {}
    for name in table.column_names:
        array = table[name].combine_chunks()
        if array.null_count:
            mask = array.is_null().to_numpy(zero_copy_only=False)
            kept = array.drop_null().to_numpy(zero_copy_only=False)
            kept = kept.astype(str) if kept.dtype == object else kept
            values = np.zeros(len(array), dtype=kept.dtype)
            values[~mask] = kept
            columns[name] = MaskedColumn(values, mask=mask)
        else:
            values = array.to_numpy(zero_copy_only=False)
            columns[name] = values.astype(str) if values.dtype == object else values
    return Table(columns)
