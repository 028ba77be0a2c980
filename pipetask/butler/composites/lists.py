"""Parts that are lists: all datasets that fit a composite's data ID, or those that another dataset names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pipetask.butler.composites.definition import ALL, Composite, Part
from pipetask.butler.composites.errors import MissingPartError, missing, required
from pipetask.butler.composites.recorded import data_id_of, seen_as
from pipetask.butler.data_ids import full_data_ids, times_of
from registry.dataset_ref import DatasetRef
from registry.dataset_type import DatasetType
from registry.datasets.inputs import NamedInput, id_in
from registry.dimensions.coordinate import DataCoordinate

if TYPE_CHECKING:
    from pipetask.butler.composites.find import Found, PartFinder
    from registry.query.query import Query


def lists_of(
    finder: PartFinder,
    composite: Composite,
    part: Part,
    registered: DatasetType,
    data_ids: Sequence[DataCoordinate],
) -> list[Found | MissingPartError]:
    """Return, for each composite, all datasets whose data IDs agree with its own."""
    from pipetask.butler.queries import query

    butler, searched = finder.butler, finder.searched_for(part)
    shared = data_ids[0].dimensions & registered.dimensions
    pinned = {name: value for name, value in part.data_id.items() if name in registered.dimensions.names}
    if any(name in data_ids[0].dimensions.implied and name not in pinned for name in shared.required):
        data_ids = full_data_ids(butler, data_ids)
    named = shared.required
    given = [tuple([pinned[n] if n in pinned else each[n] for n in named]) for each in data_ids]
    limits = {
        key: DataCoordinate.standardize(dict(zip(named, key, strict=True)), dimensions=shared)
        for key in given
    }
    more = {name: value for name, value in pinned.items() if name not in named}
    found = defaultdict[tuple[Any, ...], list[DatasetRef]](list)
    wanted = defaultdict[tuple[Any, ...], set[DataCoordinate]](set)
    with query(butler) as made:
        restricted = _among(made, list(dict.fromkeys(limits.values()))).where(more)
        for ref in _datasets(finder, restricted, registered, searched):
            found[tuple([ref.dataId[n] for n in named])].append(ref)
        if part.minimum == ALL:
            for each in restricted.data_ids(registered.dimensions):
                wanted[tuple([each[n] for n in named])].add(each)
    seen = seen_as(butler, part)
    where = f"in collections {', '.join(searched)}"
    results: list[Found | MissingPartError] = []
    for data_id, key in zip(data_ids, given, strict=True):
        key = limits[key].values_tuple
        refs = sorted(found[key], key=data_id_of)
        if absent := sorted(wanted[key].difference(ref.dataId for ref in refs)):
            why = f"{len(absent)} of {len(wanted[key])} are absent, as {registered.name!r}"
            results.append(missing(composite, part, data_id, f"{why} {required(absent[0])}"))
        else:
            results.append(_enough(composite, part, data_id, [seen(ref) for ref in refs], where))
    return results


def _among(made: Query, data_ids: Sequence[DataCoordinate]) -> Query:
    """Restrict a query to some data IDs of the same dimensions."""
    if len(data_ids) == 1:
        return made.where(data_ids[0].required)
    # Databases look up rows of a table that has a key; of a list of values they may read all for each row.
    return made.join_data_coordinates(data_ids).materialize()


def _datasets(
    finder: PartFinder, restricted: Query, registered: DatasetType, searched: Sequence[str]
) -> Sequence[DatasetRef]:
    """Return the first dataset, or composite, of each data ID that a query allows."""
    from pipetask.butler.composites.query import composites_among

    if (inner := finder.butler.composites.get(registered.name)) is None:
        return list(restricted.datasets(registered.name, searched, find_first=True))
    return composites_among(finder.butler, restricted, inner, searched)[0]


def named_by(
    finder: PartFinder,
    composite: Composite,
    part: Part,
    registered: DatasetType,
    data_ids: Sequence[DataCoordinate],
) -> list[Found | MissingPartError]:
    """Return, for each composite, the datasets whose data IDs, or ids, a component of another one holds."""
    parent, _, component = part.data_ids_from.partition(".")
    holders = finder.parts(composite, Part(part.name, parent, part.collections), data_ids)
    rows = _rows(finder, [each for each in holders if isinstance(each, DatasetRef)], component)
    named = [row for each in rows.values() for row in each or ()]
    datasets = _Named(finder, registered, named)
    seen = seen_as(finder.butler, part)
    results: list[Found | MissingPartError] = []
    for data_id, holder in zip(data_ids, holders, strict=True):
        if not isinstance(holder, DatasetRef):
            assert isinstance(holder, MissingPartError)  # a part that is no list is no tuple
            results.append(holder)
            continue
        if (listed := rows[holder.id]) is None:
            why = f"{part.data_ids_from!r} is empty: it names no datasets"
            results.append(missing(composite, part, data_id, why))
            continue
        found = [datasets.of(row) for row in listed]
        if faults := [each for each in found if isinstance(each, str)]:
            results.append(missing(composite, part, data_id, f"{part.data_ids_from!r} names {faults[0]}"))
            continue
        refs = [seen(each) for each in found if isinstance(each, DatasetRef)]
        results.append(_enough(composite, part, data_id, refs, f"named by {part.data_ids_from!r}"))
    return results


def _rows(
    finder: PartFinder, holders: Sequence[DatasetRef], component: str
) -> dict[UUID, list[NamedInput] | None]:
    """Return what datasets say that they were made from: the registry's copy, else their own tables."""
    from datastore.composites.inputs import INPUTS, rows_of

    butler, by_id = finder.butler, {ref.id: ref for ref in holders}
    copied = butler.registry.named_inputs(by_id) if component == INPUTS else {}
    found: dict[UUID, list[NamedInput] | None] = {}
    for id, ref in by_id.items():
        if copied.get(id):
            found[id] = copied[id]
            continue
        table = butler.read(ref, component=component, parameters=None, storageClass=None)
        found[id] = None if table is None else [NamedInput(id_in(row), row) for row in rows_of(table)]
    return found


