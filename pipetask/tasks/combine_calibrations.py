"""What the tasks share that combine raw calibration frames: strip by strip, so that memory is bounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table
from lsst.pex.config import Field

from pipetask import (
    Box,
    DeferredDatasetHandle,
    Exposure,
    InputQuantizedConnection,
    NoWorkFound,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    PipetaskError,
    QuantumContext,
    Struct,
    connectionTypes,
)
from pipetask.tasks.camera_facts import CameraFacts, camera_facts
from pipetask.tasks.clipped_mean import clipped_mean, strips
from pipetask.tasks.linearity import linearized
from pipetask.tasks.overscan import ZeroLevels, check_section, zero_levels
from pipetask.tasks.raw_pixels import check_size, raw_rows, trimmed

Pixels = npt.NDArray[np.float32]


class CombineConnections(PipelineTaskConnections, dimensions=("instrument", "detector")):
    """Raw frames in; those of one observation type are combined."""

    raws = connectionTypes.Input(
        doc="Raw frames; those of other observation types are left unread.",
        name="raw",
        storageClass="Exposure",
        dimensions=("instrument", "exposure", "detector"),
        multiple=True,
        deferLoad=True,
    )
    camera = connectionTypes.PrerequisiteInput(
        doc="Gain, noise, sections and header keywords of the camera.",
        name="camera",
        storageClass="StructuredDataDict",
        dimensions=("instrument",),
        isCalibration=True,
    )


class CombineConfig(PipelineTaskConfig, pipelineConnections=CombineConnections):
    """Which frames are combined, and how."""

    observationType = Field(doc="Observation type of the frames, as the exposure records tell.", dtype=str)
    minimumFrames = Field(
        doc="With fewer frames, nothing is made.", dtype=int, default=3, check=lambda n: n >= 1
    )
    doOverscan = Field(
        doc="Subtract the zero level of each row, as the overscan tells it.", dtype=bool, default=True
    )
    sigma = Field(doc="Values beyond this many standard deviations are clipped.", dtype=float, default=4.0)
    memory = Field(
        doc="Most memory that the strips of all frames may take [MiB].",
        dtype=float,
        default=64.0,
        check=lambda m: m > 0,
    )


@dataclass(frozen=True, slots=True)
class Frame:
    """One raw frame and what is taken off it.

    Parameters
    ----------
    raw : `DeferredDatasetHandle`
        The frame; its rows are read when they are asked for.
    facts : `CameraFacts`
        Its gain, noise and sections.
    box : `Box`
        The raw image.
    seconds : `float`
        Exposure time.
    levels : `ZeroLevels`, optional
        Zero levels of its rows.
    bias, dark : `Exposure`, optional
        Combined frames [adu, adu/s].
    linearity : `astropy.table.Table`, optional
        See `linearized`.
    """

    raw: DeferredDatasetHandle
    facts: CameraFacts
    box: Box
    seconds: float
    levels: ZeroLevels | None = None
    bias: Exposure | None = None
    dark: Exposure | None = None
    linearity: Table | None = None

    @property
    def exposure(self) -> int:
        """Its number."""
        return int(self.raw.dataId["exposure"])

    @property
    def trimmed(self) -> Box:
        """The trimmed image, in its own pixels."""
        trim = self.box if self.facts.trim is None else self.facts.trim.intersection(self.box)
        return Box.from_shape(trim.shape)

    def rows(self, rows: Box) -> tuple[Pixels, Pixels]:
        """Return image [adu] and variance of some rows of the trimmed image; NaN where there is no value."""
        part = self.raw.get(parameters={"bbox": raw_rows(rows, self.box, self.facts)})
        exposure = trimmed(part, self.facts, self.levels)
        image = np.where(exposure.mask.any(("SAT", "NO_DATA")), np.nan, exposure.image)
        if self.bias is not None:
            image -= self.bias.image[rows.slices()]
        if self.linearity is not None:
            image = linearized(image, self.linearity)
        gain = self.facts.gain or 1.0
        variance = exposure.variance + np.maximum(image, 0) / gain
        variance += ((self.facts.read_noise or 0.0) / gain) ** 2
        if self.dark is not None:
            image -= self.dark.image[rows.slices()] * np.float32(self.seconds)
        return image.astype(np.float32), variance.astype(np.float32)


class CombineTask(PipelineTask):
    """Combine raw frames by a clipped mean; derived classes say how frames are scaled."""

    ConfigClass = CombineConfig

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Choose the frames by what their exposure records say, and tell `run` how long they are."""
        inputs = butlerQC.get(inputRefs)
        records = [handle.dataId.records["exposure"] for handle in inputs["raws"]]
        wanted = [record.observation_type == self.config.observationType for record in records]
        if sum(wanted) < self.config.minimumFrames:
            raise NoWorkFound(
                f"{sum(wanted)} frames of type {self.config.observationType!r}, and "
                f"minimumFrames={self.config.minimumFrames}"
            )
        inputs["raws"] = [raw for raw, is_wanted in zip(inputs["raws"], wanted, strict=True) if is_wanted]
        seconds = [
            record.dark_time or record.exposure_time or 0.0
            for record, is_wanted in zip(records, wanted, strict=True)
            if is_wanted
        ]
        data_id = outputRefs.outputExposure.dataId
        result = self.run(**inputs, seconds=seconds, detector=data_id["detector"])
        result.outputExposure.filter = data_id.get("physical_filter")
        butlerQC.put(result, outputRefs)

    def run(
        self,
        raws: Sequence[DeferredDatasetHandle],
        camera: Mapping[str, Any],
        seconds: Sequence[float],
        detector: int | None = None,
        bias: Exposure | None = None,
        dark: Exposure | None = None,
        linearizer: Table | None = None,
    ) -> Struct:
        """Combine the frames of one detector.

        Parameters
        ----------
        raws : sequence of `DeferredDatasetHandle`
            Raw frames, all of one size.
        camera : mapping
            See `pipetask.tasks.camera_facts`.
        seconds : sequence of `float`
            Exposure time of each frame.
        detector : `int`, optional
            Number of the detector.
        bias, dark : `Exposure`, optional
            Combined frames that are subtracted [adu, adu/s].
        linearizer : `astropy.table.Table`, optional
            Linearity table.

        Returns
        -------
        result : `Struct`
            ``outputExposure``: the mean, its variance, and mask plane BAD where there is no value.

        Raises
        ------
        PipetaskError
            If the frames, or those that are subtracted, differ in size.
        """
        frames = [
            self.frame(raw, camera_facts(camera, detector, raw.get(component="metadata")), time)
            for raw, time in zip(raws, seconds, strict=True)
        ]
        frames = [replace(frame, bias=bias, dark=dark, linearity=linearizer) for frame in frames]
        examples = {frame.trimmed: frame.exposure for frame in frames}
        if len(examples) > 1:
            sizes = ", ".join(f"{box.shape} (exposure {number})" for box, number in examples.items())
            raise PipetaskError(
                f"The frames are of sizes {sizes}; choose those of one read-out mode, with -d"
            )
        (box,) = examples
        for name, frame in (("bias", bias), ("dark", dark)):
            if frame is not None:
                check_size(name, frame, box)
        scales = self.scales(frames)
        image, variance = np.empty(box.shape, np.float32), np.empty(box.shape, np.float32)
        for first, height in strips(*box.shape, len(frames), int(self.config.memory * 2**20)):
            rows = Box(0, first, box.width, height)
            pixels = [frame.rows(rows) for frame in frames]
            mean = clipped_mean(
                np.stack([values * scale for (values, _), scale in zip(pixels, scales, strict=True)]),
                np.stack([noise * scale**2 for (_, noise), scale in zip(pixels, scales, strict=True)]),
                self.config.sigma,
            )
            image[rows.slices()], variance[rows.slices()] = mean.image, mean.variance
        output = self.finished(image, variance)
        output.detector = None if detector is None else {"id": detector}
        self.log.info("Combined %d frames", len(frames))
        return Struct(outputExposure=output)

    def frame(self, raw: DeferredDatasetHandle, facts: CameraFacts, seconds: float) -> Frame:
        """Return a frame with the zero levels of its rows, of which only the overscan is read."""
        box = raw.get(component="bbox")
        if facts.overscan is None or not self.config.doOverscan:
            return Frame(raw, facts, box, seconds)
        check_section("overscan", facts.overscan, box, ", or set doOverscan=False")
        columns = Box(facts.overscan.x0, box.y0, facts.overscan.width, box.height).intersection(box)
        part = raw.get(parameters={"bbox": columns})
        return Frame(raw, facts, box, seconds, zero_levels(part, facts.overscan))

    def scales(self, frames: Sequence[Frame]) -> list[np.float32]:
        """Return what each frame is multiplied by."""
        return [np.float32(1)] * len(frames)

    def finished(self, image: Pixels, variance: Pixels) -> Exposure:
        """Return the combined frame; what has no value is BAD, and 0, so that it changes nothing."""
        return masked_exposure(image, variance, missing=0.0, unit="adu")


def masked_exposure(image: Pixels, variance: Pixels, *, missing: float, unit: str) -> Exposure:
    """Return an exposure of these arrays, in which what isn't finite is BAD and has the value ``missing``."""
    unknown = ~np.isfinite(image)
    image[unknown], variance[unknown] = missing, 0
    exposure = Exposure(image, variance=variance, unit=unit)
    exposure.mask.set("BAD", unknown)
    return exposure
