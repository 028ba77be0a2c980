"""The error of composites that is one of the registry's too, so `pipetask.errors` gives it when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipetask.errors import PipetaskError
from registry.dimensions.coordinate import DataCoordinate
from registry.errors import DatasetNotFoundError

if TYPE_CHECKING:
    from pipetask.butler.composites.definition import Composite, Part


class MissingPartError(PipetaskError, DatasetNotFoundError):
    """A composite that is not there because a part of it is not; names the part and what was searched."""


def missing(composite: Composite, part: Part, data_id: DataCoordinate, why: str) -> MissingPartError:
    """Return the error that a composite lacks a part."""
    return MissingPartError(
        f"Composite {composite.name!r} {required(data_id)} is not there: its part {part.name!r} "
        f"({part.dataset_type!r}) is missing: {why.rstrip('.')}."
    )


def required(data_id: DataCoordinate) -> DataCoordinate:
    """Return a data ID as messages show it, without what it implies."""
    return DataCoordinate.from_required(data_id.dimensions, data_id.values_tuple)
