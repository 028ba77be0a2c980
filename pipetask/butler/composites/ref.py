"""CompositeRef: a composite that was found, with the datasets that are its parts."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping

from pipetask.butler.composites.definition import Composite
from registry.dataset_ref import DatasetId, DatasetRef
from registry.dataset_type import DatasetType
from registry.dimensions.coordinate import DataCoordinate

_NAMESPACE = uuid.UUID("5b0f2c1e-6c0a-5d57-9b1e-0d9a5f0c7b11")
Parts = Mapping[str, DatasetRef | tuple[DatasetRef, ...]]


class CompositeRef(DatasetRef):
    """A composite with its parts: all that reading it takes, without a database.

    Parameters
    ----------
    datasetType : `DatasetType`
        The composite's, or that of a component of it.
    dataId : `DataCoordinate`
        Its data ID.
    composite : `Composite`
        The definition.
    parts : mapping
        Datasets by name of the part; tuples for those that are lists. Parts that nobody will ask for, as
        those beside a single component, may be absent.
    run : `str`, optional
        Where it was put; that of the base, or of the first part, if it was not.
    id : `uuid.UUID`, optional
        Of the dataset's row if it was put. By default it follows from definition and parts.
    """

    __slots__ = ("composite", "parts")

    def __init__(
        self,
        datasetType: DatasetType,
        dataId: DataCoordinate,
        composite: Composite,
        parts: Parts,
        *,
        run: str | None = None,
        id: DatasetId | None = None,
    ) -> None:
        self.composite = composite
        self.parts: Parts = dict(parts)
        if run is None:
            run = next((ref.run for ref in self.all_parts()), "")
        super().__init__(datasetType, dataId, run, id=id or derived_id(composite, parts))

    def all_parts(self) -> Iterator[DatasetRef]:
        """Yield the datasets that it is made of, down to those that are no composites."""
        names = sorted(self.parts, key=lambda name: name != self.composite.base)
        for name in names:
            found = self.parts[name]
            for ref in found if isinstance(found, tuple) else (found,):
                if isinstance(ref, CompositeRef):
                    yield from ref.all_parts()
                else:
                    yield ref

    def expanded(self, dataId: DataCoordinate) -> CompositeRef:
        """Return the same dataset with an equal data ID that knows more."""
        return CompositeRef(self.datasetType, dataId, self.composite, self.parts, run=self.run, id=self.id)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        held = self.datasetType, self.dataId, self.composite, self.parts, self.run, self.id
        return _composite_ref, held

    def _like(self, datasetType: DatasetType) -> CompositeRef:
        return CompositeRef(datasetType, self.dataId, self.composite, self.parts, run=self.run, id=self.id)


def _composite_ref(
    datasetType: DatasetType,
    dataId: DataCoordinate,
    composite: Composite,
    parts: Parts,
    run: str,
    id: DatasetId,
) -> CompositeRef:
    return CompositeRef(datasetType, dataId, composite, parts, run=run, id=id)


def derived_id(composite: Composite, parts: Parts) -> DatasetId:
    """Return the UUID, version 5, of a composite: it follows from the definition and the ids of the parts."""
    named = [composite.digest]
    for part in composite.parts:
        if (found := parts.get(part.name)) is None:
            continue
        refs = found if isinstance(found, tuple) else (found,)
        named.append(f"{part.name}={','.join(str(ref.id) for ref in refs)}")
    return uuid.uuid5(_NAMESPACE, ";".join(named))
