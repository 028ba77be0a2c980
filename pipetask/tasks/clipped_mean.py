"""The mean of many frames without what only few of them show, pixel by pixel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[Any]  # float32 or float64

# Copies of the frames that clipping keeps at a time: values, deviations, sorted ones, flags.
_COPIES: Final = 4


@dataclass(frozen=True, slots=True)
class Mean:
    """Planes of a combination, each of shape (ny, nx).

    Parameters
    ----------
    image : `numpy.ndarray`
        Mean of the values that are left; NaN where there is none.
    variance : `numpy.ndarray`
        Of the mean; NaN where there is none.
    count : `numpy.ndarray`, int
        How many values are left.
    """

    image: Pixels
    variance: Pixels
    count: npt.NDArray[np.int64]


def clipped_mean(
    values: Pixels,
    variances: Pixels,
    sigma: float = 4.0,
    *,
    weights: Pixels | None = None,
    slack: Pixels | float = 0.0,
) -> Mean:
    """Average frames after taking out values far from the pixel's median.

    Parameters
    ----------
    values : `numpy.ndarray`, shape (n, ny, nx)
        Frames; NaN is left out.
    variances : `numpy.ndarray`, shape (n, ny, nx) or one that broadcasts to it
        Expected variance of each value.
    sigma : `float`, optional
        What is farther from the median than this many standard deviations is taken out. A standard deviation
        is what is expected, or what the values' median deviation says if that is more: in a few values alone,
        scatter is too uncertain to clip by.
    weights : `numpy.ndarray`, shape (n,), optional
        Weight of each frame; equal by default.
    slack : `numpy.ndarray`, shape (ny, nx), or `float`, optional
        What is added to the variance for the clipping alone: differences that are no fault.

    Returns
    -------
    mean : `Mean`
        The combination. Its variance follows from the variances.
    """
    known = np.isfinite(values)
    deviations = np.abs(values - _median(values, known))
    scale = np.maximum(np.sqrt(variances + slack), 1.4826 * _median(deviations, known))
    kept = known & (deviations <= sigma * scale)
    share = kept * (1.0 if weights is None else weights[:, None, None])
    total = share.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        image = (np.where(kept, values, 0) * share).sum(axis=0) / total
        variance = (np.where(kept, variances, 0) * share**2).sum(axis=0) / total**2
    return Mean(image.astype(values.dtype), variance.astype(values.dtype), kept.sum(axis=0))


def _median(values: Pixels, known: npt.NDArray[np.bool_]) -> Pixels:
    """Median along the first axis of the values that are known; 0 where there are none."""
    ordered = np.sort(np.where(known, values, np.inf), axis=0)
    count = known.sum(axis=0)
    low, high = (
        np.maximum(at, 0)[None] for at in ((count - 1) // 2, np.minimum(count // 2, len(values) - 1))
    )
    both = np.take_along_axis(ordered, low, 0)[0], np.take_along_axis(ordered, high, 0)[0]
    return np.where(count > 0, (both[0] + both[1]) / 2, 0).astype(values.dtype)


def strips(height: int, width: int, frames: int, memory: int) -> Iterator[tuple[int, int]]:
    """Divide rows so that strips of all frames fit into memory; yield first row and number of rows.

    Parameters
    ----------
    height, width : `int`
        Size of a frame [pixel].
    frames : `int`
        How many frames.
    memory : `int`
        Most bytes that the strips, with what clipping needs, may take.
    """
    rows = max(1, memory // (width * frames * _COPIES * np.dtype(np.float32).itemsize))
    for first in range(0, height, rows):
        yield first, min(rows, height - first)
