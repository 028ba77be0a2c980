"""Refs of ingested images: their ids follow from what they are, so that known ones are recognized."""

from __future__ import annotations

from collections.abc import Iterable

from pipetask.butler import Butler, DataCoordinate, DatasetRef, DatasetType, raw_id
from pipetask.observation.instrument import Instrument


def image_ref(dataset_type: DatasetType, instrument: Instrument, **values: int) -> DatasetRef:
    """Return the ref of an image in the run of its instrument."""
    data_id = DataCoordinate.standardize(
        {"instrument": instrument.name, **values}, dimensions=dataset_type.dimensions
    )
    id = raw_id(dataset_type.name, data_id, instrument.run)
    return DatasetRef(dataset_type, data_id, instrument.run, id=id)


def not_stored(butler: Butler, refs: Iterable[DatasetRef]) -> list[DatasetRef]:
    """Return the refs that are not registered yet, or whose files are gone, in order."""
    refs = list(refs)
    artifacts = butler.artifacts(ref.id for ref in refs)
    return [ref for ref in refs if not butler.datastore.exists(artifacts.get(ref.id, ()))]
