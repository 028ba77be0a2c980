"""From what a caller names to one dataset: a ref as it is, else the first that a search meets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipetask.butler.composites.find import PartFinder
from pipetask.butler.data_ids import data_id_for, dataset_type_of, time_of
from registry.arguments import checked, merged_data_id
from registry.dataset_ref import DatasetRef
from registry.dataset_type import DatasetType
from registry.dimensions.coordinate import DataCoordinate, DataId
from registry.errors import DataIdError, DatasetNotFoundError
from registry.timespan import Timespan

if TYPE_CHECKING:
    from pipetask.butler.reading import ReadingButler


def find(
    butler: ReadingButler,
    named: DatasetRef | DatasetType | str,
    data_id: DataId | None,
    collections: str | Sequence[str] | None,
    timespan: Timespan | None,
    more: Mapping[str, Any],
) -> DatasetRef:
    """Return a dataset; see `Butler.find_dataset`.

    Raises
    ------
    DatasetNotFoundError
        If no collection holds it, or it is a composite that lacks a part.
    """
    if isinstance(named, DatasetRef):
        return named
    with butler.registry.one_look():
        return _find(butler, named, data_id, collections, timespan, more)


def _find(
    butler: ReadingButler,
    named: DatasetType | str,
    data_id: DataId | None,
    collections: str | Sequence[str] | None,
    timespan: Timespan | None,
    more: Mapping[str, Any],
) -> DatasetRef:
    registered, wanted = dataset_type_of(butler, named)
    if timespan is not None:
        checked(timespan, Timespan, "timespan")
    elif registered.isCalibration():
        timespan = time_of(butler, merged_data_id(data_id, more))
    coordinate = data_id_for(butler, registered, data_id, more)
    searched = butler.search_path(collections, coordinate.get("instrument"))
    if (composite := butler.composites.get(registered.name)) is not None:
        found: DatasetRef | None = PartFinder(butler, searched).find(composite, registered, coordinate)
    else:
        found = butler.registry.find_dataset(registered, coordinate, collections=searched, timespan=timespan)
    if found is None:
        when = f" valid in {timespan}" if timespan is not None else ""
        raise DatasetNotFoundError(
            f"No dataset {registered.name!r} {coordinate}{when} in collections {', '.join(searched)}."
            + _unknown_governor(butler, coordinate),
            hint=f"What there is: butler query-datasets {butler.root} {registered.name} --collections '*'",
        )
    if wanted.isComponent():
        return found.makeComponentRef(str(wanted.component()), wanted.storageClass)
    return found.overrideStorageClass(wanted.storageClass)


def _unknown_governor(butler: ReadingButler, data_id: DataCoordinate) -> str:
    """Return a sentence about an instrument or sky map that is not registered; else nothing."""
    try:
        butler.registry.expand_data_id(data_id.subset(data_id.dimensions.governors))
    except DataIdError as error:
        return f" {error}"
    return ""
