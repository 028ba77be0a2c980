"""Datasets that exist, found set-wise: overall inputs by collection, outputs of earlier runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipetask.butler import DatasetRef, DatasetType
from pipetask.errors import MissingDatasetTypeError
from pipetask.graph.codes import Codebooks, Codes, Rows
from pipetask.graph.join import Relation
from pipetask.graph.narrowing import EVERYTHING, Condition
from pipetask.graph.project import DataIds, sorted_codes
from pipetask.graph.tables import DatasetTable, Existing

if TYPE_CHECKING:
    from pipetask.butler import Registry


@dataclass(slots=True)
class Datasets:
    """The datasets of one type while a graph is being built.

    Attributes
    ----------
    table : `DatasetTable`
        Data IDs and identities.
    is_there : shape (n,), bool
        Whether consumers can have it: it exists, or a quantum that is kept will make it.
    """

    table: DatasetTable
    is_there: npt.NDArray[np.bool_]

    @property
    def data_ids(self) -> DataIds:
        """The data IDs; several datasets may have the same one if they are calibrations."""
        return DataIds(self.table.dataset_type.dimensions.required, self.table.codes)

    def relation(self) -> Relation:
        """The data IDs as a relation."""
        return self.data_ids.relation(f"existing '{self.table.dataset_type.name}'")

    def __len__(self) -> int:
        return len(self.table)

    def adopt(self, rows: Rows, found: Existing) -> None:
        """Let existing datasets take the place of those that the graph would make."""
        old = self.table.existing
        serials = self.table.serials.copy()
        serials[rows] = -1 - len(old) - np.arange(rows.size)
        runs = tuple(dict.fromkeys((*old.runs, *found.runs)))
        position = np.array([runs.index(run) for run in found.runs], np.int32)
        existing = Existing(
            np.concatenate([old.ids, found.ids]),
            np.concatenate([old.run_index, position[found.run_index]]),
            runs,
        )
        self.table = DatasetTable(self.table.dataset_type, self.table.codes, serials, existing)


def collections_with(registry: Registry, name: str) -> list[str]:
    """List the collections, chains apart, that hold datasets of a type."""
    candidates = registry.collections.query("*", kinds=("RUN", "TAGGED", "CALIBRATION"))
    return [c for c in candidates if any(kind.name == name for kind in registry.collections.dataset_types(c))]


def existing_datasets(kind: DatasetType, codes: Codes, existing: Existing) -> Datasets:
    """Make the state of datasets that all exist; row ``i`` is the i-th of ``existing``."""
    n = len(existing)
    return Datasets(DatasetTable(kind, codes, -1 - np.arange(n), existing), np.ones(n, bool))


def datasets_of_refs(
    kind: DatasetType, refs: Sequence[DatasetRef], codebooks: Codebooks
) -> tuple[Datasets, Rows]:
    """Make the state of the datasets of refs, and the row of each ref."""
    distinct = list({ref.id: ref for ref in refs}.values())
    columns = {d: codebooks[d].encode([ref.dataId[d] for ref in distinct]) for d in kind.dimensions.required}
    codes, order = sorted_codes(columns, len(distinct), codebooks)
    runs = list(dict.fromkeys(ref.run for ref in distinct))
    ids = np.frombuffer(b"".join(distinct[i].id.bytes for i in order), np.uint8).reshape(-1, 16)
    run_index = np.array([runs.index(distinct[i].run) for i in order], np.int32)
    row_of = {distinct[i].id: row for row, i in enumerate(order.tolist())}
    datasets = existing_datasets(kind, codes, Existing(ids, run_index, tuple(runs)))
    return datasets, np.array([row_of[ref.id] for ref in refs], np.int64)


def find_existing(
    registry: Registry,
    codebooks: Codebooks,
    kind: DatasetType,
    collections: Sequence[str],
    condition: Condition = EVERYTHING,
) -> Datasets:
    """Find the datasets of a type, the first one of each data ID; none if the type is not registered."""
    where, bind = condition
    try:
        found = (
            registry.find_dataset_columns(kind.name, collections, where=where, bind=bind)
            if collections
            else None
        )
    except MissingDatasetTypeError:
        found = None
    if found is None:
        return existing_datasets(
            kind, np.empty((0, len(kind.dimensions.required)), np.int32), Existing.none()
        )
    columns = {d: codebooks[d].encode(found.columns[d]) for d in kind.dimensions.required}
    codes, order = sorted_codes(columns, len(found.ids), codebooks)
    existing = Existing(
        np.asarray(found.ids)[order], np.asarray(found.run, np.int32)[order], tuple(found.runs)
    )
    return existing_datasets(kind, codes, existing)
