"""IsrTask: remove the instrument's signature from a raw image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table
from lsst.pex.config import ConfigField, Field

from pipetask import (
    Exposure,
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PhotoCalib,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    PipetaskError,
    QuantumContext,
    Struct,
    VisitInfo,
    connectionTypes,
)
from pipetask.tasks.camera_facts import CameraFacts, camera_facts
from pipetask.tasks.cosmic_rays import CosmicRayConfig, repair_cosmic_rays
from pipetask.tasks.linearity import linearized
from pipetask.tasks.overscan import zero_levels
from pipetask.tasks.raw_pixels import check_size, trimmed

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
    linearizer = connectionTypes.PrerequisiteInput(
        doc="Linearity table: columns measured and true [adu].",
        name="linearizer",
        storageClass="ArrowAstropy",
        dimensions=("instrument", "detector"),
        isCalibration=True,
    )
    dark = connectionTypes.PrerequisiteInput(
        doc="Combined dark frame, trimmed [adu/s].",
        name="dark",
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
            ("linearizer", config.doLinearize),
            ("dark", config.doDark),
            ("flat", config.doFlat),
            ("defects", config.doDefects),
        ):
            if not is_wanted:
                self.prerequisiteInputs.remove(name)


class IsrConfig(PipelineTaskConfig, pipelineConnections=IsrConnections):
    """Which steps to do; each needs what the camera or a calibration tells."""

    doOverscan = Field(
        doc="Subtract the zero level of each row, as the overscan tells it.", dtype=bool, default=True
    )
    doBias = Field(doc="Subtract a combined bias frame.", dtype=bool, default=False)
    doLinearize = Field(doc="Correct with a linearity table.", dtype=bool, default=False)
    doDark = Field(doc="Subtract a combined dark frame, times the exposure time.", dtype=bool, default=False)
    doFlat = Field(doc="Divide by a combined flat field.", dtype=bool, default=False)
    doDefects = Field(doc="Mask the bad pixels of the camera's list.", dtype=bool, default=False)
    doDeadColumns = Field(doc="Mask columns that hold hardly any light.", dtype=bool, default=True)
    deadColumnLevel = Field(
        doc="A column is dead if its median is less than this part of the median around it.",
        dtype=float,
        default=0.5,
    )
    doGain = Field(doc="Convert adu to electrons.", dtype=bool, default=True)
    doCosmicRays = Field(
        doc="Find cosmic rays (with astroscrappy), mask them as CR and fill them from their surroundings.",
        dtype=bool,
        default=False,
    )
    cosmicRays = ConfigField(doc="What counts as a cosmic ray.", dtype=CosmicRayConfig)


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
        """Tell `run` what the data ID knows: the detector, the filter, and time and place of the exposure."""
        data_id = inputRefs.raw.dataId
        info = _visit_info(data_id) if data_id.hasRecords() else None
        result = self.run(**butlerQC.get(inputRefs), detector=data_id["detector"], visitInfo=info)
        result.outputExposure.filter = data_id.get("physical_filter")
        butlerQC.put(result, outputRefs)

    def run(
        self,
        raw: Exposure,
        camera: Mapping[str, Any],
        detector: int | None = None,
        bias: Exposure | None = None,
        linearizer: Table | None = None,
        dark: Exposure | None = None,
        flat: Exposure | None = None,
        defects: Mapping[str, Any] | None = None,
        visitInfo: VisitInfo | None = None,
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
        bias, dark, flat : `Exposure`, optional
            Combined calibration frames, trimmed [adu, adu/s, 1].
        linearizer : `astropy.table.Table`, optional
            Linearity table, see `linearized`.
        defects : mapping, optional
            Boxes of bad pixels.
        visitInfo : `VisitInfo`, optional
            Time and place; becomes part of the image. A dark needs its exposure time.

        Returns
        -------
        result : `Struct`
            ``outputExposure``, with mask planes SAT, BAD, NO_DATA and CR.

        Raises
        ------
        PipetaskError
            If a calibration is of another size than the image, or a section of the camera beside it.
        """
        facts = camera_facts(camera, detector, raw.metadata)
        overscan = facts.overscan if self.config.doOverscan else None
        exposure = trimmed(raw, facts, None if overscan is None else zero_levels(raw, overscan))
        exposure.visitInfo = visitInfo
        if detector is not None:
            exposure.detector = {"id": detector}
        for name, frame in (("bias", bias), ("dark", dark), ("flat", flat)):
            if frame is not None:
                check_size(name, frame, exposure.bbox)
                exposure.mask.set("BAD", frame.mask.any("BAD"))
        if bias is not None:
            exposure.image -= bias.image
        if linearizer is not None:
            exposure.image[:] = linearized(exposure.image, linearizer)
        if defects is not None:
            for x0, y0, width, height in defects["boxes"]:
                exposure.mask.set("BAD", np.s_[y0 : y0 + height, x0 : x0 + width])
        if self.config.doDeadColumns:
            self.mask_dead_columns(exposure)
        self.set_variance(exposure, facts)
        if bias is not None:
            exposure.variance += bias.variance
        if dark is not None:
            self.subtract_dark(exposure, dark)
        if flat is not None:
            self.divide_by_flat(exposure, flat)
        if facts.zero_point is not None:
            exposure.photoCalib = PhotoCalib.from_zero_point(facts.zero_point)
        if self.config.doCosmicRays:
            found = repair_cosmic_rays(exposure, facts, self.config.cosmicRays)
            self.log.info("Repaired %d pixels hit by cosmic rays", found)
        if self.config.doGain and facts.gain is not None:
            self.apply_gain(exposure, facts)
        elif self.config.doGain:
            self.log.warning("The gain is unknown: the image stays in adu; its variance is the sky's scatter")
        return Struct(outputExposure=exposure)

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
        """Add photon and read noise [adu²]; without a gain, set the scatter of the sky."""
        if facts.gain is None:
            usable = exposure.image[~exposure.mask.any(("SAT", "NO_DATA", "BAD"))]
            median = np.median(usable) if usable.size else np.nan
            scatter = 1.4826 * np.median(np.abs(usable - median)) if usable.size else np.nan
            exposure.variance[:] = scatter**2
        else:
            read_noise = (facts.read_noise or 0.0) / facts.gain
            exposure.variance += np.maximum(exposure.image, 0) / facts.gain + read_noise**2

    def subtract_dark(self, exposure: Exposure, dark: Exposure) -> None:
        """Subtract what was collected in the dark [adu/s]; its photon noise is in the variance already."""
        seconds = None if exposure.visitInfo is None else exposure.visitInfo.exposure_time_s
        if seconds is None:
            raise PipetaskError("The dark can't be scaled: the exposure time is unknown; set doDark=False")
        exposure.image -= dark.image * np.float32(seconds)
        exposure.variance += dark.variance * np.float32(seconds) ** 2

    def divide_by_flat(self, exposure: Exposure, flat: Exposure) -> None:
        """Divide by the response of the pixels, whose own error goes into the variance."""
        exposure.image /= flat.image
        exposure.variance += exposure.image**2 * flat.variance
        exposure.variance /= flat.image**2

    def apply_gain(self, exposure: Exposure, facts: CameraFacts) -> None:
        """Convert image, variance and zero point from adu to electrons."""
        assert facts.gain is not None
        exposure.image *= facts.gain
        exposure.variance *= facts.gain**2
        exposure.unit = "electron"
        if facts.zero_point is not None:
            exposure.photoCalib = PhotoCalib.from_zero_point(facts.zero_point + 2.5 * np.log10(facts.gain))


def _visit_info(data_id: Any) -> VisitInfo:  # a DataCoordinate with records
    """Return what the exposure record tells."""
    record = data_id.records["exposure"]
    begin, end = (None, None) if record.timespan is None else record.timespan.nsec
    return VisitInfo(
        id=record.exposure,
        instrument=record.instrument,
        exposure_time_s=record.exposure_time,
        begin_ns=begin,
        end_ns=end,
        ra_deg=record.tracking_ra,
        dec_deg=record.tracking_dec,
        rotation_deg=record.sky_angle,
        object=record.target_name,
        observation_type=record.observation_type,
        science_program=record.science_program,
    )
