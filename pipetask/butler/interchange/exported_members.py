"""Which of a collection's members an export names: those among its datasets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import TYPE_CHECKING
from uuid import UUID

from registry.datasets.ids import to_bytes
from registry.timespan import Timespan

if TYPE_CHECKING:
    from pipetask.butler.butler import Butler


def tagged(butler: Butler, name: str, datasets: Collection[UUID]) -> list[UUID]:
    """Return the members of a TAGGED collection that are among some datasets."""
    members = butler.registry.collections.dataset_types(name)
    return [
        ref.id
        for kind in members
        for ref in butler.registry.query_datasets(kind, [name])
        if ref.id in datasets
    ]


def certified(
    butler: Butler, name: str, datasets: Collection[UUID]
) -> list[tuple[Timespan, tuple[UUID, ...]]]:
    """Return the members of a CALIBRATION collection that are among some datasets, by validity range."""
    ranges: dict[Timespan, list[UUID]] = defaultdict(list)
    for kind in butler.registry.collections.dataset_types(name):
        found = butler.registry.calibration_columns(kind, [name])
        bounds = zip(found.begin_ns.tolist(), found.end_ns.tolist(), strict=True)
        for id, (begin, end) in zip(to_bytes(found.ids), bounds, strict=True):
            if (known := UUID(bytes=id)) in datasets:
                ranges[Timespan.from_ns(begin, end)].append(known)
    return [(timespan, tuple(ids)) for timespan, ids in sorted(ranges.items())]
