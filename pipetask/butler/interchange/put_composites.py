"""Composites that were put, in exports: a row, and the datasets that it refers to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pipetask.butler.composites.ref import CompositeRef
from registry.dataset_ref import DatasetRef
from registry.dimensions.coordinate import DataCoordinate

if TYPE_CHECKING:
    from pipetask.butler.butler import Butler


@dataclass(frozen=True, slots=True)
class CompositeEntry:
    """A composite that was put: its row, and by component the ids of the datasets that it refers to."""

    id: UUID
    dataset_type: str
    run: str
    data_id: Mapping[str, Any]
    parts: tuple[tuple[str, UUID], ...]

    def plain(self) -> dict[str, Any]:
        """Return what the file has."""
        return {
            "dataset_id": self.id,
            "dataset_type": self.dataset_type,
            "run": self.run,
            "data_id": dict(self.data_id),
            "parts": [[component, id] for component, id in self.parts],
        }

    @classmethod
    def from_plain(cls, said: Mapping[str, Any]) -> CompositeEntry:
        """Return what `plain` made."""
        parts = tuple((str(component), UUID(str(id))) for component, id in said["parts"])
        id = UUID(str(said["dataset_id"]))
        return cls(id, said["dataset_type"], said["run"], dict(said["data_id"]), parts)


def put_among(butler: Butler, whole: CompositeRef) -> Iterator[CompositeRef]:
    """Yield a composite and those that are its parts, as far as they were put; parts first."""
    for found in whole.parts.values():
        for part in found if isinstance(found, tuple) else (found,):
            if isinstance(part, CompositeRef):
                yield from put_among(butler, part)
    if butler.get_dataset(whole.id) is not None:
        yield whole


def entries(butler: Butler, put: Iterable[DatasetRef]) -> list[CompositeEntry]:
    """Return what an export says of composites that were put."""
    refs = list(put)
    parts = butler.registry.composite_parts([ref.id for ref in refs])
    return [
        CompositeEntry(
            ref.id,
            ref.datasetType.nameAndComponent()[0],
            ref.run,
            ref.dataId.required,
            tuple(parts[ref.id]),
        )
        for ref in refs
    ]


def insert_composites(butler: Butler, put: Iterable[CompositeEntry]) -> None:
    """Take in composites whose parts are here; inside a transaction. Others would refer to nothing."""
    for entry in put:
        ids = [id for _, id in entry.parts]
        if butler.composites.get(entry.dataset_type) is None or None in butler.registry.get_datasets(ids):
            continue
        butler.collections.register(entry.run)
        kind = butler.get_dataset_type(entry.dataset_type)
        data_id = DataCoordinate.standardize(entry.data_id, dimensions=kind.dimensions)
        butler.registry.insert_datasets(kind, entry.run, [data_id], ids=[entry.id])
        butler.registry.insert_composite_parts((entry.id, name, id) for name, id in entry.parts)
