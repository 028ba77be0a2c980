"""CpDarkTask: what a detector collects per second without light, from many dark frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipetask import Exposure, PipetaskError, connectionTypes
from pipetask.tasks.combine_calibrations import (
    CombineConfig,
    CombineConnections,
    CombineTask,
    Frame,
    Pixels,
    masked_exposure,
)


class CpDarkConnections(CombineConnections, dimensions=("instrument", "detector")):
    """Raw frames and the bias in, a combined dark out."""

    bias = connectionTypes.Input(
        doc="Combined bias frame, trimmed [adu].",
        name="bias",
        storageClass="ExposureF",
        dimensions=("instrument", "detector"),
        isCalibration=True,
    )
    outputExposure = connectionTypes.Output(
        doc="Combined dark frame, trimmed [adu/s].",
        name="dark",
        storageClass="ExposureF",
        dimensions=("instrument", "detector"),
        isCalibration=True,
    )


class CpDarkConfig(CombineConfig, pipelineConnections=CpDarkConnections):
    """How dark frames are combined."""

    def setDefaults(self) -> None:
        """Take dark frames."""
        super().setDefaults()
        self.observationType = "dark"


class CpDarkTask(CombineTask):
    """Average dark frames per second of their exposure time."""

    ConfigClass = CpDarkConfig
    _DefaultName = "cpDark"

    def scales(self, frames: Sequence[Frame]) -> list[np.float32]:
        """Return one over the exposure times."""
        if any(not frame.seconds > 0 for frame in frames):
            raise PipetaskError("A dark frame has no exposure time; leave it out, with -d")
        return [np.float32(1 / frame.seconds) for frame in frames]

    def finished(self, image: Pixels, variance: Pixels) -> Exposure:
        """Return the combined frame; what has no value is BAD."""
        return masked_exposure(image, variance, missing=0.0, unit="adu/s")
