"""Looking up dimension records by key, and completing data IDs with what these imply."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, func, select

from registry.database import Database
from registry.dimensions.coordinate import DataCoordinate, DataId
from registry.dimensions.element import DimensionElement
from registry.dimensions.group import DimensionGroup, pick_of
from registry.dimensions.record import DimensionRecord
from registry.errors import DataIdError
from registry.keyed_rows import rows_by_keys
from registry.records.shared import Completion, Key, Row, SharedRecords, record_of, records_of
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

    def full_rows(self, group: DimensionGroup, rows: Sequence[Row]) -> list[Row]:
        """Return data IDs (rows that begin with ``group.required``) with the values of ``group.keys``."""
        return list(map(self.completion(group, rows), rows))

    def completion(self, group: DimensionGroup, rows: Sequence[Row]) -> Completion:
        """Return what makes data IDs of rows, which begin with ``group.required``; what it needs is read."""
        elements = [self._schema.universe[name] for name in group.elements]
        impliers = {name for each in elements if each.implied for name in each.required}
        narrow = group.universe.conform(impliers.intersection(group.required))
        keys = set(map(group.pick(narrow.required), rows))
        return Completion(group, narrow, self._implied_rows(narrow, list(keys)))

    def shared(
        self,
        completion: Completion,
        rows: Sequence[Row],
        own: Collection[DimensionElement] = (),
        first: int = 0,
    ) -> SharedRecords:
        """Return the records of data IDs, each distinct one read once.

        Parameters
        ----------
        completion : `Completion`
            Of the rows.
        rows : sequence of `tuple`
            Values of the required dimensions first.
        own : collection of `DimensionElement`, optional
            Those of `own_elements` whose records are in the rows already, from column ``first`` on.
        first : `int`, optional
            See ``own``.
        """
        group, narrow = completion.group, completion.narrow
        known: list[tuple[tuple[str, ...], Collection[Row]]] = [(narrow.keys, completion.rows)]
        tables = {}
        for name in reversed(group.elements):  # keys of those that come later are parts of those before
            element = self._schema.universe[name]
            if element in own:
                continue
            needed = set(element.required)
            held = [each for each in known if needed <= set(each[0])]
            if held:
                names, values = min(held, key=lambda each: len(each[1]))
            elif needed <= set(group.required):
                names, values = group.required, rows
            else:
                names, values = group.keys, list(map(completion, rows))
            keys = set(map(pick_of(names, element.required), values))
            records = self._all(element, keys)
            tables[name] = {key: records[key] for key in keys}
            known.append((element.required, keys))
        return SharedRecords(group, tables, rows, own, first)

    def _implied_rows(self, group: DimensionGroup, rows: Sequence[Row]) -> list[Row]:
        """Return data IDs (values of ``group.required``) with the values of ``group.keys``."""
        if not group.implied:
            return list(rows)
        columns: dict[str, Sequence[Any]] = dict(
            zip(group.required, zip(*rows, strict=True) if rows else [()] * len(group.required), strict=True)
        )
        for name in reversed(group.elements):  # records that imply values come before those that need them
            element = self._schema.universe[name]
            if element.implied:
                keys = list(zip(*(columns[n] for n in element.required), strict=True))
                found = self._implied(element, keys)
                for position, implied in enumerate(element.implied, len(element.required)):
                    if implied not in columns:
                        columns[implied] = [(row := found[key]) and row[position] for key in keys]
        return list(zip(*(columns[name] for name in group.keys), strict=True))

    def _all(self, element: DimensionElement, keys: Collection[Key]) -> Mapping[Key, DimensionRecord | None]:
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
    def _missing(cache: dict[Key, Any], keys: Collection[Key]) -> list[Key]:
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
        return rows_by_keys(self._db, columns, columns[: len(element.required)], known)

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
