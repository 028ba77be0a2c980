"""What datasets say that they were made from, in exports: the registry's copy of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from pipetask.butler.butler import Butler

_BATCH = 20_000


@dataclass(frozen=True, slots=True)
class InputsEntry:
    """A dataset, and the rows of its table of inputs as plain values."""

    id: UUID
    rows: tuple[Mapping[str, Any], ...]

    def plain(self) -> dict[str, Any]:
        """Return what the file has."""
        return {"dataset_id": self.id, "inputs": [dict(row) for row in self.rows]}

    @classmethod
    def from_plain(cls, said: Mapping[str, Any]) -> InputsEntry:
        """Return what `plain` made."""
        return cls(UUID(str(said["dataset_id"])), tuple(dict(row) for row in said["inputs"]))


def inputs_of(butler: Butler, ids: Collection[UUID]) -> Iterator[InputsEntry]:
    """Yield what an export says of the datasets that name inputs."""
    listed = list(ids)
    for begin in range(0, len(listed), _BATCH):
        named = butler.registry.named_inputs(listed[begin : begin + _BATCH])
        for id, inputs in named.items():
            if inputs:
                yield InputsEntry(id, tuple(each.values for each in inputs))


def insert_inputs(butler: Butler, entries: Iterable[InputsEntry]) -> None:
    """Take in what the datasets that are here name as their inputs; inside a transaction."""
    by_id = {entry.id: entry.rows for entry in entries}
    here = [ref.id for ref in butler.registry.get_datasets(by_id) if ref is not None]
    butler.registry.insert_named_inputs({id: by_id[id] for id in here})
