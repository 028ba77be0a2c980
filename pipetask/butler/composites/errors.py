"""The error of composites that is one of the registry's too, so `pipetask.errors` gives it when asked for."""

from __future__ import annotations

from pipetask.errors import PipetaskError
from registry.errors import DatasetNotFoundError


class MissingPartError(PipetaskError, DatasetNotFoundError):
    """A composite that is not there because a part of it is not; names the part and what was searched."""
