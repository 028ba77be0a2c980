"""From rows to data IDs and dimension records: made at once, or shared and made when somebody asks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from registry.dimensions.coordinate import RecordSource
from registry.dimensions.element import DimensionElement
from registry.dimensions.group import DimensionGroup
from registry.dimensions.record import DimensionRecord

Key: TypeAlias = tuple[Any, ...]
Row: TypeAlias = tuple[Any, ...]


def record_of(element: DimensionElement, row: Row) -> DimensionRecord:
    """Return the record of a row in the order of the element's columns."""
    return records_of(element, [row])[0]


def records_of(element: DimensionElement, rows: Sequence[Row]) -> list[DimensionRecord]:
    """Return the records of rows in the order of the element's columns."""
    flags = [i for i, column in enumerate(element.columns) if column.type == "bool"]
    if not flags:
        return [DimensionRecord.from_values(element, tuple(row)) for row in rows]
    records = []
    for row in rows:
        values = list(row)
        for i in flags:
            if values[i] is not None:
                values[i] = bool(values[i])
        records.append(DimensionRecord.from_values(element, tuple(values)))
    return records


def own_elements(group: DimensionGroup) -> tuple[DimensionElement, ...]:
    """Return the elements of which each data ID of a group has a record of its own, if any."""
    elements = (group.universe[name] for name in group.elements)
    return tuple(each for each in elements if each.has_table and each.required == group.required)


def own_columns(element: DimensionElement) -> tuple[str, ...]:
    """Return the columns that make a row of a data ID a record: one of the key, unknown if there is none."""
    return element.column_names[len(element.required) - 1 :]


class Completion:
    """Makes full data IDs of rows that begin with the required values.

    Attributes
    ----------
    group : `DimensionGroup`
        Dimensions of the data IDs.
    narrow : `DimensionGroup`
        Those on whose values the implied ones depend, and these.
    rows : `list` [`tuple`]
        Values of ``narrow.keys``, each once.
    """

    def __init__(self, group: DimensionGroup, narrow: DimensionGroup, rows: list[Row]) -> None:
        self.group, self.narrow, self.rows = group, narrow, rows
        self._k = len(group.required)
        self._key = group.pick(narrow.required)
        n = len(narrow.required)
        self._implied = {row[:n]: row[n:] for row in rows}

    def __call__(self, row: Row) -> Row:
        """Return the values of ``group.keys``; `None` where it is not known what follows."""
        return row[: self._k] + self._implied[self._key(row)]


class SharedRecords(RecordSource):
    """The records of some data IDs of one group.

    Parameters
    ----------
    group : `DimensionGroup`
        Dimensions of the data IDs.
    tables : mapping
        Records, or `None`, by element and key.
    rows : sequence of `tuple`, optional
        For each data ID its required values, anything, and from column ``first`` on the `own_columns` of the
        elements ``own``, which are not among ``tables``.
    own : collection of `DimensionElement`, optional
        See ``rows``.
    first : `int`, optional
        See ``rows``.
    """

    def __init__(
        self,
        group: DimensionGroup,
        tables: Mapping[str, Mapping[Key, DimensionRecord | None]],
        rows: Sequence[Row] = (),
        own: Collection[DimensionElement] = (),
        first: int = 0,
    ) -> None:
        self.group = group
        self._tables = {name: (group.pick(group.universe[name].required), tables[name]) for name in tables}
        self._rows = rows if own else ()
        self._own = {element.name: element for element in own}
        self._first = first
        self._own_tables: dict[str, dict[Key, DimensionRecord | Row]] = {}

    def of(self, values: tuple[Any, ...]) -> Mapping[str, DimensionRecord | None]:
        """Return the records of a data ID by element."""
        return _Records(self, values + (None,) * (len(self.group.keys) - len(values)))

    def find(self, name: str, full: tuple[Any, ...]) -> DimensionRecord | None:
        """Return the record of an element, `KeyError` if it has none, that a full data ID leads to."""
        if name in self._own:
            return self._own_record(name, full[: len(self.group.required)])
        pick, table = self._tables[name]
        return table.get(pick(full))

    def _own_record(self, name: str, key: Key) -> DimensionRecord | None:
        if not self._own_tables:
            self._own_tables = self._index()
        found = self._own_tables[name].get(key)
        if isinstance(found, tuple):
            found = self._own_tables[name][key] = record_of(self._own[name], found)
        return found

    def _index(self) -> dict[str, dict[Key, DimensionRecord | Row]]:
        """Return the rows of the elements by data ID, which nobody needs who does not ask for records."""
        k, first = len(self.group.required), self._first
        tables: dict[str, dict[Key, DimensionRecord | Row]] = {}
        for element in self._own.values():
            last = first + len(own_columns(element))
            tables[element.name] = {
                row[:k]: row[:k] + row[first + 1 : last] for row in self._rows if row[first] is not None
            }
            first = last
        return tables


class _Records(Mapping[str, "DimensionRecord | None"]):
    """The records of one data ID, found among those of many."""

    __slots__ = ("_shared", "_values")

    def __init__(self, shared: SharedRecords, values: tuple[Any, ...]) -> None:
        self._shared = shared
        self._values = values

    def __getitem__(self, name: str) -> DimensionRecord | None:
        return self._shared.find(name, self._values)

    def __iter__(self) -> Iterator[str]:
        return reversed(self._shared.group.elements)

    def __len__(self) -> int:
        return len(self._shared.group.elements)

    def __repr__(self) -> str:
        return repr(dict(self))
