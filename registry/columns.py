"""Columns: the form in which many rows enter and leave the registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from registry.errors import InvalidArgumentError

if TYPE_CHECKING:
    import numpy as np


# Values are strings, integers, floats, bytes, None: whatever the named column holds.
Columns: TypeAlias = Mapping[str, "Sequence[Any] | np.ndarray[Any, Any]"]


def n_rows(columns: Columns) -> int:
    """Return the common length of the columns.

    Raises
    ------
    InvalidArgumentError
        If they differ in length, or one is no column.
    """
    lengths = {}
    for name, column in columns.items():
        is_scalar = isinstance(column, str | bytes) or not getattr(column, "ndim", 1)
        if is_scalar or not hasattr(column, "__len__"):
            raise InvalidArgumentError(f"Column {name!r} is {column!r}; a column has one value per row.")
        lengths[name] = len(column)
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} {n}" for name, n in lengths.items())
        raise InvalidArgumentError(f"Columns differ in their numbers of rows: {shown}.")
    return next(iter(lengths.values()), 0)


def rows(columns: Columns, names: Iterable[str]) -> list[tuple[Any, ...]]:
    """Return one tuple of plain Python values per row, in the order of ``names``."""
    names = tuple(names)
    if not names:
        return [()] * n_rows(columns)
    n_rows({name: columns[name] for name in names})
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
