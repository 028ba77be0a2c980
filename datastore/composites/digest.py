"""Digests of values: whether two objects are equal, whatever bytes a file format makes of them."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from datastore.errors import DigestError
from datastore.types.exposure import Exposure
from datastore.types.mask import Mask


def digest(obj: Any, *, without: Collection[str] = ()) -> str:
    """Return the SHA-256, in hexadecimal, of the value of an object.

    Parameters
    ----------
    obj : object
        Plain values and collections of them, arrays, tables, times, WCS, and the classes of
        `datastore.types`. Equal values have equal digests: byte order, memory layout and file format do not
        count; the order of columns, units and descriptions do.
    without : collection of `str`, optional
        Components of an exposure that do not count; dotted for planes of its mask (``mask.DETECTED``).

    Raises
    ------
    DigestError
        If the type is none of these.
    """
    hasher = hashlib.sha256()
    if without and isinstance(obj, Exposure):
        obj = _exposure_values(obj, frozenset(without))
    _update(hasher, obj)
    return hasher.hexdigest()


def _exposure_values(exposure: Exposure, without: frozenset[str]) -> dict[str, Any]:
    values = {name: getattr(exposure, name) for name in Exposure.__slots__ if name not in without}
    if "bbox" in without:
        del values["x0"], values["y0"]
    planes = [name.partition(".")[2] for name in without if name.startswith("mask.")]
    if planes and "mask" in values:
        mask = exposure.mask.copy()
        for name in planes:
            if name in mask.planes:
                mask.set(name, value=False)
                del mask.planes[name]
        values["mask"] = mask
    return values


def _update(hasher: Any, obj: Any) -> None:
    """Add a value to a hash: a tag for its kind, then what it is made of."""
    if isinstance(obj, np.ma.MaskedArray):
        _update(hasher, ("masked", np.ma.getmaskarray(obj), obj.filled()))
    elif isinstance(obj, np.ndarray):
        _update_array(hasher, obj)
    elif obj is None or isinstance(
        obj, bool | np.bool_ | int | np.integer | float | np.floating | str | bytes
    ):
        plain = obj.item() if isinstance(obj, np.generic) else obj
        hasher.update(f"{type(plain).__name__}:{plain!r};".encode())
    elif isinstance(obj, Mapping):
        _update(hasher, ("mapping", *sorted(((str(key), value) for key, value in obj.items()), key=_first)))
    elif isinstance(obj, Exposure):
        _update(hasher, _exposure_values(obj, frozenset()))
    elif isinstance(obj, Mask):
        _update(hasher, ("mask", obj.planes, obj.array))
    elif dataclasses.is_dataclass(obj) and not isinstance(obj, type):
        values = {field.name: getattr(obj, field.name) for field in dataclasses.fields(obj)}
        _update(hasher, (type(obj).__qualname__, values))
    elif hasattr(obj, "to_json"):
        _update(hasher, (type(obj).__qualname__, obj.to_json()))
    elif isinstance(obj, Sequence | set | frozenset):
        hasher.update(f"[{len(obj)}:".encode())
        for item in sorted(obj) if isinstance(obj, set | frozenset) else obj:
            _update(hasher, item)
    else:
        _update(hasher, _values_of_astropy(obj))


def _first(item: tuple[str, Any]) -> str:
    return item[0]


def _update_array(hasher: Any, array: np.ndarray[Any, Any]) -> None:
    if array.dtype.hasobject:
        _update(hasher, ("objects", array.shape, array.ravel().tolist()))
        return
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    hasher.update(f"array:{native.dtype.str[1:]}:{native.shape};".encode())
    hasher.update(np.ascontiguousarray(native).data)


def _values_of_astropy(obj: Any) -> Any:
    """Return what a table, column, WCS, time or quantity holds, as plain values and arrays."""
    from astropy.table import Table
    from astropy.time import Time
    from astropy.units import Quantity
    from astropy.wcs import WCS

    if isinstance(obj, Table):
        columns = [(name, _values_of_column(obj[name])) for name in obj.colnames]
        return "table", columns, dict(obj.meta)
    if isinstance(obj, WCS):
        from datastore.formatters.wcs import wcs_header

        return "wcs", [(card.keyword, card.value) for card in wcs_header(obj).cards]
    if isinstance(obj, Time):
        return "time", obj.scale, np.asarray(obj.jd1), np.asarray(obj.jd2)
    if isinstance(obj, Quantity):
        return "quantity", str(obj.unit), np.asarray(obj.value)
    raise DigestError(f"{type(obj).__module__}.{type(obj).__qualname__}")


def _values_of_column(column: Any) -> Any:
    info = str(column.unit or ""), column.info.description or ""
    masked = getattr(column, "mask", None)
    values = np.asarray(getattr(column, "value", column))
    if masked is not None and np.any(masked):
        blank = values.copy()
        blank[np.asarray(masked)] = np.zeros(1, values.dtype)[0]
        return info, np.asarray(masked), blank
    return info, values
