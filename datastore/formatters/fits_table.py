"""FITS for astropy tables: a binary table for any program, and as JSON what FITS can't say."""

from __future__ import annotations

import io
import json
import re
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from datastore.artifact import Buffer
from datastore.errors import ArtifactReadError, FormatterError
from datastore.formatters.base import Formatter
from datastore.formatters.fits_tiles import check_complete, check_fits, find_hdu, open_fits
from datastore.formatters.json import encode_json
from datastore.locations import Source, parse_fragment
from datastore.storage_class import StorageClass
from datastore.table_columns import (
    column_parts,
    columns_to_read,
    described,
    described_table,
    rebuilt_column,
    select_columns,
)

_STORED_AS = {"f2": "f4", "i1": "i2"}  # types that FITS lacks, and the ones that hold them

_LETTERS = {"b1": "L", "u1": "B", "i2": "I", "u2": "I", "i4": "J", "u4": "J", "i8": "K", "u8": "K"}
_LETTERS |= {"f4": "E", "f8": "D", "c8": "C", "c16": "M"}
_FITS_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}")


class FitsTableFormatter(Formatter):
    """A table in HDU CATALOG; names, types, units, descriptions, masks and meta come back as they were.

    Notes
    -----
    HDU CATALOG_SCHEMA holds JSON. Strings are UTF-8. Masks, where a value is masked, are the columns of
    HDU CATALOG_MASKS; other programs see NaN, an empty text or the column's TNULL there. Of a file that
    another program made, the first table is read, or that of the fragment ``#hdu=N``.
    """

    extension = ".fits"
    components = frozenset({"columns", "rowcount"})

    def to_bytes(self, obj: Any, storage_class: StorageClass) -> Buffer:
        """Return the file's content."""
        from astropy.io import fits

        stream = io.BytesIO()
        fits.HDUList([fits.PrimaryHDU(), *table_hdus(obj, "CATALOG")]).writeto(stream)
        return stream.getbuffer()

    def check(self, source: Source, storage_class: StorageClass) -> None:
        """Look at all headers, whether the data that they tell of are there, and whether there is a table."""
        check_fits(source)
        with open_fits(source) as hdus:
            if "CATALOG" not in hdus:
                _foreign_hdu(hdus, source)

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
            if "CATALOG_SCHEMA" not in hdus and "CATALOG" not in hdus:
                table = _foreign_table(hdus, source)
                if component:
                    return table.colnames if component == "columns" else len(table)
                return table[select_columns(table.colnames, parameters.get("columns"))]
            if component == "rowcount":
                return int(find_hdu(hdus, "CATALOG", source).header["NAXIS2"])
            if component == "columns":
                return _schema(hdus, "CATALOG", source)["names"]
            return read_table(hdus, "CATALOG", source, parameters.get("columns"))


def table_hdus(table: Any, name: str) -> list[Any]:
    """Return the HDUs that hold an astropy table under a name."""
    from astropy.io import fits

    table, schema = described(table)
    columns, masks = [], []
    for number, column in enumerate(table.itercols(), start=1):
        values, mask, description = column_parts(column)
        schema["columns"].append(description)
        stored = _as_stored(values, description)
        if stored.dtype.kind == "S" and (np.char.rstrip(stored) != stored).any():
            # astropy strips spaces off the end of text when it writes and when it reads
            description["text"] = np.char.decode(stored, "latin-1").tolist()
        null = None
        if mask is not None and mask.any():
            masks.append(_fits_column(f"column_{number}", np.ascontiguousarray(mask)))
            stored, null = _blanked(stored, mask)
        columns.append(_fits_column(_fits_name(column.info.name, number), stored, column.info.unit, null))
    hdu = fits.BinTableHDU.from_columns(columns, nrows=len(table), name=name)
    for number, description in enumerate(schema["columns"], start=1):
        if (text := description["description"]) and text.isascii() and text.isprintable() and len(text) < 60:
            hdu.header[f"TCOMM{number}"] = text
    content = encode_json(schema, f"table {name}")
    hdus = [hdu, fits.ImageHDU(np.frombuffer(content, dtype=np.uint8), name=f"{name}_SCHEMA")]
    if masks:
        hdus.append(fits.BinTableHDU.from_columns(masks, name=f"{name}_MASKS"))
    return hdus


