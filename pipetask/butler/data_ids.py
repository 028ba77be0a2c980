"""From what a caller writes to a dataset type, a component and a data ID."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from registry.arguments import checked, merged_data_id
from registry.dataset_ref import DatasetRef
from registry.dataset_type import DatasetType
from registry.dimensions.coordinate import DataCoordinate, DataId
from registry.dimensions.group import DimensionGroup
from registry.errors import InvalidDatasetTypeError
from registry.timespan import Timespan

if TYPE_CHECKING:
    from pipetask.butler.reading import ReadingButler


def dataset_type_of(butler: ReadingButler, named: DatasetType | str) -> tuple[DatasetType, DatasetType]:
    """Return the registered dataset type, and the one to read it as.

    They differ if a component is named (``calexp.wcs``), or if the given dataset type has another storage
    class than the registered one.
    """
    if not isinstance(named, str):
        checked(named, DatasetType, "dataset type, nor the name of one")
    name = named if isinstance(named, str) else named.name
    parent_name, dot, component = name.partition(".")
    if dot and not component:
        raise InvalidDatasetTypeError(f"{name!r} names no component after the dot; leave the dot out.")
    registered = butler.registry.get_dataset_type(parent_name)
    if not isinstance(named, str):
        return registered, named
    if not component:
        return registered, registered
    classes = butler.datastore.storage_classes
    if (composite := butler.composites.get(registered.name)) is None:
        storage_class = classes.component_class(registered.storageClass, component)
    else:
        storage_class = butler.composites.component_class(composite, component)
    return registered, registered.makeComponentDatasetType(component, storage_class)


def data_id_for(
    butler: ReadingButler, dataset_type: DatasetType, data_id: DataId | None, more: Mapping[str, Any]
) -> DataCoordinate:
    """Return the data ID of a dataset, with the defaults of the butler for what is not given.

    A governor dimension that the repository has only one value of need not be given at all.
    """
    dimensions = dataset_type.dimensions
    if isinstance(data_id, DataCoordinate) and not more and data_id.dimensions >= dimensions:
        return data_id.subset(dimensions)
    given = _completed(butler, dimensions, merged_data_id(data_id, more))
    return DataCoordinate.standardize(given, dimensions=dimensions)


def time_of(butler: ReadingButler, given: Mapping[str, Any]) -> Timespan:
    """Return when the exposure or visit of a data ID was taken, to look up calibrations; else all times."""
    for element in ("exposure", "visit"):
        if element in given:
            dimensions = butler.dimensions.conform([element])
            record = butler.registry.dimension_record(element, _completed(butler, dimensions, given))
            if record is not None and record.timespan is not None:
                return record.timespan
    return Timespan.from_ns()


def times_of(butler: ReadingButler, data_ids: Sequence[DataCoordinate]) -> list[Timespan]:
    """Return what `time_of` does for each of many data IDs of the same dimensions."""
    times: list[Timespan | None] = [None] * len(data_ids)
    for element in ("exposure", "visit"):
        if element not in data_ids[0]:
            continue
        dimensions = butler.dimensions.conform([element])
        own = [DataCoordinate.standardize(each.required, dimensions=dimensions) for each in data_ids]
        with butler.registry.query() as made:
            records = made.join_data_coordinates(own).dimension_records(element)
            known = {record.dataId: record.timespan for record in records}
        times = [known.get(key) if each is None else each for each, key in zip(times, own, strict=True)]
    return [Timespan.from_ns() if each is None else each for each in times]


def full_data_ids(butler: ReadingButler, data_ids: Sequence[DataCoordinate]) -> Sequence[DataCoordinate]:
    """Return data IDs of the same dimensions with what they imply, as far as there are records of them."""
    if all(each.hasFull() for each in data_ids):
        return data_ids
    with butler.registry.query() as made:
        found = made.join_data_coordinates(data_ids).data_ids(data_ids[0].dimensions)
        known = {each: each for each in found}
    return [known.get(each, each) for each in data_ids]


def _completed(butler: ReadingButler, dimensions: DimensionGroup, given: Mapping[str, Any]) -> dict[str, Any]:
    """Add the butler's defaults, and governors of which there is only one, for what is not given."""
    completed = {**given, **_numbers(butler, given)}
    names = {dimensions.universe.resolve(name) for name in given}
    for name in dimensions.required:
        if name in names:
            continue
        if name in butler.default_data_id:
            completed[name] = butler.default_data_id[name]
        elif name in dimensions.governors:
            only = butler.registry.element_columns(name, names=[name])[name].tolist()
            if len(only) == 1:
                completed[name] = only[0]
    return completed


def _numbers(butler: ReadingButler, given: Mapping[str, Any]) -> dict[str, int]:
    """Return the numbers of what is given by its other unique name, as in ``detector="N12"``."""
    found = {}
    for name, value in given.items():
        if not isinstance(value, str) or value.lstrip("-").isdigit() or name not in butler.dimensions:
            continue
        element = butler.dimensions[name]
        if element.key is None or element.key.type != "int" or not element.alternate_keys:
            continue
        column = element.alternate_keys[0].name
        parents = {n: given[n] for n in element.required if n in given and n != element.name}
        records = butler.registry.query_dimension_records(
            element.name, where=f"{element.name}.{column} = :value", bind={"value": value}, data_id=parents
        )
        if len(records) == 1:
            found[name] = getattr(records[0], element.name)
    return found


def show(ref: DatasetRef) -> str:
    """Return a dataset as messages name it."""
    return f"{ref.datasetType.name!r} {ref.dataId} in run {ref.run!r}"
