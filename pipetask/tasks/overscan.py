"""The zero level of each row, as the overscan tells it: pixels that are read out but see no light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pipetask import Box, Exposure, PipetaskError

Floats = npt.NDArray[np.float64]

_CLIP: Final = 4.0  # standard deviations
_WINDOW: Final = 65  # rows that the smooth level is taken of


@dataclass(frozen=True, slots=True)
class ZeroLevels:
    """What a pixel without light holds, row by row.

    Parameters
    ----------
    box : `Box`
        The rows that they are of [raw pixels].
    level : `numpy.ndarray`, shape (box.height,)
        [adu]; 0 in rows without overscan.
    variance : `numpy.ndarray`, shape (box.height,)
        Its variance [adu²].
    """

    box: Box
    level: Floats
    variance: Floats

    def of(self, rows: Box) -> tuple[Floats, Floats]:
        """Return level and variance of some of the rows."""
        part = slice(rows.y0 - self.box.y0, rows.y1 - self.box.y0)
        return self.level[part], self.variance[part]


def zero_levels(raw: Exposure, section: Box) -> ZeroLevels:
    """Measure the zero level of the rows of a raw image.

    Parameters
    ----------
    raw : `Exposure`
        A raw image [adu], or at least its overscan.
    section : `Box`
        The overscan [raw pixels].

    Raises
    ------
    PipetaskError
        If no column of it is in the image.
    """
    check_section("overscan", section, raw.bbox, ", or set doOverscan=False")
    rows, columns = section.intersection(raw.bbox).slices(raw.bbox)
    level, variance = np.zeros(raw.shape[0]), np.zeros(raw.shape[0])
    level[rows], variance[rows] = row_levels(raw.image[rows, columns])
    return ZeroLevels(raw.bbox, level, variance)


def row_levels(pixels: npt.NDArray[np.generic]) -> tuple[Floats, Floats]:
    """Return the level of each row of some pixels, and its variance.

    Parameters
    ----------
    pixels : `numpy.ndarray`, shape (rows, columns)
        The overscan; what isn't finite is left out. NaN comes out if nothing is left.

    Notes
    -----
    The mean of few pixels is uncertain, and the same for all pixels of a row: noise that adds up in an
    aperture. So rows are held against the median of the rows around them. As far as they scatter about it by
    more than the noise of their means, they keep their own level (the shrinkage of Stein and James). Those
    that are off by far keep all of it.
    """
    from scipy.ndimage import median_filter

    values = np.where(np.isfinite(pixels), pixels, np.nan).astype(np.float64)
    filled = np.isfinite(values).any(axis=1)
    if not filled.any():
        return np.full(len(values), np.nan), np.zeros(len(values))
    residual = values[filled] - np.nanmedian(values[filled], axis=1, keepdims=True)
    kept = np.abs(residual) <= _CLIP * 1.4826 * np.nanmedian(np.abs(residual))
    kept |= np.abs(residual) == np.nanmin(np.abs(residual), axis=1, keepdims=True)  # one at least
    count = kept.sum(axis=1)
    own = np.where(kept, values[filled], 0).sum(axis=1) / count
    freedom = (count - 1).sum()
    pixel_noise = np.where(kept, (values[filled] - own[:, None]) ** 2, 0).sum() / freedom if freedom else 0.0
    noise = pixel_noise / count
    smooth = median_filter(own, min(_WINDOW, len(own)), mode="nearest")
    off = own - smooth
    ordinary = np.abs(off) <= _CLIP * np.maximum(np.sqrt(noise), 1.4826 * np.median(np.abs(off)))
    observed = np.mean(off[ordinary] ** 2)
    share = np.where(ordinary, max(0.0, 1 - np.mean(noise[ordinary]) / observed) if observed else 0.0, 1.0)
    of_smooth = np.pi / 2 * noise / min(_WINDOW, len(own))
    row = np.arange(len(values))
    level, variance = smooth + share * off, share**2 * noise + (1 - share) ** 2 * of_smooth
    return tuple(np.interp(row, row[filled], column) for column in (level, variance))


def check_section(name: str, section: Box, raw: Box, otherwise: str = "") -> None:
    """Refuse a section without a column in the image; strips lack most rows anyway.

    Raises
    ------
    PipetaskError
        If it lies beside the image.
    """
    if section.intersection(raw).width == 0:
        raise PipetaskError(
            f"The camera's {name} is columns {section.x0 + 1} to {section.x1}, beside the image, which has "
            f"columns {raw.x0 + 1} to {raw.x1}; correct {name!r} of the camera or the header{otherwise}"
        )
