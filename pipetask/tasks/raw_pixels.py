"""The first steps on raw pixels, of whole images or strips of them: saturation, overscan, trimming."""

from __future__ import annotations

import numpy as np

from pipetask import Box, Exposure
from pipetask.tasks.camera_facts import CameraFacts


def trimmed(raw: Exposure, facts: CameraFacts, *, overscan: bool = True) -> Exposure:
    """Mask saturated pixels, subtract the overscan, and cut the image out.

    Parameters
    ----------
    raw : `Exposure`
        A raw image [adu], or whole rows of one. Not modified.
    facts : `CameraFacts`
        Its sections and saturation.
    overscan : `bool`, optional
        Whether the median of the overscan is subtracted, row by row.

    Returns
    -------
    exposure : `Exposure`
        Float32, in pixels whose first is the first of the trimmed image; mask planes SAT and NO_DATA.
    """
    exposure = raw.copy().with_dtype(np.float32)
    exposure.mask.set("NO_DATA", ~np.isfinite(exposure.image))
    if facts.saturation is not None:
        exposure.mask.set("SAT", exposure.image >= facts.saturation)
    if overscan and facts.overscan is not None:
        rows, columns = facts.overscan.intersection(raw.bbox).slices(raw.bbox)
        exposure.image[rows] -= np.median(exposure.image[rows, columns], axis=1, keepdims=True)
    trim = raw.bbox if facts.trim is None else facts.trim
    exposure = exposure.cutout(trim.intersection(raw.bbox))
    exposure.x0 -= trim.x0
    exposure.y0 -= trim.y0
    return exposure


def raw_rows(rows: Box, raw: Box, facts: CameraFacts) -> Box:
    """Return the raw pixels, overscan and all, of some rows of the trimmed image."""
    bottom = 0 if facts.trim is None else facts.trim.y0
    return Box(raw.x0, rows.y0 + bottom, raw.width, rows.height)
