"""Columns of astropy tables as numbers and plain descriptions of them, and made of those again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from datastore.errors import FormatterError, ParameterError


def table_description(table: Any) -> dict[str, Any]:
    """Return what describes a table but not its columns: class, meta, whether new columns are masked."""
    masked = bool(getattr(table, "masked", False))
    return {"class": type(table).__name__, "masked": masked, "meta": dict(table.meta), "columns": []}


def described_table(description: Mapping[str, Any], columns: Mapping[str, Any]) -> Any:
    """Return a table of columns, of the class and with the meta described."""
    from astropy import table as astropy_table

    pytype = getattr(astropy_table, description["class"], astropy_table.Table)
    table = pytype(columns, masked=description["masked"] or None, copy=False)
    table.meta.update(description["meta"])
    return table


def column_parts(column: Any) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_] | None, dict[str, Any]]:
    """Return the plain values of a column, its mask if it is of a masked kind, and the rest for JSON."""
    from astropy.table import Column
    from astropy.units import Quantity

    info = column.info
    if not isinstance(column, (Column, Quantity)):
        raise FormatterError(
            "table",
            f"column {info.name!r} is a {type(column).__name__}, not numbers, text or quantities",
        )
    mask = getattr(column, "mask", None)
    plain = column.unmasked if isinstance(column, Quantity) and mask is not None else column
    values = np.asarray(plain.value if isinstance(plain, Quantity) else plain.data)
    if isinstance(plain, Column) and mask is not None:
        values = np.ma.getdata(column.data)
    description = {
        "name": info.name,
        "dtype": values.dtype.newbyteorder("=").str[1:] if values.dtype.kind != "O" else "O",
        "unit": None if info.unit is None else info.unit.to_string(),
        "description": info.description,
        "format": info.format if isinstance(info.format, str) else None,
        "meta": dict(info.meta or {}),
        "kind": "quantity" if isinstance(column, Quantity) else "column",
        "masked": mask is not None,
    }
    return values, None if mask is None else np.asarray(mask), description


def rebuilt_column(
    description: Mapping[str, Any], values: npt.NDArray[Any], mask: npt.NDArray[Any] | None
) -> Any:
    """Return a column of an astropy table."""
    from astropy.table import Column, MaskedColumn
    from astropy.units import Quantity, Unit
    from astropy.utils.masked import Masked

    dtype = np.dtype(description["dtype"])
    values = np.array(values, dtype=dtype)
    unit = description["unit"]
    if unit is not None:
        unit = Unit(unit, parse_strict="silent")
    more = {key: description[key] for key in ("description", "format", "meta")}
    if description["kind"] == "quantity":
        quantity = Quantity(values, unit, copy=False, dtype=dtype)
        made = Masked(quantity, mask=False if mask is None else mask) if description["masked"] else quantity
        made.info.description, made.info.format, made.info.meta = more.values()
        return made
    if description["masked"]:
        return MaskedColumn(values, mask=False if mask is None else mask, unit=unit, **more)
    return Column(values, unit=unit, **more)


def select_columns(names: Iterable[str], wanted: str | Iterable[str] | None) -> list[str]:
    """Return the names that the read parameter ``columns`` asks for, in its order; all for None."""
    known = list(names)
    if wanted is None:
        return known
    chosen = [wanted] if isinstance(wanted, str) else list(wanted)
    if missing := [name for name in chosen if name not in known]:
        raise ParameterError(f"Parameter columns names {missing}; the table has: {', '.join(known)}")
    return chosen
