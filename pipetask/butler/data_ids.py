"""From what a caller writes to a dataset type, a component and a data ID."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from registry.dataset_ref import DatasetRef
from registry.dataset_type import DatasetType
from registry.dimensions.coordinate import DataCoordinate
from registry.timespan import Timespan

if TYPE_CHECKING:
    from pipetask.butler.butler import Butler


def dataset_type_of(butler: Butler, named: DatasetType | str) -> tuple[DatasetType, DatasetType]:
    """Return the registered dataset type, and the one to read it as.

    They differ if a component is named (``calexp.wcs``), or if the given dataset type has another storage
    class than the registered one.
    """
    name = named if isinstance(named, str) else named.name
    parent_name, _, component = name.partition(".")
    registered = butler.registry.get_dataset_type(parent_name)
    if not isinstance(named, str):
        return registered, named
    if not component:
        return registered, registered
    storage_class = butler.datastore.storage_classes.component_class(registered.storageClass, component)
    return registered, registered.makeComponentDatasetType(component, storage_class)


def data_id_for(
    butler: Butler, dataset_type: DatasetType, data_id: Mapping[str, Any] | None, more: Mapping[str, Any]
) -> DataCoordinate:
    """Return the data ID of a dataset, with the defaults of the butler for what is not given.

    A governor dimension that the repository has only one value of need not be given at all.
    """
    dimensions = dataset_type.dimensions
    given: dict[str, Any] = {**(data_id or {}), **more}
    names = {dimensions.universe.resolve(name) for name in given}
    for name in dimensions.required:
        if name not in names:
            if name in butler.default_data_id:
                given[name] = butler.default_data_id[name]
            elif name in dimensions.governors:
                only = butler.registry.element_columns(name, names=[name])[name].tolist()
                given |= {name: only[0]} if len(only) == 1 else {}
    if isinstance(data_id, DataCoordinate) and not more:
        return DataCoordinate.standardize(data_id, dimensions=dimensions)
    return DataCoordinate.standardize(given, dimensions=dimensions)


def time_of(butler: Butler, given: Mapping[str, Any]) -> Timespan:
    """Return when the exposure or visit of a data ID was taken, to look up calibrations; else all times."""
    for element in ("exposure", "visit"):
        if element in given:
            data_id = {**butler.default_data_id, **given}
            record = butler.registry.dimension_record(
                element, {name: data_id[name] for name in ("instrument", element) if name in data_id}
            )
            if record is not None and record.timespan is not None:
                return record.timespan
    return Timespan.from_ns()


def show(ref: DatasetRef) -> str:
    """Return a dataset as messages name it."""
    return f"{ref.datasetType.name!r} {ref.dataId} in run {ref.run!r}"
