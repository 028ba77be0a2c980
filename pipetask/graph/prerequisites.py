"""Prerequisite inputs, looked up for all quanta of a task at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipetask.butler import DataCoordinate, DatasetRef, DatasetType
from pipetask.errors import AmbiguousCalibrationError, MissingDatasetTypeError, MissingPrerequisiteError
from pipetask.graph.adjust import quanta_without_prerequisite
from pipetask.graph.bounds import Bounds, bounds_of, pixels_within
from pipetask.graph.calibrations import Validity, valid_at
from pipetask.graph.codes import Codebooks, Keys
from pipetask.graph.datasets import Datasets, datasets_of_refs, existing_datasets, find_existing
from pipetask.graph.diagnosis import why_without_prerequisite
from pipetask.graph.draft import DraftTask, connection_of
from pipetask.graph.join import join_all
from pipetask.graph.narrowing import Narrowing
from pipetask.graph.project import DataIds, Pairs, pairs_in, sorted_codes
from pipetask.graph.relations import DimensionRelations
from pipetask.graph.sky_pixels import pixel_overlaps
from pipetask.graph.tables import Existing

if TYPE_CHECKING:
    from pipetask.butler import CalibrationColumns, DimensionGroup, Registry
    from pipetask.graph.refs import DataIdDecoder
    from pipetask.pipeline.nodes import Edge

_EVER = np.iinfo(np.int64)
_NO_BOUNDS = Bounds()


class PrerequisiteFinder:
    """Finds the datasets that quanta need to be there before the graph.

    Parameters
    ----------
    registry, codebooks, relations
        Where to read from, and how values are encoded.
    collections
        Where to search, in this order.
    """

    def __init__(
        self,
        registry: Registry,
        codebooks: Codebooks,
        relations: DimensionRelations,
        collections: Sequence[str],
    ) -> None:
        self._registry = registry
        self._codebooks = codebooks
        self._relations = relations
        self._collections = collections
        self._calibrations: dict[str, tuple[Datasets, DataIds, Validity]] = {}

    def add_to(self, task: DraftTask, edge: Edge, stored: DatasetType, decoder: DataIdDecoder) -> None:
        """Add the datasets of a prerequisite to all quanta of a task that are left.

        Raises
        ------
        MissingPrerequisiteError
            If one of them has too few.
        """
        node, data_ids = task.node, task.data_ids
        if edge.lookup_function is not None:
            wanted = stored.overrideStorageClass(edge.storage_class)
            if edge.component:
                wanted = stored.makeComponentDatasetType(edge.component, edge.storage_class)
            rows = np.flatnonzero(task.is_kept).tolist()
            asked = [
                (row, decoder.decode(node.dimensions, tuple(data_ids.codes[row].tolist()))) for row in rows
            ]
            found = self.looked_up(edge.lookup_function, wanted, stored, asked)
        elif stored.isCalibration():
            found = self.valid(node.label, node.dimensions, data_ids, task.is_kept, stored, bounds_of(task))
        else:
            found = self.matching(node.dimensions, data_ids, stored, bounds_of(task))
        task.add(connection_of(edge, "prerequisite"), *found)
        missing = quanta_without_prerequisite(task, task.edges[edge.connection])
        if missing.size:
            first, count = int(missing[0]), missing.size
            where = self._codebooks, self._collections
            raise MissingPrerequisiteError(
                why_without_prerequisite(task, edge, first, count, *where, self, self._registry), hint=""
            )

    def matching(
        self, dimensions: DimensionGroup, quanta: DataIds, kind: DatasetType, bounds: Bounds
    ) -> tuple[Datasets, Pairs]:
        """Pair quanta with the datasets whose data IDs go together with theirs.

        Dimensions that the quanta lack give several datasets each; sky regions of the two must overlap. Sky
        pixels may also lie under what ``bounds`` add to the regions.
        """
        condition = Narrowing([quanta.relation()], self._codebooks).condition(kind.dimensions)
        datasets = find_existing(self._registry, self._codebooks, kind, self._collections, condition)
        return datasets, self._together(dimensions, quanta, kind.dimensions, datasets.data_ids, bounds)

    def _together(
        self,
        dimensions: DimensionGroup,
        quanta: DataIds,
        wanted: DimensionGroup,
        data_ids: DataIds,
        bounds: Bounds = _NO_BOUNDS,
    ) -> Pairs:
        if set(wanted.required) <= set(quanta.dimensions):
            return pairs_in(quanta, quanta, data_ids, self._codebooks)
        both = dimensions | wanted
        relations = [quanta.relation(), data_ids.relation()]
        known = (dimensions, wanted)
        narrowing = Narrowing([quanta.relation()], self._codebooks)
        relations += [c.relation for c in self._relations.records(both, known=known)]
        relations += [c.relation for c in self._relations.overlaps(both, narrowing, known=known)]
        where = (self._registry, self._codebooks, dimensions)
        if bounds.spatial and any(dimensions.universe[name].skypix for name in wanted.spatial):
            relations.append(pixels_within(*where, quanta, wanted, data_ids, bounds.spatial))
        else:
            relations += pixel_overlaps(*where, wanted, data_ids)
        keep = tuple(dict.fromkeys((*quanta.dimensions, *wanted.required)))
        union = DataIds.from_relation(join_all(relations, self._codebooks, keep=keep).project(keep))
        return pairs_in(union, quanta, data_ids, self._codebooks)

    def all_of(self, kind: DatasetType) -> Datasets:
        """Find all datasets of a type, whether a quantum can want them or not."""
        if kind.isCalibration():
            return self.calibrations(kind)[0]
        return find_existing(self._registry, self._codebooks, kind, self._collections)

    def valid(
        self,
        label: str,
        dimensions: DimensionGroup,
        quanta: DataIds,
        is_kept: npt.NDArray[np.bool_],
        kind: DatasetType,
        bounds: Bounds,
    ) -> tuple[Datasets, Pairs]:
        """Pair the quanta that are kept with the calibrations that are valid at their time.

        Raises
        ------
        AmbiguousCalibrationError
            If two different ones in the same collection are.
        """
        datasets, data_ids, validity = self.calibrations(kind)
        pairs = self._together(dimensions, quanta, kind.dimensions, data_ids)
        pairs = pairs.where(is_kept[pairs.left])
        begin, end = self.times(dimensions, quanta, bounds)
        found, is_ambiguous = valid_at(
            validity, pairs.right.astype(np.int64), begin[pairs.left], end[pairs.left], len(data_ids)
        )
        if is_ambiguous.any():
            row = int(pairs.right[np.flatnonzero(is_ambiguous)[0]])
            raise AmbiguousCalibrationError(
                f"Task '{label}' finds several '{kind.name}' for {data_ids.text(row, self._codebooks)} that "
                f"are valid at the time of one quantum, in one collection of {', '.join(self._collections)}. "
                "Decertify all but one, or give the task a temporal dimension (visit, exposure)."
            )
        is_found = found >= 0
        return datasets, Pairs.distinct(pairs.left[is_found], found[is_found], len(datasets))

    def validity_text(
        self, dimensions: DimensionGroup, quanta: DataIds, row: int, kind: DatasetType, bounds: Bounds
    ) -> str:
        """Tell for which times there are calibrations for one quantum; empty if there is none at all."""
        from pipetask.butler import Timespan

        _, data_ids, validity = self.calibrations(kind)
        one = quanta.take(np.array([row]))
        matching = self._together(dimensions, one, kind.dimensions, data_ids).right
        rows = np.flatnonzero(np.isin(validity.data_id, matching))
        if not rows.size:
            return ""
        spans = sorted({(int(validity.begin[i]), int(validity.end[i])) for i in rows.tolist()})
        begin, end = (times[row] for times in self.times(dimensions, quanta, bounds))
        shown = ", ".join(str(Timespan.from_ns(*span)) for span in spans[:3])
        more = f", … ({len(spans):,})" if len(spans) > 3 else ""
        when = Timespan.from_ns(int(begin), int(end))
        return (
            f"Its time is {when}; those for its data ID are valid in {shown}{more}. Certify one for it with: "
            "butler certify-calibrations"
        )

    def calibrations(self, kind: DatasetType) -> tuple[Datasets, DataIds, Validity]:
        """Read all calibrations of a type: the datasets, their distinct data IDs, the validity ranges."""
        if kind.name not in self._calibrations:
            try:
                found = self._registry.calibration_columns(kind.name, self._collections)
            except MissingDatasetTypeError:
                found = None
            self._calibrations[kind.name] = _calibrations(kind, found, self._codebooks)
        return self._calibrations[kind.name]

    def times(
        self, dimensions: DimensionGroup, quanta: DataIds, bounds: Bounds = _NO_BOUNDS
    ) -> tuple[Keys, Keys]:
        """Tell the timespan of each quantum, as far as ``bounds`` widen it; all of time if it has none."""
        begin, end = self._own_times(dimensions, quanta)
        if bounds.temporal and not dimensions.temporal:
            begin, end = end, begin  # empty: only what is added counts
        for reach in bounds.temporal:
            first, last = self._own_times(reach.dimensions, reach.data_ids)
            np.minimum.at(begin, reach.pairs.left, first[reach.pairs.right])
            np.maximum.at(end, reach.pairs.left, last[reach.pairs.right])
        return begin, end

    def _own_times(self, dimensions: DimensionGroup, quanta: DataIds) -> tuple[Keys, Keys]:
        begin = np.full(len(quanta), _EVER.min, np.int64)
        end = np.full(len(quanta), _EVER.max, np.int64)
        for name in dimensions.temporal:
            element = dimensions.universe[name]
            if not set(element.required) <= set(quanta.dimensions):
                continue
            times = self._relations.times(element)
            row = times.data_ids.find(quanta.columns(), len(quanta), self._codebooks)
            is_known = row >= 0
            begin[is_known] = np.maximum(begin[is_known], times.begin[row[is_known]])
            end[is_known] = np.minimum(end[is_known], times.end[row[is_known]])
        return begin, end

    def looked_up(
        self,
        function: Callable[..., Iterable[DatasetRef | None] | None],
        kind: DatasetType,
        stored: DatasetType,
        data_ids: Sequence[tuple[int, DataCoordinate]],
    ) -> tuple[Datasets, Pairs]:
        """Ask a task's own function, one quantum after the other.

        Parameters
        ----------
        function
            Called with dataset type, registry, data ID, collections; gives refs.
        kind, stored
            The dataset type as the task wants it, and as it is stored.
        data_ids
            Row and data ID of each quantum.
        """
        rows, refs = [], []
        for row, data_id in data_ids:
            for ref in function(kind, self._registry, data_id, self._collections) or ():
                if ref is not None:
                    rows.append(row)
                    refs.append(ref)
        datasets, position = datasets_of_refs(stored, refs, self._codebooks)
        return datasets, Pairs.distinct(np.array(rows, np.int64), position, len(datasets))


def _calibrations(
    kind: DatasetType, found: CalibrationColumns | None, codebooks: Codebooks
) -> tuple[Datasets, DataIds, Validity]:
    """Number the datasets and data IDs of validity ranges."""
    names = kind.dimensions.required
    if found is None or not len(found.ids):
        nothing = existing_datasets(kind, np.empty((0, len(names)), np.int32), Existing.none())
        none = np.empty(0, np.int64)
        return nothing, nothing.data_ids, Validity(none, none, none, none, none)
    n = len(found.ids)
    codes, order = sorted_codes({d: codebooks[d].encode(found.columns[d]) for d in names}, n, codebooks)
    data_ids = DataIds.from_relation(DataIds(names, codes).relation().distinct(codebooks))
    ids = np.asarray(found.ids)[order]
    _, first, dataset = np.unique(_as_bytes(ids), return_index=True, return_inverse=True)
    # Datasets are numbered by first appearance, so that they are sorted by data ID as all tables are.
    by_data_id = np.argsort(first)
    number = np.empty(first.size, np.int64)
    number[by_data_id] = np.arange(first.size)
    kept = first[by_data_id]
    runs = np.asarray(found.run, np.int32)[order]
    existing = Existing(ids[kept], runs[kept], tuple(found.runs))
    validity = Validity(
        data_ids.find(DataIds(names, codes).columns(), n, codebooks),
        number[dataset.ravel()],
        np.asarray(found.begin_ns, np.int64)[order],
        np.asarray(found.end_ns, np.int64)[order],
        np.asarray(found.rank, np.int64)[order],
    )
    return existing_datasets(kind, codes[kept], existing), data_ids, validity


def _as_bytes(
    ids: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    return np.ascontiguousarray(ids).view("V16").ravel()