def _fits_name(name: str, number: int) -> str:
    """Return a column name that FITS allows; JSON has the true one."""
    return name if _FITS_NAME.fullmatch(name) else f"column_{number}"


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


def _blanked(values: npt.NDArray[Any], mask: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[Any], int | None]:
    """Return values as other programs see what is masked, and the number that stands for it (TNULL).

    That is NaN, an empty text, or a number that no other row has; where there is none, the masked value.
    """
    kind, null = values.dtype.kind, None
    if kind == "i":
        seen, limits = values[~mask], np.iinfo(values.dtype)
        numbers = (int(limits.min), int(limits.max), -99, *range(-1000, -900))
        null = next((number for number in numbers if not (seen == number).any()), None)
    blank: Any = {"f": np.nan, "c": np.nan, "S": b"", "i": null}.get(kind)
    if blank is None:
        return values, None
    blanked = values.copy()
    blanked[mask] = blank
    return blanked, null


def _fits_column(name: str, values: npt.NDArray[Any], unit: Any = None, null: int | None = None) -> Any:
    """Return a FITS column of an array of shape (n, ...)."""
    from astropy.io import fits

    shape = values.shape[1:]
    count = int(np.prod(shape, dtype=int))
    code = values.dtype.str[1:]
    options: dict[str, Any] = {} if null is None else {"null": null}
    if values.dtype.kind == "S":
        width = max(values.dtype.itemsize, 1)
        form, dim = f"{count * width}A", (width, *reversed(shape))
    else:
        form, dim = f"{count}{_LETTERS[code]}", tuple(reversed(shape))
    if shape:
        options["dim"] = str(dim).replace(",)", ")")
    if values.dtype.kind == "u" and values.dtype.itemsize > 1:
        options["bzero"] = 1 << (8 * values.dtype.itemsize - 1)
    if unit is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                options["unit"] = unit.to_string("fits")
            except ValueError:  # a unit that FITS has no word for; JSON has it
                options["unit"] = None
    return fits.Column(name, format=form, array=values, **options)


def _schema(hdus: Any, name: str, source: Source) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(bytes(find_hdu(hdus, f"{name}_SCHEMA", source).data))
    return value


def read_table(hdus: Any, name: str, source: Source, columns: str | Iterable[str] | None = None) -> Any:
    """Return the table that `table_hdus` made under a name."""
    schema = _schema(hdus, name, source)
    descriptions = {description["name"]: description for description in schema["columns"]}
    numbers = {column: number for number, column in enumerate(descriptions)}
    data = find_hdu(hdus, name, source).data
    masks = find_hdu(hdus, f"{name}_MASKS", source).data if f"{name}_MASKS" in hdus else None
    made = {}
    for column in columns_to_read(schema, columns):
        number, description = numbers[column], descriptions[column]
        name_of_mask = f"column_{number + 1}"
        mask = masks.field(name_of_mask) if masks is not None and name_of_mask in masks.names else None
        stored = np.asarray(data.field(number))
        made[column] = rebuilt_column(description, _as_was(stored, description), mask)
    return described_table(schema, made, columns)


def _foreign_table(hdus: Any, source: Source) -> Any:
    """Return the table of a file that another program made."""
    from astropy.table import Table

    return Table.read(_foreign_hdu(hdus, source))


def _foreign_hdu(hdus: Any, source: Source) -> Any:
    """Return the HDU of the first table, or the one of the fragment."""
    from astropy.io import fits

    chosen = parse_fragment(source.fragment).get("hdu")
    for hdu in hdus if chosen is None else [find_hdu(hdus, chosen, source)]:
        if isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
            check_complete(hdu, source)
            return hdu
    raise ArtifactReadError(source.uri, "no HDU holds a table")


def _as_was(stored: npt.NDArray[Any], description: Mapping[str, Any]) -> npt.NDArray[Any]:
    """Return the values of a field of a FITS table in the type that they had."""
    if "text" in description:
        stored = np.char.encode(np.array(description["text"]), "latin-1").reshape(stored.shape)
    stored = stored.view(np.ndarray)
    if np.dtype(description["dtype"]).kind in "UO":
        return np.char.decode(stored.astype("S"), "utf-8")
    return stored
