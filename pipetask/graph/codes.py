"""Dimension values as small integers: a codebook per dimension, and keys that stand for whole rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Codes: TypeAlias = npt.NDArray[np.int32]
"""Positions in a codebook; -1 stands for a value that the codebook does not hold."""

Keys: TypeAlias = npt.NDArray[np.int64]
Rows: TypeAlias = npt.NDArray[np.int64]

_KEY_LIMIT = 2**62


class Codebook:
    """The values of one dimension, numbered in the order in which they were first seen."""

    __slots__ = ("_codes", "_rank", "values")

    def __init__(self, values: Iterable[Any] = ()) -> None:
        self.values: list[Any] = list(values)
        self._codes = {value: code for code, value in enumerate(self.values)}
        self._rank: Codes | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, code: int) -> Any:
        return self.values[code]

    def encode(self, column: Sequence[Any] | npt.NDArray[Any], *, add: bool = True) -> Codes:
        """Translate values to codes.

        Unknown values are added, or become -1 if ``add`` is false; missing values (`None`) are always -1.
        """
        import pyarrow as pa

        if len(column) == 0:
            return np.empty(0, np.int32)
        found = pa.array(column).dictionary_encode()
        distinct = found.dictionary.to_pylist()
        if add:
            for value in distinct:
                self._codes.setdefault(value, len(self._codes))
            if len(self._codes) > len(self.values):
                self.values = list(self._codes)
                self._rank = None
        codes = np.array([*(self._codes.get(value, -1) for value in distinct), -1], np.int32)
        return codes[found.indices.fill_null(len(distinct)).to_numpy(zero_copy_only=False)]

    def decode(self, codes: npt.NDArray[np.integer[Any]]) -> list[Any]:
        """Translate codes to values."""
        return [self.values[code] for code in codes.tolist()]

    @property
    def rank(self) -> Codes | None:
        """Position of each code in the order of values; `None` if the codes are in that order already."""
        if self._rank is None:
            order = sorted(range(len(self.values)), key=self.values.__getitem__)
            self._rank = np.empty(len(order), np.int32)
            self._rank[order] = np.arange(len(order), dtype=np.int32)
        return None if (self._rank[1:] > self._rank[:-1]).all() else self._rank


class Codebooks(dict[str, Codebook]):
    """One codebook per dimension, made when a dimension is first met."""

    def __missing__(self, dimension: str) -> Codebook:
        return self.setdefault(dimension, Codebook())

    def sizes(self, dimensions: Iterable[str]) -> list[int]:
        """How many values each dimension has."""
        return [len(self[dimension]) for dimension in dimensions]

    def ranked(self, dimension: str, codes: Codes) -> Codes:
        """Replace codes by numbers that sort as the values do."""
        rank = self[dimension].rank
        return codes if rank is None else rank[codes]


def row_keys(
    tables: Sequence[Sequence[Codes]], sizes: Sequence[int], n_rows: Sequence[int]
) -> tuple[list[Keys], int]:
    """Number the rows of several tables so that equal rows, and no others, have equal numbers.

    Parameters
    ----------
    tables
        Tables with the same columns in the same order; no code is negative.
    sizes
        Exclusive upper bound of the codes of each column.
    n_rows
        Length of each table, which cannot be told from a table without columns.

    Returns
    -------
    keys : `list` [`numpy.ndarray`]
        Numbers for the rows of each table; they sort as the rows do.
    span : `int`
        Exclusive upper bound of the numbers.
    """
    keys = [np.zeros(n, np.int64) for n in n_rows]
    span = 1
    for position, size in enumerate(sizes):
        if span * max(size, 1) > _KEY_LIMIT:
            keys, span = _renumber(keys)
        for key, table in zip(keys, tables, strict=True):
            key *= size
            key += table[position]
        span *= max(size, 1)
    return keys, span


def _renumber(keys: list[Keys]) -> tuple[list[Keys], int]:
    """Close the gaps between keys, which keeps their order and makes room for more columns."""
    distinct, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    parts = np.split(inverse.astype(np.int64), np.cumsum([key.size for key in keys])[:-1])
    return [np.ascontiguousarray(part) for part in parts], max(distinct.size, 1)


def stable_order(keys: Keys, span: int) -> Rows:
    """Positions that sort non-negative keys below ``span``, equal ones in their present order."""
    n = keys.size
    if n and span <= _KEY_LIMIT // n:
        # Sorting key and position packed into one integer is several times faster than a stable argsort.
        packed = keys * n
        packed += np.arange(n)
        packed.sort()
        packed %= n
        return packed
    return np.argsort(keys, kind="stable")


def is_dense(span: int, n: int) -> bool:
    """Tell whether a table with an entry for each possible key is cheaper than searching ``n`` keys."""
    return span <= 4 * n + 1024


def match(left: Keys, right: Keys, span: int) -> tuple[Rows, Rows]:
    """Find all pairs of positions with equal keys, ordered by left, then right position."""
    order = stable_order(right, span)
    if is_dense(span, left.size + right.size):
        count_of_key = np.bincount(right, minlength=span)
        first = (np.cumsum(count_of_key) - count_of_key)[left]
        count = count_of_key[left]
    else:
        in_order = right[order]
        first = np.searchsorted(in_order, left, "left")
        count = np.searchsorted(in_order, left, "right") - first
    if count.size and count.max() <= 1:
        rows = np.flatnonzero(count)
        return rows, order[first[rows]]
    return np.repeat(np.arange(left.size), count), order[spread(first, count)]


def spread(first: npt.NDArray[np.int64], count: npt.NDArray[np.int64]) -> Rows:
    """Concatenate the ranges ``first[i]``, …, ``first[i] + count[i] - 1``."""
    ends = np.cumsum(count)
    total = int(ends[-1]) if ends.size else 0
    return np.repeat(first - (ends - count), count) + np.arange(total)


def find(sorted_keys: Keys, wanted: Keys, span: int) -> Rows:
    """Find the position of each wanted key among distinct sorted keys, -1 where there is none."""
    if is_dense(span, sorted_keys.size + wanted.size):
        position = np.full(span, -1, np.int64)
        position[sorted_keys] = np.arange(sorted_keys.size)
        return position[wanted]
    if sorted_keys.size == 0:
        return np.full(wanted.size, -1, np.int64)
    at = np.searchsorted(sorted_keys, wanted)
    at[at == sorted_keys.size] = 0
    return np.where(sorted_keys[at] == wanted, at, -1)


def distinct_rows(keys: Keys, span: int) -> Rows:
    """Positions of one row for each distinct key, in the order of the keys."""
    if is_dense(span, keys.size):
        position = np.full(span, -1, np.int64)
        position[keys] = np.arange(keys.size)
        return position[position >= 0]
    order = stable_order(keys, span)
    in_order = keys[order]
    is_first = np.ones(keys.size, bool)
    is_first[1:] = in_order[1:] != in_order[:-1]
    return order[is_first]
