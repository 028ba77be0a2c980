"""The part of the sky and of time that a data ID stands for, by its dimension records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.errors import DataIdError

if TYPE_CHECKING:
    from lsst.sphgeom import Region

    from registry.timespan import Timespan

    from .coordinate import DataCoordinate


def region_of(data_id: DataCoordinate) -> Region | None:
    """Return what the regions of all spatial dimensions have in common; `None` if one has none.

    Raises
    ------
    DataIdError
        If a record that says so is not known.
    """
    regions = []
    for name in data_id.dimensions.spatial:
        pixels = data_id.universe[name].skypix
        if pixels is not None:
            from registry.spatial import pixelization

            regions.append(pixelization(*pixels).pixel(data_id[name]))
        else:
            regions.append(_record(data_id, name).region)
    if not regions or None in regions:
        return None
    if len(regions) == 1:
        only: Region = regions[0]
        return only
    from lsst.sphgeom import IntersectionRegion

    return IntersectionRegion(*regions)


def timespan_of(data_id: DataCoordinate) -> Timespan | None:
    """Return what the timespans of all temporal dimensions have in common; `None` if one has none.

    Raises
    ------
    DataIdError
        If a record that says so is not known.
    """
    spans = [_record(data_id, name).timespan for name in data_id.dimensions.temporal]
    if not spans or None in spans:
        return None
    common: Timespan = spans[0].intersection(*spans[1:])
    return common


def _record(data_id: DataCoordinate, name: str) -> Any:
    record = data_id.records.get(name)
    if record is None:
        raise DataIdError(
            f"Data ID {data_id} comes without a record of {name}. Ask for data IDs with records."
        )
    return record
