"""Looking up dimension records by key, and completing data IDs with what these imply."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import bindparam, func, select

from registry.database import Database
from registry.dimensions.coordinate import DataCoordinate, DataId
from registry.dimensions.element import DimensionElement
from registry.dimensions.group import DimensionGroup
from registry.dimensions.record import DimensionRecord
from registry.errors import DataIdError
from registry.schema.schema import Schema
from registry.suggest import suggest

Key: TypeAlias = tuple[Any, ...]

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

    def full_rows(self, group: DimensionGroup, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Return data IDs (``group.required``, which have records) with the values of ``group.keys``."""
        if not group.implied:
            return list(rows)
        return list(self._columns(group, rows, self._implied, tuple)[0])

    def expand_all(self, group: DimensionGroup, rows: Sequence[tuple[Any, ...]]) -> list[DataCoordinate]:
        """Return data IDs (``group.required``, which have records) with implied values and records.

        Each distinct record is read once, and shared.
        """
        if not group.keys:
            return DataCoordinate.from_rows(group, rows)
        full, found = self._columns(group, rows, self._all, DimensionRecord.values_tuple)
        names = tuple(found)
        records = [dict(zip(names, each, strict=True)) for each in zip(*found.values(), strict=True)]
        return DataCoordinate.from_rows(group, full, records)

    def _columns(
        self,
        group: DimensionGroup,
        rows: Sequence[tuple[Any, ...]],
        get: Callable[[DimensionElement, Sequence[Key]], Mapping[Key, Any]],
        values_of: Callable[[Any], tuple[Any, ...]],
    ) -> tuple[Iterable[tuple[Any, ...]], dict[str, list[Any]]]:
        """Return full values of data IDs, and for each element what ``get`` has for each of them.

        ``values_of`` returns what is in the columns of such a thing.
        """
        columns: dict[str, Sequence[Any]] = dict(
            zip(group.required, zip(*rows, strict=True) if rows else [()] * len(group.required), strict=True)
        )
        found: dict[str, list[Any]] = {}
        for name in reversed(group.elements):  # records that imply values come before those that need them
            element = self._schema.universe[name]
            if get == self._implied and not element.implied:
                continue
            keys = list(zip(*(columns[n] for n in element.required), strict=True))
            found[name] = list(map(get(element, keys).__getitem__, keys))
            for position, implied in enumerate(element.implied, len(element.required)):
                if implied not in columns:
                    columns[implied] = [each and values_of(each)[position] for each in found[name]]
        return zip(*(columns[name] for name in group.keys), strict=True), found

    def _all(self, element: DimensionElement, keys: Sequence[Key]) -> Mapping[Key, DimensionRecord | None]:
        """Return the records of many keys."""
        cache: dict[Key, Any] = self._db.cached("records", element.name, dict)
        missing = self._missing(cache, keys)
        if element.skypix is not None or len(missing) < _FEW:
            cache.update((key, self._read(element, key)) for key in missing)
            return cache
        names = element.required if element.view_of else element.column_names
        cache.update(dict.fromkeys(missing))
        k = len(element.required)
        for record in records_of(element, self._fetch(element, names, missing)):
            cache[record.values_tuple()[:k]] = record
        return cache

    def _implied(self, element: DimensionElement, keys: Sequence[Key]) -> Mapping[Key, Any]:
        """Return rows of required and implied values of many keys."""
        cache: dict[Key, Any] = self._db.cached("records", ("implied", element.name), dict)
        missing = self._missing(cache, keys)
        cache.update(dict.fromkeys(missing))
        k = len(element.required)
        for row in self._fetch(element, element.required + element.implied, missing):
            cache[row[:k]] = row
        return cache

    @staticmethod
    def _missing(cache: dict[Key, Any], keys: Sequence[Key]) -> list[Key]:
        """Return the keys that a cache lacks, after making room for them."""
        wanted = set(keys)
        missing = wanted.difference(cache)
        if len(cache) + len(missing) > _CACHED:
            cache.clear()
            missing = wanted
        return list(missing)

    def _fetch(self, element: DimensionElement, names: Sequence[str], keys: list[Key]) -> list[Any]:
        table = self._schema.element_table(element.name)
        columns = [table.c[name] for name in names]
        known = [key for key in keys if None not in key]
        return self._db.fetch_by_keys(columns, columns[: len(element.required)], known)

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
        """Return the error about a missing record, or one that it needs, with the nearest that exists."""
        for name in element.required[:-1]:
            parent = self._schema.universe[name]
            parent_key = tuple([key[element.required.index(n)] for n in parent.required])
            if self.get(parent, parent_key) is None:
                return self._unknown(parent, parent_key)
        table = self._schema.element_table(element.name)
        *above, own = (table.c[name] for name in element.required)
        *context, value = key
        siblings = select(own).where(*(c == v for c, v in zip(above, context, strict=True)))
        if isinstance(value, str):
            known = [row[0] for row in self._db.fetch(siblings.limit(10_000))]
            hint = suggest(value, known) or ("." if known else ", nor is any other.")
        else:
            nearest = self._db.fetch(siblings.order_by(func.abs(own - value)).limit(1))
            hint = f"; the nearest is {nearest[0][0]!r}." if nearest else ", nor is any other."
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
