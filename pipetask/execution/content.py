"""Where the contents of two datasets differ first: arrays, tables, mappings, objects, down to one value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np


def first_difference(old: Any, new: Any, where: str = "") -> str:
    """Say where two objects, of any type that datasets have, differ first.

    Parameters
    ----------
    old, new : object
        What was there, and what is to be the same.
    where : `str`, optional
        What they are parts of, as it is to be written.

    Returns
    -------
    difference : `str`
        The place with both values; empty if all is equal. NaN equals NaN.
    """
    if type(old) is not type(new):
        return f"{_named(where)} is a {type(new).__name__}, was a {type(old).__name__}"
    if isinstance(old, np.ndarray | np.generic):
        return _array_difference(old, new, where)
    if isinstance(old, str | bytes | int | None):
        return "" if old == new else _changed(where, old, new)
    if isinstance(old, float | complex):
        return "" if old == new or (np.isnan(old) and np.isnan(new)) else _changed(where, old, new)
    if isinstance(old, Mapping):
        return _mapping_difference(old, new, where)
    if isinstance(old, Sequence):
        pairs = enumerate(zip(old, new, strict=False))
        found = (first_difference(a, b, f"{where}[{i}]") for i, (a, b) in pairs)
        return next(filter(None, found), "") or _length_difference(len(old), len(new), where)
    columns = getattr(old, "colnames", None) or getattr(old, "column_names", None)
    if columns is not None:
        return _table_difference(old, new, where)
    return _object_difference(old, new, where)


def _named(where: str) -> str:
    return where.removeprefix(".") or "it"


def _changed(where: str, old: Any, new: Any) -> str:
    return f"{_named(where)} is {new!r}, was {old!r}"


def _length_difference(old: int, new: int, where: str) -> str:
    return "" if old == new else f"{_named(where)} has {new} elements, had {old}"


def _array_difference(old: Any, new: Any, where: str) -> str:
    if old.dtype != new.dtype or old.shape != new.shape:
        return f"{_named(where)} is {new.dtype} {new.shape}, was {old.dtype} {old.shape}"
    if (unit := getattr(old, "unit", None)) != getattr(new, "unit", None):
        return f"{_named(where)} has unit {new.unit}, had {unit}"
    if isinstance(old, np.ma.MaskedArray):
        masks = np.ma.getmaskarray(old), np.ma.getmaskarray(new)
        if found := _array_difference(*masks, f"{where}.mask"):
            return found
        old, new = old.filled(), new.filled()
    a, b = np.atleast_1d(np.asarray(old)), np.atleast_1d(np.asarray(new))
    if a.dtype.kind == "O":
        return first_difference(a.ravel().tolist(), b.ravel().tolist(), where)
    if a.dtype.names:
        fields = (_array_difference(a[name], b[name], f"{where}[{name!r}]") for name in a.dtype.names)
        return next(filter(None, fields), "")
    differs = a != b
    if a.dtype.kind in "fcmM":
        differs &= ~(np.isnan(a) & np.isnan(b)) if a.dtype.kind in "fc" else ~(np.isnat(a) & np.isnat(b))
    n = int(np.count_nonzero(differs))
    if not n:
        return ""
    place = tuple(int(i) for i in np.argwhere(differs)[0])
    at = f"{where}[{', '.join(map(str, place))}]" if old.shape else where
    more = f" ({n:,} of {a.size:,} values differ)" if old.shape else ""
    return f"{_changed(at, a[place].item(), b[place].item())}{more}"


def _mapping_difference(old: Mapping[Any, Any], new: Mapping[Any, Any], where: str) -> str:
    for key in old:
        if key not in new:
            return f"{_named(where)} lacks {key!r}"
        if found := first_difference(old[key], new[key], f"{where}[{key!r}]"):
            return found
    added = [key for key in new if key not in old]
    return f"{_named(where)} has {added[0]!r}, had not" if added else ""


def _table_difference(old: Any, new: Any, where: str) -> str:
    def columns(table: Any) -> dict[str, Any]:
        names = getattr(table, "colnames", None) or table.column_names
        is_arrow = hasattr(table, "column_names")
        return {name: table[name].to_numpy() if is_arrow else table[name] for name in names}

    if found := _length_difference(len(old), len(new), f"{where}.rows"):
        return found
    before, after = columns(old), columns(new)
    if found := first_difference(list(before), list(after), f"{where}.columns"):
        return found
    return _mapping_difference(before, after, where)


def _object_difference(old: Any, new: Any, where: str) -> str:
    for plain in ("toDict", "to_header", "to_dict"):  # configurations, coordinate systems, plain records
        if hasattr(old, plain):
            return first_difference(dict(getattr(old, plain)()), dict(getattr(new, plain)()), where)
    fields = list(_fields(old))
    if not fields:
        return "" if old == new else _changed(where, old, new)
    found = (first_difference(getattr(old, n, None), getattr(new, n, None), f"{where}.{n}") for n in fields)
    return next(filter(None, found), "")


def _fields(thing: Any) -> Iterator[str]:
    """Name what an object keeps."""
    for kind in reversed(type(thing).__mro__):
        slots = getattr(kind, "__slots__", ())
        yield from (name for name in ((slots,) if isinstance(slots, str) else slots) if name != "__weakref__")
    yield from getattr(thing, "__dict__", {})
