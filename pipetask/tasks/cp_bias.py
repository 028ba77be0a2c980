"""CpBiasTask: the pattern that a detector has without light or time, from many bias frames."""

from __future__ import annotations

from pipetask import connectionTypes
from pipetask.tasks.combine_calibrations import CombineConfig, CombineConnections, CombineTask


class CpBiasConnections(CombineConnections, dimensions=("instrument", "detector")):
    """Raw frames in, a combined bias out."""

    outputExposure = connectionTypes.Output(
        doc="Combined bias frame, trimmed [adu].",
        name="bias",
        storageClass="ExposureF",
        dimensions=("instrument", "detector"),
        isCalibration=True,
    )


class CpBiasConfig(CombineConfig, pipelineConnections=CpBiasConnections):
    """How bias frames are combined."""

    def setDefaults(self) -> None:
        """Take bias frames."""
        super().setDefaults()
        self.observationType = "bias"


class CpBiasTask(CombineTask):
    """Average bias frames after their overscan is subtracted."""

    ConfigClass = CpBiasConfig
    _DefaultName = "cpBias"
