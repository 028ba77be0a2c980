"""Looking up dimension records by key, and completing data IDs with what these imply."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import bindparam, func, select

from registry.database import Database
from registry.dimensions.coordinate import DataCoordinate, DataId
from registry.dimensions.element import DimensionElement
from registry.dimensions.group import DimensionGroup
from registry.dimensions.record import DimensionRecord
from registry.errors import DataIdError
from registry.schema.schema import Schema
from registry.suggest import suggest

_CACHED = 50_000  # records of one element held per thread
_FEW = 5  # so many are read one by one, by statements that are compiled already


class DimensionRecords:
    """Reads dimension records, and remembers those that it has read.

    Parameters
    ----------
    db : `Database`
        Where they are.
    schema : `Schema`
        Their tables.
    """

    def __init__(self, db: Database, schema: Schema) -> None:
        self._db = db
        self._schema = schema

    def get(self, element: DimensionElement, key: tuple[Any, ...]) -> DimensionRecord | None:
        """Return the record with a key (values in the order of ``element.required``), or `None`."""
        cache: dict[Any, Any] = self._db.cached("records", element.name, dict)
        if key not in cache:
            if len(cache) >= _CACHED:
                cache.clear()
            cache[key] = self._read(element, key)
        found: DimensionRecord | None = cache[key]
        return found

    def expand(
        self,
        data_id: DataId | None,
        dimensions: DimensionGroup | Iterable[str] | None = None,
        *,
        records: bool = True,
    ) -> DataCoordinate:
        """Return the data ID with all implied values, and with records if wanted.

        Raises
        ------
        DataIdError
            If a value has no dimension record, or contradicts one.
        """
        universe = self._schema.universe
        coordinate = DataCoordinate.standardize(data_id, dimensions=dimensions, universe=universe)
        group = coordinate.dimensions
        values: dict[str, Any] = dict(coordinate.mapping)
        for name in data_id.keys() if data_id is not None else ():
            if universe.resolve(name) in group.implied:
                values[universe.resolve(name)] = data_id[name]  # type: ignore[index]
        found: dict[str, DimensionRecord | None] = {}
        for name in reversed(group.elements):  # records that imply values come before those that need them
            element = universe[name]
            key = tuple([values[n] for n in element.required])
            record = found[name] = self.get(element, key)
            if record is None:
                if element.is_dimension:
                    raise self._unknown(element, key)
                continue
            for implied in element.implied:
                value = getattr(record, implied)
                if values.setdefault(implied, value) != value:
                    raise DataIdError(
                        f"{name} {record.dataId} has {implied} {value!r}, not {values[implied]!r}."
                    )
        return coordinate.expanded(values, found if records else None)

    def expand_all(self, data_ids: Sequence[DataCoordinate]) -> list[DataCoordinate]:
        """Return data IDs of one group, whose values have records, with all values and records.

        Each distinct record is read once, and shared.
        """
        if not data_ids:
            return []
        group = data_ids[0].dimensions
        columns = dict(
            zip(group.required, zip(*(d.values_tuple for d in data_ids), strict=True), strict=True)
        )
        found: dict[str, list[DimensionRecord | None]] = {}
        for name in reversed(group.elements):  # records that imply values come before those that need them
            element = self._schema.universe[name]
            keys = list(zip(*(columns[n] for n in element.required), strict=True))
            records = self._get_all(element, set(keys))
            found[name] = [records.get(key) for key in keys]
            for position, implied in enumerate(element.implied, len(element.required)):
                columns.setdefault(implied, tuple([r and r.values_tuple()[position] for r in found[name]]))
        values = (
            zip(*(columns[name] for name in group.keys), strict=True) if group.keys else [()] * len(data_ids)
        )
        by_row = zip(*found.values(), strict=True) if found else [()] * len(data_ids)
        names = tuple(found)
        return [
            DataCoordinate(group, value, dict(zip(names, records, strict=True)))
            for value, records in zip(values, by_row, strict=True)
        ]

    def _get_all(
        self, element: DimensionElement, keys: set[tuple[Any, ...]]
    ) -> dict[tuple[Any, ...], DimensionRecord | None]:
        """Return the records that have one of many keys."""
        cache: dict[Any, Any] = self._db.cached("records", element.name, dict)
        missing = [key for key in keys if key not in cache]
        if element.skypix is not None or len(missing) < _FEW:
            return {key: self.get(element, key) for key in keys}
        if len(cache) + len(missing) > _CACHED:
            cache.clear()
            missing = list(keys)
        table = self._schema.element_table(element.name)
        names = element.required if element.view_of else element.column_names
        columns = [table.c[name] for name in names]
        k = len(element.required)
        for record in records_of(element, self._db.fetch_by_keys(columns, columns[:k], missing)):
            cache[record.values_tuple()[:k]] = record
        return cache

    def _read(self, element: DimensionElement, key: tuple[Any, ...]) -> DimensionRecord | None:
        if element.skypix is not None:
            from registry.spatial import pixelization

            (number,) = key
            return DimensionRecord(
                element, {element.name: number, "region": pixelization(*element.skypix).pixel(number)}
            )
        table = self._schema.element_table(element.name)
        names = element.required if element.view_of else element.column_names
        statement = self._db.prepared(
            ("record", element.name),
            lambda: select(*(table.c[name] for name in names)).where(
                *(table.c[name] == bindparam(f"k_{name}") for name in element.required)
            ),
        )
        rows = self._db.fetch(statement, {f"k_{n}": v for n, v in zip(element.required, key, strict=True)})
        return record_of(element, rows[0]) if rows else None

    def _unknown(self, element: DimensionElement, key: tuple[Any, ...]) -> DataIdError:
        """Return the error about a missing record, with the nearest that exists."""
        table = self._schema.element_table(element.name)
        *above, own = (table.c[name] for name in element.required)
        *context, value = key
        siblings = select(own).where(*(c == v for c, v in zip(above, context, strict=True)))
        if isinstance(value, str):
            hint = suggest(value, [row[0] for row in self._db.fetch(siblings.limit(10_000))])
        else:
            nearest = self._db.fetch(siblings.order_by(func.abs(own - value)).limit(1))
            hint = f"; the nearest is {nearest[0][0]!r}" if nearest else ""
        where = (
            f" of {', '.join(f'{n} {v!r}' for n, v in zip(element.required, context, strict=False))}"
            if context
            else ""
        )
        return DataIdError(f"No {element.name} {value!r}{where} is registered{hint}")


def record_of(element: DimensionElement, row: tuple[Any, ...]) -> DimensionRecord:
    """Return the record of a row in the order of the element's columns."""
    return records_of(element, [row])[0]


def records_of(element: DimensionElement, rows: Sequence[tuple[Any, ...]]) -> list[DimensionRecord]:
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
