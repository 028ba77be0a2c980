"""IsrTask: remove the instrument's signature from a raw image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from lsst.pex.config import Field

from pipetask import (
    Exposure,
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PhotoCalib,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
    connectionTypes,
)
from pipetask.tasks.camera_facts import CameraFacts, camera_facts

_NEIGHBOURS = 10  # columns on each side that a dead column is compared with


class IsrConnections(PipelineTaskConnections, dimensions=("instrument", "exposure", "detector")):
    """A raw image and the calibrations that its configuration asks for, in; a clean image out."""

    raw = connectionTypes.Input(
        doc="Raw image.",
        name="raw",
        storageClass="Exposure",
        dimensions=("instrument", "exposure", "detector"),
    )
    camera = connectionTypes.PrerequisiteInput(
        doc="Gain, noise, sections and header keywords of the camera.",
        name="camera",
        storageClass="StructuredDataDict",
        dimensions=("instrument",),
        isCalibration=True,
    )
    bias = connectionTypes.PrerequisiteInput(
        doc="Combined bias frame, trimmed [adu].",
        name="bias",
        storageClass="ExposureF",
        dimensions=("instrument", "detector"),
        isCalibration=True,
    )
    flat = connectionTypes.PrerequisiteInput(
        doc="Combined flat field, trimmed, around 1.",
        name="flat",
        storageClass="ExposureF",
        dimensions=("instrument", "detector", "physical_filter"),
        isCalibration=True,
    )
    defects = connectionTypes.PrerequisiteInput(
        doc="Bad pixels: boxes [x0, y0, width, height] under the key 'boxes' [trimmed pixels].",
        name="defects",
        storageClass="StructuredDataDict",
        dimensions=("instrument", "detector"),
        isCalibration=True,
    )
    outputExposure = connectionTypes.Output(
        doc="Image in electrons (adu if the gain is unknown) with mask and variance.",
        name="postISRCCD",
        storageClass="ExposureF",
        dimensions=("instrument", "exposure", "detector"),
    )

    def __init__(self, *, config: Any = None) -> None:  # an IsrConfig
        super().__init__(config=config)
        for name, is_wanted in (
            ("bias", config.doBias),
            ("flat", config.doFlat),
            ("defects", config.doDefects),
        ):
            if not is_wanted:
                self.prerequisiteInputs.remove(name)


class IsrConfig(PipelineTaskConfig, pipelineConnections=IsrConnections):
    """Which steps to do; each needs what the camera or a calibration tells."""

    doOverscan = Field(doc="Subtract the overscan's median, row by row.", dtype=bool, default=True)
    doBias = Field(doc="Subtract a combined bias frame.", dtype=bool, default=False)
    doFlat = Field(doc="Divide by a combined flat field.", dtype=bool, default=False)
    doDefects = Field(doc="Mask the bad pixels of the camera's list.", dtype=bool, default=False)
    doDeadColumns = Field(doc="Mask columns that hold hardly any light.", dtype=bool, default=True)
    deadColumnLevel = Field(
        doc="A column is dead if its median is less than this part of the median around it.",
        dtype=float,
        default=0.5,
    )
    doGain = Field(doc="Convert adu to electrons.", dtype=bool, default=True)


class IsrTask(PipelineTask):
    """Remove the instrument's signature: the steps are methods, in the order in which they are done."""

    ConfigClass = IsrConfig
    _DefaultName = "isr"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Tell `run` which detector it is, and the image which filter: a raw file need not know."""
        data_id = inputRefs.raw.dataId
        result = self.run(**butlerQC.get(inputRefs), detector=data_id["detector"])
        result.outputExposure.filter = data_id.get("physical_filter")
        butlerQC.put(result, outputRefs)

    def run(
        self,
        raw: Exposure,
        camera: Mapping[str, Any],
        detector: int | None = None,
        bias: Exposure | None = None,
        flat: Exposure | None = None,
        defects: Mapping[str, Any] | None = None,
    ) -> Struct:
        """Clean one raw image.

        Parameters
        ----------
        raw : `Exposure`
            As read out [adu]. Not modified.
        camera : mapping
            See `pipetask.tasks.camera_facts`.
        detector : `int`, optional
            Number of the detector, for what the camera says of single ones.
        bias, flat : `Exposure`, optional
            Combined calibration frames, trimmed.
        defects : mapping, optional
            Boxes of bad pixels.

        Returns
        -------
        result : `Struct`
            ``outputExposure``, with mask planes SAT, BAD and NO_DATA.
        """
        facts = camera_facts(camera, detector, raw.metadata)
        exposure = self.trim(raw, facts)
        if detector is not None:
            exposure.detector = {"id": detector}
        if bias is not None:
            exposure.image -= bias.image
        if defects is not None:
            for x0, y0, width, height in defects["boxes"]:
                exposure.mask.set("BAD", np.s_[y0 : y0 + height, x0 : x0 + width])
        if self.config.doDeadColumns:
            self.mask_dead_columns(exposure)
        self.set_variance(exposure, facts)
        if flat is not None:
            exposure.image /= flat.image
            exposure.variance /= flat.image**2
        if facts.zero_point is not None:
            exposure.photoCalib = PhotoCalib.from_zero_point(facts.zero_point)
        if self.config.doGain and facts.gain is not None:
            self.apply_gain(exposure, facts)
        return Struct(outputExposure=exposure)

    def trim(self, raw: Exposure, facts: CameraFacts) -> Exposure:
        """Mask saturated pixels, subtract the overscan, and cut the image out: a copy."""
        exposure = raw.copy().with_dtype(np.float32)
        exposure.mask.set("NO_DATA", ~np.isfinite(exposure.image))
        if facts.saturation is not None:
            exposure.mask.set("SAT", exposure.image >= facts.saturation)
        if self.config.doOverscan and facts.overscan is not None:
            rows, columns = facts.overscan.slices()
            exposure.image[rows] -= np.median(exposure.image[rows, columns], axis=1, keepdims=True)
        if facts.trim is not None:
            exposure = exposure.cutout(facts.trim, origin="local")
            exposure.x0 = exposure.y0 = 0
        return exposure

    def mask_dead_columns(self, exposure: Exposure) -> None:
        """Mask columns whose median is far below those around them; needs a sky to see them against."""
        if exposure.shape[1] <= 2 * _NEIGHBOURS:
            return
        usable = np.where(exposure.mask.any(("SAT", "NO_DATA")), np.nan, exposure.image)
        blank = np.isnan(usable).all(axis=0)
        usable[:, blank] = 0
        medians = np.nanmedian(usable, axis=0)
        windows = np.lib.stride_tricks.sliding_window_view(
            np.pad(medians, _NEIGHBOURS, mode="reflect"), 2 * _NEIGHBOURS + 1
        )
        around = np.median(windows, axis=1)
        scatter = 1.4826 * np.median(np.abs(medians - around))
        dead = (medians < self.config.deadColumnLevel * around) & (around > 10 * scatter) & ~blank
        exposure.mask.set("BAD", np.broadcast_to(dead, exposure.shape))
        if dead.any():
            self.log.info("Masked dead columns %s", np.flatnonzero(dead).tolist())

    def set_variance(self, exposure: Exposure, facts: CameraFacts) -> None:
        """Set photon and read noise [adu²]; without a gain, the scatter of the sky."""
        if facts.gain is None:
            usable = exposure.image[~exposure.mask.any(("SAT", "NO_DATA", "BAD"))]
            median = np.median(usable)
            exposure.variance[:] = (1.4826 * np.median(np.abs(usable - median))) ** 2
        else:
            read_noise = (facts.read_noise or 0.0) / facts.gain
            exposure.variance[:] = np.maximum(exposure.image, 0) / facts.gain + read_noise**2

    def apply_gain(self, exposure: Exposure, facts: CameraFacts) -> None:
        """Convert image, variance and zero point from adu to electrons."""
        assert facts.gain is not None
        exposure.image *= facts.gain
        exposure.variance *= facts.gain**2
        exposure.unit = "electron"
        if facts.zero_point is not None:
            exposure.photoCalib = PhotoCalib.from_zero_point(facts.zero_point + 2.5 * np.log10(facts.gain))
