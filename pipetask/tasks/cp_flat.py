"""CpFlatTask: the response of a detector's pixels through one filter, from many evenly lit frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from lsst.pex.config import Field

from pipetask import Exposure, PipetaskError, connectionTypes
from pipetask.tasks.combine_calibrations import (
    CombineConfig,
    CombineConnections,
    CombineTask,
    Frame,
    Pixels,
    masked_exposure,
)


class CpFlatConnections(CombineConnections, dimensions=("instrument", "detector", "physical_filter")):
    """Raw frames, bias, dark and maybe a linearity table in, a combined flat out."""

    bias = connectionTypes.Input(
        doc="Combined bias frame, trimmed [adu].",
        name="bias",
        storageClass="ExposureF",
        dimensions=("instrument", "detector"),
        isCalibration=True,
    )
    dark = connectionTypes.Input(
        doc="Combined dark frame, trimmed [adu/s].",
        name="dark",
        storageClass="ExposureF",
        dimensions=("instrument", "detector"),
        isCalibration=True,
    )
    linearizer = connectionTypes.PrerequisiteInput(
        doc="Linearity table: columns measured and true [adu].",
        name="linearizer",
        storageClass="ArrowAstropy",
        dimensions=("instrument", "detector"),
        isCalibration=True,
    )
    outputExposure = connectionTypes.Output(
        doc="Combined flat field, trimmed; its median is 1.",
        name="flat",
        storageClass="ExposureF",
        dimensions=("instrument", "detector", "physical_filter"),
        isCalibration=True,
    )

    def __init__(self, *, config: Any = None) -> None:  # a CpFlatConfig
        super().__init__(config=config)
        if not config.doDark:
            self.inputs.remove("dark")
        if not config.doLinearize:
            self.prerequisiteInputs.remove("linearizer")


class CpFlatConfig(CombineConfig, pipelineConnections=CpFlatConnections):
    """How flats are combined."""

    doDark = Field(doc="Subtract a combined dark frame, times the exposure time.", dtype=bool, default=True)
    doLinearize = Field(doc="Correct with a linearity table.", dtype=bool, default=False)
    minimumResponse = Field(
        doc="Pixels below this part of the median are BAD.", dtype=float, default=0.1, check=lambda r: r > 0
    )

    def setDefaults(self) -> None:
        """Take flats."""
        super().setDefaults()
        self.observationType = "flat"


class CpFlatTask(CombineTask):
    """Average flats, each divided by its median: lamps and twilights fade."""

    ConfigClass = CpFlatConfig
    _DefaultName = "cpFlat"

    def scales(self, frames: Sequence[Frame]) -> list[np.float32]:
        """Return one over the medians."""
        return [np.float32(1 / _median(frame)) for frame in frames]

    def finished(self, image: Pixels, variance: Pixels) -> Exposure:
        """Return the combined frame of median 1; what has no value, or hardly any response, is BAD and 1."""
        median = np.nanmedian(image)
        image, variance = image / median, variance / median**2
        image[image < self.config.minimumResponse] = np.nan
        return masked_exposure(image, variance, missing=1.0, unit="")


def _median(frame: Frame) -> float:
    """Return the median of a flat, which must be light."""
    pixels = frame.rows(frame.trimmed)[0]
    lit = pixels[np.isfinite(pixels)]
    median = float(np.median(lit)) if lit.size else 0.0
    if not median > 0:
        raise PipetaskError(
            f"The flat of exposure {frame.exposure} holds no light: its median is {median:g}; "
            f"leave it out, with -d 'exposure != {frame.exposure}'"
        )
    return median
