"""Local background from a ring of pixels about each source."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from pipetask.photometry.overlap import Floats, Method
from pipetask.photometry.sums import PhotometryError, Planes, circle_sums, gather

Statistic = Literal["mean", "median", "clipped_mean", "clipped_median"]

# Sorting is the cost, and it is linear in the number of values: the bound is for memory alone (8 MB per
# array).
_WORK_SIZE = 1 << 20


@dataclass(frozen=True, slots=True)
class Annulus:
    """A ring and how its pixels become one background level.

    Parameters
    ----------
    r_in, r_out : float
        Radii [pixel]; the inner one may be 0.
    statistic : {"mean", "median", "clipped_mean", "clipped_median"}
        The mean weighs each pixel as the aperture's method does (see ``method``). All others take the pixels
        whose centre lies in the ring, ``r_in <= d < r_out``; "clipped" drops those further than ``sigma``
        standard deviations from the median, again and again up to ``iterations`` times.
    method : {"exact", "center", "subpixel"}, optional
        Weights of the mean; by default the aperture's.
    """

    r_in: float
    r_out: float
    statistic: Statistic = "mean"
    method: Method | None = None
    sigma: float = 3.0
    iterations: int = 5

    def __post_init__(self) -> None:
        if not 0 <= self.r_in < self.r_out <= 1e8:
            raise PhotometryError(f"annulus from {self.r_in!r} to {self.r_out!r}: wanted 0 <= r_in < r_out")
        if self.statistic not in get_args(Statistic):
            raise PhotometryError(f"annulus statistic {self.statistic!r} is not one of {get_args(Statistic)}")


def annulus_background(
    planes: Planes, x: Floats, y: Floats, annulus: Annulus, method: Method, subpixels: int
) -> Floats:
    """Background level per source; NaN where the ring holds no usable pixel. Centres must be finite."""
    if annulus.statistic == "mean":
        return _mean(planes, x, y, annulus, annulus.method or method, subpixels)
    background = np.full(len(x), np.nan)
    for part, values, count in _sorted_values(planes, x, y, annulus):
        background[part] = _location(values, count, annulus)
    return background


def _mean(planes: Planes, x: Floats, y: Floats, annulus: Annulus, method: Method, subpixels: int) -> Floats:
    outer = circle_sums(planes, x, y, annulus.r_out, method, subpixels)
    flux, area = outer.flux, outer.area
    if annulus.r_in > 0:
        inner = circle_sums(planes, x, y, annulus.r_in, method, subpixels)
        flux, area = flux - inner.flux, area - inner.area
    empty = area <= 1e-10 * outer.area  # what rounding leaves of two equal areas
    return np.divide(flux, area, out=np.full(len(x), np.nan), where=~empty)


def _sorted_values(
    planes: Planes, x: Floats, y: Floats, annulus: Annulus
) -> Iterator[tuple[slice, Floats, npt.NDArray[np.int64]]]:
    """Usable pixel values of each ring, ascending, padded with infinity to (n, k), and their number."""
    shape = planes.shape
    size = tuple(min(2 * int(np.ceil(annulus.r_out)) + 1, length) for length in shape)
    if not size[0] * size[1]:
        return
    step = max(1, _WORK_SIZE // (size[0] * size[1]))
    for start in range(0, len(x), step):
        part = slice(start, start + step)
        first_row, first_column = (
            np.clip(np.floor(centre[part] + 0.5) - np.ceil(annulus.r_out), 0, length - extent).astype(
                np.int64
            )
            for centre, length, extent in zip((y, x), shape, size, strict=True)
        )
        dx2 = (np.arange(size[1]) - (x[part] - first_column)[:, None]) ** 2
        dy2 = (np.arange(size[0]) - (y[part] - first_row)[:, None]) ** 2
        distance2 = dy2[:, :, None] + dx2[:, None, :]
        where = first_row, first_column, np.arange(size[0]), size[1]
        values = gather(planes.image, *where).astype(np.float64)
        usable = (distance2 < annulus.r_out**2) & (distance2 >= annulus.r_in**2) & np.isfinite(values)
        if planes.mask is not None:
            usable &= gather(planes.mask, *where) == 0
        values[~usable] = np.inf
        count = usable.sum(axis=(1, 2))
        flat = values.reshape(len(values), -1)
        flat.sort(axis=1)
        yield part, flat[:, : max(1, int(count.max(initial=0)))], count


def _location(values: Floats, count: npt.NDArray[np.int64], annulus: Annulus) -> Floats:
    """Mean or median of sorted rows, clipped or not."""
    low, high = np.zeros_like(count), count
    if annulus.statistic == "median":
        return _median(values, low, high)
    # sums of differences from the first median: no digits are lost to a high level
    level = _median(values, low, high)
    offset = values - np.nan_to_num(level)[:, None]
    offset[~np.isfinite(offset)] = 0.0
    sums, squares = (np.pad(np.cumsum(terms, axis=1), ((0, 0), (1, 0))) for terms in (offset, offset**2))
    for _ in range(annulus.iterations):
        median, mean, variance = _moments(values, sums, squares, low, high)
        width = annulus.sigma * np.sqrt(variance)
        above = np.count_nonzero(values < (median - width)[:, None], axis=1)
        below = np.count_nonzero(values <= (median + width)[:, None], axis=1)
        above, below = np.maximum(above, low), np.minimum(below, high)
        if np.array_equal(above, low) and np.array_equal(below, high):
            break
        low, high = above, below
    median, mean, _ = _moments(values, sums, squares, low, high)
    return level + mean if annulus.statistic == "clipped_mean" else median


def _moments(
    values: Floats, sums: Floats, squares: Floats, low: npt.NDArray[np.int64], high: npt.NDArray[np.int64]
) -> tuple[Floats, Floats, Floats]:
    """Median, mean offset and variance of ``values[low:high]`` of each row; NaN where that is empty."""
    each = np.arange(len(values))
    number = np.where(high > low, high - low, np.nan)
    mean = (sums[each, high] - sums[each, low]) / number
    variance = (squares[each, high] - squares[each, low]) / number - mean**2
    return _median(values, low, high), mean, np.maximum(variance, 0.0)


def _median(values: Floats, low: npt.NDArray[np.int64], high: npt.NDArray[np.int64]) -> Floats:
    each, last = np.arange(len(values)), values.shape[1] - 1
    lower = values[each, np.clip((low + high - 1) // 2, 0, last)]
    upper = values[each, np.clip((low + high) // 2, 0, last)]
    return np.where(high > low, 0.5 * (lower + upper), np.nan)
