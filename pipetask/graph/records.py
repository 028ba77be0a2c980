"""Dimension records of a graph: columns that become objects when a data ID is asked for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from pipetask.butler import DimensionElement, DimensionGroup, DimensionRecord
from pipetask.graph.codes import Codebook, Codebooks, Codes
from pipetask.graph.narrowing import MAX_VALUES

if TYPE_CHECKING:
    import pyarrow as pa

    from pipetask.butler import Registry
    from pipetask.graph.refs import Values


class RecordSource(Protocol):
    """Where the rows of a table of records are: in memory, or in a file of which only parts are read."""

    def keys(self) -> Codes:
        """Codes of the required dimensions, shape (n, k), rows in ascending order."""

    def row(self, at: int) -> Mapping[str, Any]:
        """Values of all other columns of a row."""

    def table(self) -> pa.Table:
        """All other columns."""


class RecordTable:
    """The records of one element.

    Parameters
    ----------
    element : `DimensionElement`
        The element.
    source : `RecordSource`
        Its rows.
    """

    def __init__(self, element: DimensionElement, source: RecordSource) -> None:
        self.element = element
        self.source = source
        self._keys: Codes | None = None

    def find(self, codes: Sequence[int], values: Sequence[Any]) -> DimensionRecord | None:
        """Make the record of some values of the required dimensions, given their codes too."""
        if self._keys is None:
            self._keys = self.source.keys()
        first, last = 0, len(self._keys)
        for column, code in zip(self._keys.T, codes, strict=True):
            here = column[first:last]
            first, last = (
                first + int(np.searchsorted(here, code)),
                first + int(np.searchsorted(here, code, "right")),
            )
        if first == last:
            return None
        known = {**self.source.row(first), **dict(zip(self.element.required, values, strict=True))}
        return DimensionRecord.from_values(
            self.element, tuple([known[name] for name in self.element.column_names])
        )


class RecordsOf(Mapping[str, DimensionRecord | None]):
    """The records of one data ID by element, looked up when they are asked for."""

    __slots__ = ("_codes", "_group", "_made", "_tables", "_values")

    def __init__(
        self,
        tables: Mapping[str, RecordTable],
        group: DimensionGroup,
        codes: Mapping[str, int],
        values: Mapping[str, Values],
    ) -> None:
        self._tables = tables
        self._group = group
        self._codes = codes
        self._values = values
        self._made: dict[str, DimensionRecord | None] = {}

    def __getitem__(self, element: str) -> DimensionRecord | None:
        if element not in self._group.elements:
            raise KeyError(element)
        if element not in self._made:
            self._made[element] = self._find(element)
        return self._made[element]

    def _find(self, name: str) -> DimensionRecord | None:
        element = self._group.universe[name]
        if not all(d in self._codes for d in element.required):
            return None
        values = [self._values[d][self._codes[d]] for d in element.required]
        if name in self._tables:
            return self._tables[name].find([self._codes[d] for d in element.required], values)
        if not element.has_table and element.column_names == element.required:
            return DimensionRecord.from_values(element, tuple(values))
        return None

    def __iter__(self) -> Iterator[str]:
        return iter(self._group.elements)

    def __len__(self) -> int:
        return len(self._group.elements)


class ReadRecords:
    """Rows in memory."""

    def __init__(self, keys: Codes, table: pa.Table) -> None:
        self._keys = keys
        self._table = table

    def keys(self) -> Codes:
        """Codes of the required dimensions, shape (n, k), rows in ascending order."""
        return self._keys

    def row(self, at: int) -> Mapping[str, Any]:
        """Values of all other columns of a row."""
        found: dict[str, Any] = self._table.slice(at, 1).to_pylist()[0]
        return found

    def table(self) -> pa.Table:
        """All other columns."""
        return self._table


class RecordsInUse:
    """Those rows of another source that a part of its graph has, found when they are asked for.

    Parameters
    ----------
    source
        The other source.
    recode
        Gives the codes that the part has for those of the source, -1 for what it does not have.
    """

    def __init__(self, source: RecordSource, recode: Callable[[Codes], Codes]) -> None:
        self._source = source
        self._recode = recode

    @cached_property
    def _used(self) -> tuple[Codes, npt.NDArray[np.int64]]:
        codes = self._recode(self._source.keys())
        rows = np.flatnonzero((codes >= 0).all(axis=1))
        return np.asfortranarray(codes[rows]), rows

    def keys(self) -> Codes:
        """Codes of the required dimensions, shape (n, k), rows in ascending order."""
        return self._used[0]

    def row(self, at: int) -> Mapping[str, Any]:
        """Values of all other columns of a row."""
        return self._source.row(int(self._used[1][at]))

    def table(self) -> pa.Table:
        """All other columns."""
        return self._source.table().take(self._used[1]).combine_chunks()


def read_records(
    registry: Registry,
    codebooks: Codebooks,
    groups: Sequence[DimensionGroup],
    values: Mapping[str, list[Any]],
) -> dict[str, RecordTable]:
    """Read the records that data IDs of a graph can ask for.

    Parameters
    ----------
    registry
        Where to read from.
    codebooks
        All values met while building, to tell whether a few of many are wanted.
    groups
        Dimensions of the data IDs.
    values
        The values that data IDs have, by dimension: the position of each is its code.
    """
    books = {d: Codebook(known) for d, known in values.items()}
    found = {}
    for name in dict.fromkeys(name for group in groups for name in group.elements):
        element = registry.universe[name]
        if not element.has_table or not all(d in books for d in element.required):
            continue
        table = _read(registry, codebooks, element, values)
        codes = np.empty((table.num_rows, len(element.required)), np.int32, order="F")
        for position, d in enumerate(element.required):
            codes[:, position] = books[d].encode(table[d].combine_chunks(), add=False)
        kept = np.flatnonzero((codes >= 0).all(axis=1))
        order = kept[np.lexsort(codes[kept].T[::-1])]
        others = [c for c in element.column_names if c not in element.required]
        found[name] = RecordTable(
            element, ReadRecords(np.asfortranarray(codes[order]), table.select(others).take(order))
        )
    return found


def _read(
    registry: Registry, codebooks: Codebooks, element: DimensionElement, values: Mapping[str, list[Any]]
) -> pa.Table:
    """Read all records of an element, or, if few of its values are wanted, those with these values."""
    import pyarrow as pa

    few = [d for d in element.required if len(values[d]) < len(codebooks[d]) and len(values[d]) <= MAX_VALUES]
    if not few:
        columns = registry.element_columns(element.name, names=element.column_names)
        kinds = {column.name: column.type for column in element.columns}
        return pa.table(
            {
                name: pa.array(column, pa.type_for_alias(_TYPES[kinds[name]]))
                for name, column in columns.items()
            }
        )
    best = min(few, key=lambda d: len(values[d]) / len(codebooks[d]))
    named = [d for d in registry.universe[best].required if d in values]
    where = " AND ".join(f"{d} IN ({d}_values)" for d in named)
    with registry.query() as query:
        records = query.dimension_records(element.name)
        return records.where(where, bind={f"{d}_values": values[d] for d in named}).to_arrow()


_TYPES = {
    "int": "int64",
    "time_ns": "int64",
    "float": "float64",
    "bool": "bool",
    "string": "string",
    "hash": "binary",
    "region": "binary",
}
