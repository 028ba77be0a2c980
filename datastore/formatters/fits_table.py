"""FITS for astropy tables: a binary table for any program, and as JSON what FITS can't say."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from datastore.artifact import Buffer
from datastore.errors import FormatterError
from datastore.formatters.base import Formatter
from datastore.formatters.fits_tiles import find_hdu, open_fits
from datastore.formatters.json import encode_json
from datastore.locations import Source
from datastore.storage_class import StorageClass
from datastore.table_columns import (
    column_parts,
    described_table,
    rebuilt_column,
    select_columns,
    table_description,
)

_STORED_AS = {"f2": "f4", "i1": "i2"}  # types that FITS lacks, and the ones that hold them


class FitsTableFormatter(Formatter):
    """A table in HDU CATALOG; names, types, units, descriptions, masks and meta come back as they were.

    Notes
    -----
    HDU CATALOG_SCHEMA holds JSON. Strings are UTF-8. Masks, where a value is masked, are the columns of
    HDU CATALOG_MASKS.
    """

    extension = ".fits"
    components = frozenset({"columns", "rowcount"})

    def to_bytes(self, obj: Any, storage_class: StorageClass) -> Buffer:
        """Return the file's content."""
        from astropy.io import fits

        stream = io.BytesIO()
        fits.HDUList([fits.PrimaryHDU(), *table_hdus(obj, "CATALOG")]).writeto(stream)
        return stream.getbuffer()

    def read(
        self,
        source: Source,
        storage_class: StorageClass,
        *,
        component: str = "",
        parameters: Mapping[str, Any],
    ) -> Any:
        """Return the table, or some of its columns."""
        with open_fits(source) as hdus:
            if component == "rowcount":
                return int(find_hdu(hdus, "CATALOG", source).header["NAXIS2"])
            if component == "columns":
                return [column["name"] for column in _schema(hdus, "CATALOG", source)["columns"]]
            return read_table(hdus, "CATALOG", source, parameters.get("columns"))


def table_hdus(table: Any, name: str) -> list[Any]:
    """Return the HDUs that hold an astropy table under a name."""
    from astropy.io import fits

    schema = table_description(table)
    columns, masks = [], []
    for column in table.itercols():
        values, mask, description = column_parts(column)
        schema["columns"].append(description)
        stored = _as_stored(values, description)
        if stored.dtype.kind == "S" and (np.char.rstrip(stored) != stored).any():
            # astropy strips spaces off the end of text when it writes and when it reads
            description["text"] = np.char.decode(stored, "latin-1").tolist()
        columns.append(_fits_column(fits, column.info, stored))
        if mask is not None and mask.any():
            masks.append((column.info.name, np.ascontiguousarray(mask)))
    hdu = fits.BinTableHDU.from_columns(columns, nrows=len(table), name=name)
    for number, description in enumerate(schema["columns"], start=1):
        if (text := description["description"]) and text.isascii() and text.isprintable() and len(text) < 60:
            hdu.header[f"TCOMM{number}"] = text
    text = encode_json(schema, f"table {name}")
    hdus = [hdu, fits.ImageHDU(np.frombuffer(text, dtype=np.uint8), name=f"{name}_SCHEMA")]
    if masks:
        mask_columns = [_fits_column(fits, None, mask, column) for column, mask in masks]
        hdus.append(fits.BinTableHDU.from_columns(mask_columns, name=f"{name}_MASKS"))
    return hdus


def _as_stored(values: npt.NDArray[Any], description: Mapping[str, Any]) -> npt.NDArray[Any]:
    """Return values in a type that FITS has."""
    kind = values.dtype.kind
    name = description["name"]
    if kind == "O":
        if not all(isinstance(value, str) for value in values.flat):
            raise FormatterError("fits_table", f"column {name!r} holds objects that are not strings")
        values, kind = values.astype(str), "U"
    if kind == "U":
        return np.char.encode(values, "utf-8")
    stored = _STORED_AS.get(values.dtype.str[1:])
    if stored:
        return values.astype(stored)
    if kind not in "biufcS" or (values.dtype.itemsize > (16 if kind == "c" else 8) and kind != "S"):
        raise FormatterError("fits_table", f"column {name!r} has type {values.dtype}, which FITS lacks")
    return values


def _fits_column(fits: Any, info: Any, values: npt.NDArray[Any], name: str = "") -> Any:
    """Return a FITS column of an array of shape (n, ...)."""
    shape = values.shape[1:]
    count = int(np.prod(shape, dtype=int))
    letters = {"b1": "L", "u1": "B", "i2": "I", "u2": "I", "i4": "J", "u4": "J", "i8": "K", "u8": "K"}
    letters |= {"f4": "E", "f8": "D", "c8": "C", "c16": "M"}
    code = values.dtype.str[1:]
    options: dict[str, Any] = {}
    if values.dtype.kind == "S":
        width = max(values.dtype.itemsize, 1)
        form, dim = f"{count * width}A", (width, *reversed(shape))
    else:
        form, dim = f"{count}{letters[code]}", tuple(reversed(shape))
    if shape:
        options["dim"] = str(dim).replace(",)", ")")
    if values.dtype.kind == "u" and values.dtype.itemsize > 1:
        options["bzero"] = 1 << (8 * values.dtype.itemsize - 1)
    if info is not None and info.unit is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                options["unit"] = info.unit.to_string("fits")
            except ValueError:  # a unit that FITS has no word for; JSON has it
                options["unit"] = None
    return fits.Column(name or info.name, format=form, array=values, **options)


def _schema(hdus: Any, name: str, source: Source) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(bytes(find_hdu(hdus, f"{name}_SCHEMA", source).data))
    return value


def read_table(hdus: Any, name: str, source: Source, columns: str | Iterable[str] | None = None) -> Any:
    """Return the table that `table_hdus` made under a name."""
    schema = _schema(hdus, name, source)
    descriptions = {description["name"]: description for description in schema["columns"]}
    data = find_hdu(hdus, name, source).data
    masks = hdus[f"{name}_MASKS"].data if f"{name}_MASKS" in hdus else None
    made = {}
    for column in select_columns(descriptions, columns):
        mask = masks.field(column) if masks is not None and column in masks.names else None
        made[column] = rebuilt_column(
            descriptions[column], _as_was(np.asarray(data.field(column)), descriptions[column]), mask
        )
    return described_table(schema, made)


def _as_was(stored: npt.NDArray[Any], description: Mapping[str, Any]) -> npt.NDArray[Any]:
    """Return the values of a field of a FITS table in the type that they had."""
    if "text" in description:
        stored = np.char.encode(np.array(description["text"]), "latin-1").reshape(stored.shape)
    stored = stored.view(np.ndarray)
    if np.dtype(description["dtype"]).kind in "UO":
        return np.char.decode(stored.astype("S"), "utf-8")
    return stored
