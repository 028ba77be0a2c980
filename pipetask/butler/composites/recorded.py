"""Composites that were put, with the parts that were recorded with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pipetask.butler.composites.definition import Composite, Part
from pipetask.butler.composites.ref import CompositeRef
from pipetask.butler.data_ids import dataset_type_of
from registry.dataset_ref import DatasetId, DatasetRef
from registry.dimensions.coordinate import DataCoordinate

if TYPE_CHECKING:
    from pipetask.butler.reading import ReadingButler


def recorded(butler: ReadingButler, composite: Composite, stored: DatasetRef) -> CompositeRef:
    """Return a composite that was put, with the parts that were recorded with it."""
    return all_recorded(butler, composite, [stored])[0]


def all_recorded(
    butler: ReadingButler, composite: Composite, stored: Sequence[DatasetRef]
) -> list[CompositeRef]:
    """Return composites of one definition that were put, each with the parts that were recorded with it."""
    if not stored:
        return []
    rows = butler.registry.composite_parts([ref.id for ref in stored])
    ids = list(dict.fromkeys(id for parts in rows.values() for _, id in parts))
    refs = dict(zip(ids, butler.registry.get_datasets(ids), strict=True))
    whole = _with_parts(butler, [ref for ref in refs.values() if ref is not None])
    seen = {part.name: seen_as(butler, part) for part in composite.parts}
    made = []
    for ref in stored:
        parts: dict[str, DatasetRef | tuple[DatasetRef, ...]] = {}
        for part in composite.parts:
            found = [seen[part.name](whole[id]) for name, id in rows[ref.id] if name == part.name]
            parts[part.name] = tuple(sorted(found, key=data_id_of)) if part.many else found[0]
        made.append(CompositeRef(ref.datasetType, ref.dataId, composite, parts, run=ref.run, id=ref.id))
    return made


def _with_parts(butler: ReadingButler, refs: Sequence[DatasetRef]) -> dict[DatasetId, DatasetRef]:
    """Return stored refs by id; composites with their parts."""
    found: dict[DatasetId, DatasetRef] = {ref.id: ref for ref in refs}
    for name in sorted({ref.datasetType.name for ref in refs}):
        if (inner := butler.composites.get(name)) is not None:
            of_type = [ref for ref in refs if ref.datasetType.name == name]
            found |= {ref.id: ref for ref in all_recorded(butler, inner, of_type)}
    return found


def seen_as(butler: ReadingButler, part: Part) -> Callable[[DatasetRef], DatasetRef]:
    """Return what makes a dataset the component that the part is, if it is one."""
    component = part.dataset_type.partition(".")[2]
    if not component:
        return _itself
    storage_class = dataset_type_of(butler, part.dataset_type)[1].storageClass
    return lambda ref: ref.makeComponentRef(component, storage_class)


def _itself(ref: DatasetRef) -> DatasetRef:
    return ref


def data_id_of(ref: DatasetRef) -> DataCoordinate:
    """Return the data ID, which lists of parts are ordered by."""
    return ref.dataId
