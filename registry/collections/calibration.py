"""CALIBRATION: datasets with the time for which each is valid, never two at once for one data ID."""

from __future__ import annotations

from sqlalchemy import Table

from registry.collections.base import CollectionKind
from registry.dataset_type import DatasetType
from registry.schema.schema import Schema


class CalibrationKind(CollectionKind):
    """Holds what is certified in it."""

    name = "CALIBRATION"

    def may_contain(self, dataset_type: DatasetType) -> bool:
        """Only types that were registered as calibrations."""
        return dataset_type.isCalibration()

    def member_table(self, schema: Schema, group_id: int) -> Table | None:
        """The table with validity ranges."""
        return schema.calibration_table(group_id)
