"""Columns: the form in which many rows enter and leave the registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np


# Values are strings, integers, floats, bytes, None: whatever the named column holds.
Columns: TypeAlias = Mapping[str, "Sequence[Any] | np.ndarray[Any, Any]"]


def n_rows(columns: Columns) -> int:
    """Return the common length of the columns; `ValueError` if they differ."""
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"Columns differ in length: {lengths}.")
    return next(iter(lengths.values()), 0)


def rows(columns: Columns, names: Iterable[str]) -> list[tuple[Any, ...]]:
    """Return one tuple of plain Python values per row, in the order of ``names``."""
    names = tuple(names)
    if not names:
        return [()] * n_rows(columns)
    lists = [_plain(columns[name]) for name in names]
    return list(zip(*lists, strict=True))


def from_rows(names: Iterable[str], rows: Iterable[Sequence[Any]]) -> dict[str, np.ndarray[Any, Any]]:
    """Return arrays from rows: int64, float64 or bool where all values are of that type, else object."""
    names = tuple(names)
    values: Iterable[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(names)
    return {name: as_array(column) for name, column in zip(names, values, strict=True)}


def as_array(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    """Return a one-dimensional array: int64, float64 or bool if all values are of that type, else object."""
    import numpy as np

    kinds = set(map(type, values))
    for kind, dtype in ((int, np.int64), (float, np.float64), (bool, np.bool_)):
        if kinds == {kind}:
            return np.array(values, dtype=dtype)
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _plain(column: Sequence[Any] | np.ndarray[Any, Any]) -> list[Any]:
    return column.tolist() if hasattr(column, "tolist") else list(column)
