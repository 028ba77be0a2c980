"""Finding datasets: the first one that a search over collections meets, for one data ID or for all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, Table, bindparam, select

from registry.collections.base import CollectionInfo
from registry.collections.facade import Collections
from registry.columns import as_array
from registry.database import Database
from registry.dataset_ref import DatasetRef, Ids
from registry.dataset_type import DatasetType
from registry.datasets.ids import to_array
from registry.datasets.matches import Match, refuse_several
from registry.datasets.types import DatasetTypes, TypeEntry
from registry.dimensions.coordinate import DataCoordinate, DataId
from registry.keyed_rows import rows_by_keys
from registry.schema.schema import Schema
from registry.timespan import MAX_NS, MIN_NS, Timespan

if TYPE_CHECKING:
    import numpy as np

Array: TypeAlias = "np.ndarray[Any, Any]"
Names = str | Sequence[str]


@dataclass(frozen=True, slots=True)
class DatasetColumns:
    """Datasets of one type.

    Attributes
    ----------
    columns : `dict` [`str`, `numpy.ndarray`]
        Values of each required dimension.
    ids : `numpy.ndarray`, shape (n, 16), uint8
        Ids.
    run : `numpy.ndarray`, shape (n,), int64
        Position in ``runs`` of the run that each was put in.
    runs : `list` [`str`]
        Names of runs.
    """

    columns: dict[str, Array]
    ids: Ids
    run: Array
    runs: list[str]


@dataclass(frozen=True, slots=True)
class CalibrationColumns:
    """Calibrations of one type with their validity; for one data ID and rank, ranges do not overlap.

    Attributes
    ----------
    columns, ids, run, runs
        As in `DatasetColumns`.
    begin_ns, end_ns : `numpy.ndarray`, shape (n,), int64
        Validity [TAI ns], half-open; datasets of collections without validity are always valid.
    rank : `numpy.ndarray`, shape (n,), int64
        Place of the collection in the order of search.
    """

    columns: dict[str, Array]
    ids: Ids
    run: Array
    runs: list[str]
    begin_ns: Array
    end_ns: Array
    rank: Array


class DatasetFinder:
    """Searches collections for datasets.

    Parameters
    ----------
    db, schema, types, collections
        The parts of the registry that it asks.
    """

    def __init__(self, db: Database, schema: Schema, types: DatasetTypes, collections: Collections) -> None:
        self._db = db
        self._schema = schema
        self._types = types
        self._collections = collections

    def find(
        self,
        dataset_type: str | DatasetType,
        data_id: DataId,
        collections: Names,
        timespan: Timespan | None = None,
    ) -> DatasetRef | None:
        """Return the first dataset that the collections hold for a data ID; see `Registry.find_dataset`."""
        entry = self._types.entry(dataset_type)
        coordinate = DataCoordinate.standardize(data_id, dimensions=entry.dataset_type.dimensions)
        found = self._search_one(entry, coordinate, collections, timespan)
        return found[0] if found else None

    def _search_one(
        self, entry: TypeEntry, data_id: DataCoordinate, collections: Names, timespan: Timespan | None
    ) -> list[DatasetRef]:
        """Return what `search` does for a single data ID, which is what most searches are for."""
        candidates = self.candidates(entry, collections, data_id.required)
        rank = {info.id: i for i, info in enumerate(candidates)}
        found: list[Match] = []
        for calibration in (False, True) if timespan is not None else (False,):
            searched = [info.id for info in candidates if (info.kind == "CALIBRATION") is calibration]
            for id, collection_id, *rest in self._point(entry, searched, data_id, calibration=calibration):
                match = Match(rank[collection_id], id, *rest)
                if not calibration or match.is_valid(timespan):
                    found.append(match)
        if len(found) > 1:
            found.sort()
            refuse_several(entry.dataset_type, data_id, found, candidates, timespan)
        distinct = dict.fromkeys((match.id, match.run_id) for match in found)
        name_of = self._collections.name_of
        return [
            DatasetRef(entry.dataset_type, data_id, name_of(run), id=UUID(bytes=id)) for id, run in distinct
        ]

    def search(
        self,
        dataset_type: str | DatasetType,
        data_ids: Sequence[DataCoordinate],
        collections: Names,
        timespans: Sequence[Timespan] | None = None,
    ) -> list[list[DatasetRef]]:
        """Return the datasets that the collections hold for many data IDs; see `Registry.search_datasets`."""
        entry = self._types.entry(dataset_type)
        group = entry.dataset_type.dimensions
        coordinates = [DataCoordinate.standardize(each, dimensions=group) for each in data_ids]
        if len(coordinates) == 1:
            return [self._search_one(entry, coordinates[0], collections, timespans[0] if timespans else None)]
        keys = list(dict.fromkeys(each.values_tuple for each in coordinates))
        candidates = self.candidates(entry, collections, {})
        rank = {info.id: i for i, info in enumerate(candidates)}
        found = defaultdict[tuple[Any, ...], list[Match]](list)
        k = len(group.required)
        for calibration in (False, True) if timespans is not None else (False,):
            searched = [info.id for info in candidates if (info.kind == "CALIBRATION") is calibration]
            for row in self._members(entry, searched, keys, calibration=calibration):
                id, collection_id, *rest = row[k:]
                found[tuple(row[:k])].append(Match(rank[collection_id], id, *rest))
        run_ids = {match.run_id for matches in found.values() for match in matches}
        runs = {id: self._collections.name_of(id) for id in run_ids}
        result: list[list[DatasetRef]] = []
        for i, each in enumerate(coordinates):
            when = None if timespans is None else timespans[i]
            valid = [match for match in found.get(each.values_tuple, ()) if match.is_valid(when)]
            if len(valid) > 1:
                valid.sort()
                refuse_several(entry.dataset_type, each, valid, candidates, when)
            distinct = dict.fromkeys((match.id, match.run_id) for match in valid)
            result.append(
                [DatasetRef(entry.dataset_type, each, runs[run], id=UUID(bytes=id)) for id, run in distinct]
            )
        return result

    def candidates(
        self, entry: TypeEntry, collections: Names, data_id: Mapping[str, Any]
    ) -> list[CollectionInfo]:
        """Return the collections to search that may hold a dataset type for a data ID, in order."""
        resolved = self._collections.resolve(collections)
        group = entry.dataset_type.dimensions
        governors = {n: data_id[n] for n in group.governors if n in group.required and n in data_id}
        return self._collections.summaries.may_hold(resolved, entry.id, governors)

    def _members(
        self, entry: TypeEntry, searched: list[int], keys: Sequence[tuple[Any, ...]], *, calibration: bool
    ) -> list[tuple[Any, ...]]:
        """Return (required values…, dataset id, collection id, run id[, begin, end]) of some data IDs."""
        if not searched or not keys:
            return []
        table, columns = point_columns(self._schema, entry, calibration=calibration)
        key = [table.c[name] for name in entry.dataset_type.dimensions.required]
        return rows_by_keys(
            self._db,
            [*key, *columns],
            key,
            keys,
            table.c.dataset_type_id == entry.id,
            table.c.collection_id.in_(searched),
            self._schema.dataset.c.id == table.c.dataset_id,
        )

    def _point(
        self, entry: TypeEntry, searched: list[int], data_id: DataCoordinate, *, calibration: bool
    ) -> list[tuple[Any, ...]]:
        """Return (dataset id, collection id, run id[, begin, end]) of one data ID, by a prepared select."""
        if not searched:
            return []
        group = entry.dataset_type.dimensions
        n = 1 << (len(searched) - 1).bit_length()  # few shapes: the list is filled up with its last member
        padded = searched + searched[-1:] * (n - len(searched))
        statement = self._db.prepared(
            ("point", entry.group_id, group, n, calibration),
            lambda: point_select(self._schema, entry, n, calibration=calibration),
        )
        values = {
            f"k_{name}": value for name, value in zip(group.required, data_id.values_tuple, strict=True)
        }
        values |= {f"c_{i}": id for i, id in enumerate(padded)}
        return self._db.fetch(statement, {**values, "type": entry.id})

    def columns(self, entry: TypeEntry, collections: Names, data_id: Mapping[str, Any]) -> DatasetColumns:
        """Return the first dataset for each data ID, searching RUN and TAGGED collections."""
        candidates = self.candidates(entry, collections, data_id)
        searched = [info for info in candidates if info.kind != "CALIBRATION"]
        names = entry.dataset_type.dimensions.required
        rows = self._rows(entry, searched, data_id)
        if len(searched) > 1:
            rank = {info.id: i for i, info in enumerate(searched)}
            rows.sort(key=lambda row: -rank[row[-1]])
            rows = list(
                {row[: len(names)]: row for row in rows}.values()
            )  # the least rank comes last, and stays
        return self.as_columns(names, rows)

    def as_columns(self, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> DatasetColumns:
        """Return rows of (values of ``names``…, dataset id, run id, …) as columns."""
        return DatasetColumns(*self._arrays(names, rows))

    def calibration_columns(self, dataset_type: str | DatasetType, collections: Names) -> CalibrationColumns:
        """Return all datasets of a type that the collections hold, with validity and rank."""
        entry = self._types.entry(dataset_type)
        names = entry.dataset_type.dimensions.required
        candidates = self.candidates(entry, collections, {})
        rank = {info.id: i for i, info in enumerate(candidates)}
        certified = [info.id for info in candidates if info.kind == "CALIBRATION"]
        rows = self._rows(entry, [info for info in candidates if info.kind != "CALIBRATION"], {})
        spans = [(MIN_NS, MAX_NS)] * len(rows)
        if certified:
            table = self._schema.calibration_table(entry.group_id)
            query = member_select(self._schema, entry, table, certified, tagged=True)
            for *row, begin, end in self._db.fetch(query.add_columns(table.c.begin_ns, table.c.end_ns)):
                rows.append(tuple(row))
                spans.append((begin, end))
        import numpy as np

        bounds = np.array(spans, dtype=np.int64).reshape(-1, 2)
        ranks = np.array([rank[row[-1]] for row in rows], dtype=np.int64)
        return CalibrationColumns(*self._arrays(names, rows), bounds[:, 0].copy(), bounds[:, 1].copy(), ranks)

    def _rows(
        self, entry: TypeEntry, searched: Sequence[CollectionInfo], data_id: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        """Return (required values…, dataset id, run id, collection id) of all members of collections."""
        if not searched:
            return []
        table = self._schema.dataset_table(entry.group_id)
        tagged = any(info.kind == "TAGGED" for info in searched)
        query = member_select(self._schema, entry, table, [info.id for info in searched], tagged=tagged)
        known = [table.c[n] == data_id[n] for n in entry.dataset_type.dimensions.required if n in data_id]
        return self._db.fetch(query.where(*known))

    def _arrays(
        self, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
    ) -> tuple[dict[str, Array], Ids, Array, list[str]]:
        import numpy as np

        k = len(names)
        values: list[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * (k + 2)
        columns = {name: as_array(column) for name, column in zip(names, values, strict=False)}
        unique, run = np.unique(np.array(values[k + 1], dtype=np.int64), return_inverse=True)
        runs = [self._collections.name_of(id) for id in unique.tolist()]
        return columns, to_array(values[k]), run.astype(np.int64), runs

    def get(self, ids: Iterable[UUID]) -> list[DatasetRef | None]:
        """Return datasets by id, `None` for those that do not exist."""
        wanted = [id.bytes for id in ids]
        d = self._schema.dataset
        rows = rows_by_keys(
            self._db, [d.c.id, d.c.dataset_type_id, d.c.run_id], [d.c.id], [(id,) for id in wanted]
        )
        by_group: dict[int, dict[bytes, tuple[TypeEntry, int]]] = {}
        for id, type_id, run_id in rows:
            entry = self._types.by_id(type_id)
            by_group.setdefault(entry.group_id, {})[id] = (entry, run_id)
        refs: dict[bytes, DatasetRef] = {}
        for group_id, members in by_group.items():
            table = self._schema.dataset_table(group_id)
            group = next(iter(members.values()))[0].dataset_type.dimensions
            columns = [table.c.dataset_id, table.c.collection_id, *(table.c[n] for n in group.required)]
            for id, collection_id, *values in rows_by_keys(
                self._db, columns, [table.c.dataset_id], [(id,) for id in members]
            ):
                entry, run_id = members[id]
                if collection_id == run_id:  # others are tags
                    data_id = DataCoordinate.from_required(group, tuple(values))
                    run = self._collections.name_of(run_id)
                    refs[id] = DatasetRef(entry.dataset_type, data_id, run, id=UUID(bytes=id))
        return [refs.get(id) for id in wanted]


def point_select(schema: Schema, entry: TypeEntry, n: int, *, calibration: bool) -> Select[Any]:
    """Return the select of (dataset id, collection id, run id[, begin, end]) of one data ID."""
    table, columns = point_columns(schema, entry, calibration=calibration)
    d = schema.dataset
    conditions = [
        table.c.collection_id.in_([bindparam(f"c_{i}", type_=Integer) for i in range(n)]),
        table.c.dataset_type_id == bindparam("type"),
        *(table.c[name] == bindparam(f"k_{name}") for name in entry.dataset_type.dimensions.required),
    ]
    return select(*columns).join_from(table, d, d.c.id == table.c.dataset_id).where(*conditions)


def point_columns(
    schema: Schema, entry: TypeEntry, *, calibration: bool
) -> tuple[Table, list[ColumnElement[Any]]]:
    """Return the table of memberships, and (dataset id, collection id, run id[, begin, end])."""
    if calibration:
        table = schema.calibration_table(entry.group_id)
        validity = [table.c.begin_ns, table.c.end_ns]
    else:
        table, validity = schema.dataset_table(entry.group_id), []
    return table, [table.c.dataset_id, table.c.collection_id, schema.dataset.c.run_id, *validity]


def member_select(
    schema: Schema, entry: TypeEntry, table: Table, collection_ids: Sequence[int], *, tagged: bool
) -> Select[Any]:
    """Return the select of (required values…, dataset id, run id, collection id) in collections.

    Where none is ``tagged``, the collection is the run, and the table of datasets need not be asked.
    """
    dimensions = [table.c[name] for name in entry.dataset_type.dimensions.required]
    run = schema.dataset.c.run_id if tagged else table.c.collection_id.label("run_id")
    query = select(*dimensions, table.c.dataset_id, run, table.c.collection_id).where(
        table.c.collection_id.in_(collection_ids), table.c.dataset_type_id == entry.id
    )
    return (
        query.join_from(table, schema.dataset, schema.dataset.c.id == table.c.dataset_id) if tagged else query
    )
