"""Tables of distinct data IDs, look-ups in them, and the pairs of rows that edges are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipetask.graph.codes import Codebooks, Codes, Rows, find, row_keys, stable_order
from pipetask.graph.join import Joined, Relation

Indices = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class CSR:
    """For each row its partners: those of row ``i`` are ``indices[indptr[i]:indptr[i + 1]]``."""

    indptr: npt.NDArray[np.int64]
    indices: Indices

    @classmethod
    def from_pairs(cls, pairs: Pairs, n_rows: int) -> CSR:
        """Make the compressed form of pairs that are sorted by their left side."""
        indptr = np.zeros(n_rows + 1, np.int64)
        np.cumsum(np.bincount(pairs.left, minlength=n_rows), out=indptr[1:])
        return cls(indptr, pairs.right)

    def __getitem__(self, row: int) -> Indices:
        return self.indices[self.indptr[row] : self.indptr[row + 1]]

    def pairs(self) -> Pairs:
        """List all pairs of a row and a partner."""
        left = np.repeat(np.arange(self.indptr.size - 1, dtype=np.int32), np.diff(self.indptr))
        return Pairs(left, self.indices)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of row numbers of two tables, sorted by left, then right, without repetition."""

    left: Indices
    right: Indices

    @classmethod
    def distinct(cls, left: Rows | Indices, right: Rows | Indices, n_right: int) -> Pairs:
        """Sort pairs and drop repeated ones."""
        keys = left.astype(np.int64) * max(n_right, 1) + right
        if (keys[1:] > keys[:-1]).all():
            return cls(left.astype(np.int32, copy=False), right.astype(np.int32, copy=False))
        keys.sort()
        is_first = np.ones(keys.size, bool)
        is_first[1:] = keys[1:] != keys[:-1]
        return cls(*(part.astype(np.int32) for part in np.divmod(keys[is_first], max(n_right, 1))))

    def where(self, is_kept: npt.NDArray[np.bool_]) -> Pairs:
        """Keep some of the pairs."""
        return self if is_kept.all() else Pairs(self.left[is_kept], self.right[is_kept])

    def renumbered(self, left: Indices, right: Indices) -> Pairs:
        """Number rows anew; pairs of which a side has the new number -1 are dropped."""
        pairs = self.where((left[self.left] >= 0) & (right[self.right] >= 0))
        return Pairs(left[pairs.left], right[pairs.right])

    def swapped(self) -> Pairs:
        """The same pairs seen from the other side."""
        order = np.argsort(self.right, kind="stable")
        return Pairs(self.right[order], self.left[order])


@dataclass(frozen=True, slots=True)
class DataIds:
    """Distinct data IDs over some dimensions, sorted by value.

    Parameters
    ----------
    dimensions
        Names of the required dimensions.
    codes : shape (n, k)
        One row for each data ID, one column for each dimension.
    """

    dimensions: tuple[str, ...]
    codes: Codes

    @classmethod
    def from_relation(cls, relation: Relation) -> DataIds:
        """Make a table from a relation that is distinct and sorted already."""
        codes = np.empty((relation.n_rows, len(relation.columns)), np.int32, order="F")
        for position, column in enumerate(relation.columns.values()):
            codes[:, position] = column
        return cls(tuple(relation.columns), codes)

    def __len__(self) -> int:
        return len(self.codes)

    def columns(self) -> dict[str, Codes]:
        """The codes by dimension."""
        return {d: self.codes[:, position] for position, d in enumerate(self.dimensions)}

    def relation(self, name: str = "") -> Relation:
        """The same as a relation."""
        return Relation(name, self.columns(), len(self))

    def text(self, row: int, codebooks: Codebooks) -> str:
        """Write out one data ID for a user."""
        values = zip(self.dimensions, self.codes[row].tolist(), strict=True)
        return f"{{{', '.join(f'{d}: {codebooks[d].values[code]!r}' for d, code in values)}}}"

    def take(self, rows: Rows | npt.NDArray[np.bool_]) -> DataIds:
        """Keep some rows; they must be in ascending order."""
        return DataIds(self.dimensions, self.codes[rows])

    def find(self, columns: Mapping[str, Codes], n_rows: int, codebooks: Codebooks) -> Rows:
        """Find the row of each given data ID, -1 for those that are not here.

        Parameters
        ----------
        columns
            Codes by dimension, at least for the dimensions of this table; -1 for values without a code.
        n_rows
            How many data IDs are given.
        codebooks
            The codebooks of all dimensions.
        """
        wanted = [columns[d] for d in self.dimensions]
        is_known = np.ones(n_rows, bool)
        for column in wanted:
            is_known &= column >= 0
        rows = np.full(n_rows, -1, np.int64)
        tables = [
            [codebooks.ranked(d, column) for d, column in zip(self.dimensions, table, strict=True)]
            for table in (list(self.codes.T), [column[is_known] for column in wanted])
        ]
        n_known = int(np.count_nonzero(is_known))
        (here, asked), span = row_keys(tables, codebooks.sizes(self.dimensions), [len(self), n_known])
        rows[is_known] = find(here, asked, span)
        return rows


class Projections:
    """The distinct projections of one join, each made once."""

    def __init__(self, joined: Joined) -> None:
        self.joined = joined
        self._made: dict[tuple[str, ...], DataIds] = {}

    def data_ids(self, dimensions: Sequence[str]) -> DataIds:
        """Find the distinct data IDs over required dimensions."""
        key = tuple(dimensions)
        if key not in self._made:
            self._made[key] = DataIds.from_relation(self.joined.project(key))
        return self._made[key]

    def pairs(self, left: DataIds, right: DataIds) -> Pairs:
        """Find the pairs of rows of two tables that occur together in the join."""
        together = tuple(dict.fromkeys((*left.dimensions, *right.dimensions)))
        larger = right.dimensions if len(right.dimensions) == len(together) else together
        union = self.data_ids(left.dimensions if len(left.dimensions) == len(together) else larger)
        return pairs_in(union, left, right, self.joined.codebooks)


def pairs_in(union: DataIds, left: DataIds, right: DataIds, codebooks: Codebooks) -> Pairs:
    """Look up the rows of two tables in one over the dimensions of both, where each pair occurs once."""
    columns = union.columns()
    sides = [
        np.arange(len(union)) if table is union else table.find(columns, len(union), codebooks)
        for table in (left, right)
    ]
    is_found = (sides[0] >= 0) & (sides[1] >= 0)
    return Pairs.distinct(sides[0][is_found], sides[1][is_found], len(right))


def sorted_codes(columns: Mapping[str, Codes], n_rows: int, codebooks: Codebooks) -> tuple[Codes, Rows]:
    """Sort columns by value; return them as one array, and the order."""
    ranked = [codebooks.ranked(d, column) for d, column in columns.items()]
    (keys,), span = row_keys([ranked], codebooks.sizes(columns), [n_rows])
    order = stable_order(keys, span)
    codes = np.empty((n_rows, len(columns)), np.int32, order="F")
    for position, column in enumerate(columns.values()):
        codes[:, position] = column[order]
    return codes, order
