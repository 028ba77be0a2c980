"""The dimension records of an export: those given, those of data IDs, and those that these refer to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pipetask.butler.interchange.yaml_tags import EncodedRegion, tai_time
from registry.dimensions.coordinate import DataCoordinate
from registry.dimensions.record import DimensionRecord

if TYPE_CHECKING:
    from pipetask.butler.butler import Butler
    from registry.dimensions.element import DimensionElement
    from registry.query.query import Query

_PAGE = 10_000  # keys that are looked up at once


class ExportedRecords:
    """Collects which dimension records are to be exported, and fetches them as they are read.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    """

    def __init__(self, butler: Butler) -> None:
        self._butler = butler
        self._wanted: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
        self._given: dict[str, dict[tuple[Any, ...], DimensionRecord]] = defaultdict(dict)
        self._all = False

    def add_data_ids(self, data_ids: Iterable[DataCoordinate]) -> None:
        """Want the records of data IDs."""
        for data_id in data_ids:
            group = data_id.dimensions
            for name in group.elements:
                element = group.universe[name]
                if element.has_table and set(element.required) <= set(group.required):
                    self._wanted[name].add(tuple(data_id[each] for each in element.required))

    def add(self, element: str, records: Iterable[DimensionRecord]) -> None:
        """Take records of one element as they are."""
        name = self._butler.dimensions[element].name
        for record in records:
            self._given[name][record.dataId.values_tuple] = record

    def add_all(self) -> None:
        """Want all that the repository has."""
        self._all = True

    def by_element(self) -> dict[str, Iterable[dict[str, Any]]]:
        """Return the records as the export format has them, by element; each is fetched as it is iterated."""
        if not self._all:
            self._close()
        return {
            element.name: map(_plain, self._of(element))
            for element in self._butler.dimensions.elements
            if element.has_table
            and (self._all or self._given.get(element.name) or self._wanted.get(element.name))
        }

    def _of(self, element: DimensionElement) -> Iterator[DimensionRecord]:
        """Yield the records of an element, by key."""
        if self._all:
            with self._butler.registry.query() as query:
                yield from query.dimension_records(element.name)
            return
        given = self._given.get(element.name, {})
        yield from (record for _, record in sorted(given.items()))
        # A relation need not have a record for all that its dimensions have.
        for query in self._queries(element, self._wanted.get(element.name, set()).difference(given)):
            yield from sorted(query.dimension_records(element.name), key=_key)

    def _queries(self, element: DimensionElement, keys: Iterable[tuple[Any, ...]]) -> Iterator[Query]:
        """Yield queries for some thousands each of the data IDs with keys of an element."""
        ordered = sorted(keys)
        group = element.minimal_group
        with self._butler.registry.query() as query:
            for start in range(0, len(ordered), _PAGE):
                page = ordered[start : start + _PAGE]
                yield query.join_data_coordinates(DataCoordinate.from_required(group, key) for key in page)

    def _close(self) -> None:
        """Add the keys of the records that those which are wanted refer to."""
        universe = self._butler.dimensions
        for relation in universe.relations:
            # What a visit is made of goes with it.
            if relation.always_join and relation.populated_by and self._wanted.get(relation.populated_by):
                for query in self._queries(
                    universe[relation.populated_by], self._wanted[relation.populated_by]
                ):
                    self._wanted[relation.name].update(map(_key, query.dimension_records(relation.name)))
        for element in reversed(universe.elements):
            for values in self._values_of(element):
                for name in (*element.required, *element.implied):
                    parent = universe[name]
                    if parent.has_table and parent is not element:
                        self._wanted[name].add(tuple(values[each] for each in parent.required))

    def _values_of(self, element: DimensionElement) -> Iterator[Mapping[str, Any]]:
        """Yield required and implied values of the records that are wanted so far."""
        keys = self._wanted.get(element.name, set())
        for record in self._given.get(element.name, {}).values():
            yield dict(zip(element.column_names, record.values_tuple(), strict=True))
        if not element.implied:
            yield from (dict(zip(element.required, key, strict=True)) for key in keys)
            return
        for query in self._queries(element, keys):
            yield from (data_id.mapping for data_id in query.data_ids(element.dimensions))


def _key(record: DimensionRecord) -> tuple[Any, ...]:
    return record.values_tuple()[: len(record.definition.required)]


def _plain(record: DimensionRecord) -> dict[str, Any]:
    """Return a record as the format has it."""
    element = record.definition
    plain = {}
    for name, value in record.to_dict().items():
        if name == element.name:
            plain[element.key_name] = value
        elif name == "region" and element.spatial:
            kind = f"lsst.sphgeom.{type(value).__name__}"
            plain["region"] = None if value is None else EncodedRegion(kind, value.encode())
        elif name == "timespan" and element.temporal:
            bounds = (None, None) if value is None else map(tai_time, value.nsec)
            plain["datetime_begin"], plain["datetime_end"] = bounds
        else:
            plain[name] = value
    return plain
