"""The first steps on raw pixels, of whole images or strips of them: saturation, overscan, trimming."""

from __future__ import annotations

import numpy as np

from pipetask import Box, Exposure, PipetaskError
from pipetask.tasks.camera_facts import CameraFacts
from pipetask.tasks.overscan import ZeroLevels, check_section


def trimmed(raw: Exposure, facts: CameraFacts, levels: ZeroLevels | None = None) -> Exposure:
    """Mask saturated pixels, subtract the zero level of each row, and cut the image out.

    Parameters
    ----------
    raw : `Exposure`
        A raw image [adu], or whole rows of one. Not modified.
    facts : `CameraFacts`
        Its sections and saturation.
    levels : `ZeroLevels`, optional
        What is subtracted, of these rows at least.

    Returns
    -------
    exposure : `Exposure`
        Float32, in pixels whose first is the first of the trimmed image; mask planes SAT and NO_DATA. The
        variance is that of the levels.

    Raises
    ------
    PipetaskError
        If a section that the camera tells lies beside the image.
    """
    exposure = raw.copy().with_dtype(np.float32)
    if facts.saturation is not None:
        exposure.mask.set("SAT", exposure.image >= facts.saturation)
    exposure.variance[:] = 0
    if levels is not None:
        level, variance = levels.of(raw.bbox)
        exposure.image -= level[:, None].astype(np.float32)
        exposure.variance += variance[:, None].astype(np.float32)
    exposure.mask.set("NO_DATA", ~np.isfinite(exposure.image))
    trim = raw.bbox if facts.trim is None else facts.trim
    check_section("trim", trim, raw.bbox)
    exposure = exposure.cutout(trim.intersection(raw.bbox))
    exposure.x0 -= trim.x0
    exposure.y0 -= trim.y0
    return exposure


def raw_rows(rows: Box, raw: Box, facts: CameraFacts) -> Box:
    """Return the raw pixels, overscan and all, of some rows of the trimmed image."""
    bottom = 0 if facts.trim is None else facts.trim.y0
    return Box(raw.x0, rows.y0 + bottom, raw.width, rows.height)


def check_size(name: str, calibration: Exposure, box: Box) -> None:
    """Refuse a calibration that does not fit a trimmed image.

    Raises
    ------
    PipetaskError
        If it has other numbers of rows or columns.
    """
    if calibration.image.shape != box.shape:
        raise PipetaskError(
            f"The {name} has {_size(calibration.image.shape)}, the trimmed image {_size(box.shape)}; "
            f"certify a {name} of this read-out mode, or leave the image out, with -d"
        )


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} rows of {shape[1]} columns"