class _Named:
    """The datasets of one type that some rows name by their ids, or data IDs."""

    def __init__(self, finder: PartFinder, registered: DatasetType, rows: Sequence[NamedInput]) -> None:
        self._registered = registered
        ids = list(dict.fromkeys(row.id for row in rows if row.id is not None))
        self._by_id = dict(zip(ids, finder.butler.registry.get_datasets(ids), strict=True))
        asked = [each for each in map(self._data_id, rows) if each is not None]
        data_ids = list(dict.fromkeys(asked))
        times = times_of(finder.butler, data_ids) if registered.isCalibration() and data_ids else None
        found = finder.first(registered, data_ids, finder.collections, times) if data_ids else []
        self._by_data_id = dict(zip(data_ids, found, strict=True))

    def of(self, row: NamedInput) -> DatasetRef | str:
        """Return the dataset that a row names, or what is wrong with it."""
        ref: DatasetRef | MissingPartError | None
        if row.id is not None:
            ref = self._by_id[row.id]
        elif (data_id := self._data_id(row)) is not None:
            ref = self._by_data_id[data_id]
        else:
            needed = ", ".join(self._registered.dimensions.required)
            return f"{row.values}, which has neither an 'id' nor {needed}"
        if not isinstance(ref, DatasetRef):
            return f"{row.values}, which is not there" + (f": {ref}" if ref else "")
        if ref.datasetType.name != self._registered.name:
            return f"{row.values}, which is a {ref.datasetType.name!r} and no {self._registered.name!r}"
        return ref

    def _data_id(self, row: NamedInput) -> DataCoordinate | None:
        group = self._registered.dimensions
        if row.id is not None or not set(group.required) <= set(row.values):
            return None
        return DataCoordinate.standardize({n: row.values[n] for n in group.required}, dimensions=group)


def _enough(
    composite: Composite, part: Part, data_id: DataCoordinate, refs: Sequence[DatasetRef], where: str
) -> tuple[DatasetRef, ...] | MissingPartError:
    """Return a list if it has as many as there must be."""
    if part.minimum != ALL and len(refs) < part.minimum:
        why = f"{len(refs)} {where}, at least {part.minimum} are needed"
        return missing(composite, part, data_id, why)
    return tuple(refs)
