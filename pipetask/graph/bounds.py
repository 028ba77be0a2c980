"""Where and when quanta are, if connections widen it: the regions and times of their datasets' data IDs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipetask.graph.codes import Codebooks, Codes
from pipetask.graph.join import Relation, join_all
from pipetask.graph.project import DataIds, Pairs
from pipetask.graph.sky_pixels import pixel_overlaps

if TYPE_CHECKING:
    from pipetask.butler import DimensionGroup, Registry
    from pipetask.graph.draft import DraftTask


@dataclass(frozen=True, slots=True)
class Reach:
    """The data IDs of one connection, and which quantum (left) has which of them (right)."""

    dimensions: DimensionGroup
    data_ids: DataIds
    pairs: Pairs

    def relation(self, quanta: DataIds) -> Relation:
        """The data IDs of quanta beside those of the connection."""
        columns = {d: codes[self.pairs.right] for d, codes in self.data_ids.columns().items()}
        columns |= {d: codes[self.pairs.left] for d, codes in quanta.columns().items()}
        return Relation("", columns, len(self.pairs.left))


@dataclass(frozen=True, slots=True)
class Bounds:
    """The connections whose data IDs are added to those of the quanta: in space, and in time."""

    spatial: tuple[Reach, ...] = ()
    temporal: tuple[Reach, ...] = ()


def bounds_of(task: DraftTask) -> Bounds:
    """Find the data IDs that a task's connections add to those of its quanta."""
    return Bounds(_reach(task, task.node.spatial_bounds), _reach(task, task.node.temporal_bounds))


def _reach(task: DraftTask, names: Iterable[str]) -> tuple[Reach, ...]:
    found = []
    for name in names:
        edges = task.edges[name]
        datasets = edges.datasets
        found.append(Reach(datasets.table.dataset_type.dimensions, datasets.data_ids, edges.pairs))
    return tuple(found)


def pixels_within(
    registry: Registry,
    codebooks: Codebooks,
    dimensions: DimensionGroup,
    quanta: DataIds,
    datasets: DimensionGroup,
    data_ids: DataIds,
    reaches: Sequence[Reach],
) -> Relation:
    """Pair quanta with the sky pixels that datasets have under any of their regions.

    Parameters
    ----------
    registry, codebooks
        Where to read from, and how values are encoded.
    dimensions, quanta
        Those of the task, and its quanta.
    datasets, data_ids
        Dimensions of the datasets, and the data IDs that there are.
    reaches
        What is added to the quanta's own regions.
    """
    new = [name for name in datasets.spatial if name not in dimensions]
    keep = (*quanta.dimensions, *new)
    parts = [(dimensions, quanta.relation())]
    parts += [(reach.dimensions, reach.relation(quanta)) for reach in reaches]
    columns: list[Mapping[str, Codes]] = []
    for group, relation in parts:
        if overlaps := pixel_overlaps(registry, codebooks, group, datasets, data_ids):
            columns.append(join_all([relation, *overlaps], codebooks, keep=keep).project(keep).columns)
    joined = {d: np.concatenate([part[d] for part in columns]) for d in keep}
    return Relation("pixels within the bounds", joined, len(joined[keep[0]])).distinct(codebooks)
