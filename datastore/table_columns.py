"""Columns of astropy tables as numbers and plain descriptions of them, and made of those again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from datastore.errors import FormatterError, ParameterError


def described(table: Any) -> tuple[Any, dict[str, Any]]:
    """Return a table of plain columns and quantities, and what describes the whole but not those columns.

    Columns of other kinds (times, sky coordinates) become several plain ones; YAML says how to undo that.
    """
    masked = bool(getattr(table, "masked", False))
    schema = {"class": type(table).__name__, "masked": masked, "meta": dict(table.meta), "columns": []}
    schema |= {"names": list(table.colnames), "mixins": None}
    if not all(_is_plain(column) for column in table.itercols()):
        from astropy.io.misc import yaml
        from astropy.table.serialize import represent_mixins_as_columns
        from astropy.units import Quantity

        table = represent_mixins_as_columns(table, exclude_classes=(Quantity,))
        schema["mixins"] = yaml.dump(table.meta.pop("__serialized_columns__", {}))
    return table, schema


def _is_plain(column: Any) -> bool:
    from astropy.table import Column
    from astropy.units import Quantity

    return type(column).__module__.startswith("astropy.utils.masked") or (
        isinstance(column, Column) or type(column) is Quantity
    )


def columns_to_read(schema: Mapping[str, Any], wanted: str | Iterable[str] | None) -> list[str]:
    """Return the plain columns that hold the wanted ones; all of them if some are of other kinds."""
    chosen = select_columns(schema["names"], wanted)
    return [column["name"] for column in schema["columns"]] if schema["mixins"] else chosen


def described_table(
    schema: Mapping[str, Any], columns: Mapping[str, Any], wanted: str | Iterable[str] | None = None
) -> Any:
    """Return the wanted columns of a table, of the class and with the meta described."""
    from astropy import table as astropy_table

    pytype = getattr(astropy_table, schema["class"], astropy_table.Table)
    table = pytype(columns, masked=schema["masked"] or None, copy=False)
    if schema["mixins"]:
        from astropy.io.misc import yaml
        from astropy.table.serialize import _construct_mixins_from_columns

        table.meta["__serialized_columns__"] = yaml.load(schema["mixins"])
        table = _construct_mixins_from_columns(table)[select_columns(schema["names"], wanted)]
    table.meta.clear()
    table.meta.update(schema["meta"])
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
