"""Local background from a ring of pixels about each source."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from pipetask.photometry.arguments import is_number, is_whole
from pipetask.photometry.bands import reach
from pipetask.photometry.lattice_weights import Method
from pipetask.photometry.planes import Floats, Integers, PhotometryError, Pixels, Planes, gather_squares
from pipetask.photometry.shapes import Shape
from pipetask.photometry.windows import alike, weigh, windows

Statistic = Literal["mean", "median", "clipped_mean", "clipped_median"]

# Bytes of the sorted values of the sources worked on at once (benchmarks/photometry.py).
_WORK_BYTES = 1 << 20

# Bounds of their number; and the most pixels of their windows, which clipping has several arrays of.
_SOURCES = 16, 512
_MOST_PIXELS = 1 << 20

# Standard error of a median of normally distributed numbers, in units of that of their mean.
_MEDIAN_ERROR = np.sqrt(np.pi / 2)


@dataclass(frozen=True, slots=True)
class Annulus:
    """A ring and how its pixels become one background level.

    Parameters
    ----------
    r_in, r_out : float
        Radii [pixel], or factors of the semi-axes of an ellipse; the inner one may be 0.
    statistic : {"mean", "median", "clipped_mean", "clipped_median"}
        Of the pixels whose centre lies in the ring, ``r_in <= d < r_out``; "clipped" drops those further than
        ``sigma`` standard deviations from the median, again and again up to ``iterations`` times.
    sigma_lower, sigma_upper : float, optional
        The limits below and above the median, where they differ from `sigma`, as in astropy's `SigmaClip`.
    iterations : int, optional
        `None` goes on until nothing more is dropped.
    method : {"center", "exact", "subpixel"}
        Weights of the mean: an aperture's of this method with ``r_out``, less one's with ``r_in``. By default
        whole pixels, as in SEP and in photutils' statistics of apertures.
    minimum_pixels : float
        With less than this in the ring that can be used, before clipping, there is no background.
    neighbour_radius : float, optional
        Pixels whose centre is nearer than this to any source of the call, the ring's own one among them, are
        left out of the ring.
    """

    r_in: float
    r_out: float
    statistic: Statistic = "mean"
    method: Method = "center"
    sigma: float = 3.0
    iterations: int | None = 5
    minimum_pixels: float = 0.0
    neighbour_radius: float | None = None
    sigma_lower: float | None = None
    sigma_upper: float | None = None

    def __post_init__(self) -> None:
        optional = ("neighbour_radius", "sigma_lower", "sigma_upper")
        for name in ("r_in", "r_out", "sigma", "minimum_pixels", *optional):
            value = getattr(self, name)
            if not is_number(value) and not (name in optional and value is None):
                raise PhotometryError(f"annulus {name} is {value!r}; wanted: a number")
        for name in ("sigma", "sigma_lower", "sigma_upper"):
            if (value := getattr(self, name)) is not None and not value > 0:
                raise PhotometryError(f"annulus {name} is {value!r}; wanted: above 0")
        if not self.minimum_pixels >= 0:
            raise PhotometryError(f"annulus minimum_pixels is {self.minimum_pixels!r}; wanted: 0 or more")
        if self.iterations is not None and not is_whole(self.iterations, 0, 1 << 30):
            raise PhotometryError(f"annulus iterations is {self.iterations!r}; wanted: 0, 1, 2, …, or None")
        if not 0 <= self.r_in < self.r_out <= 1e8:
            raise PhotometryError(f"annulus from {self.r_in!r} to {self.r_out!r}: wanted 0 <= r_in < r_out")
        if self.statistic not in get_args(Statistic):
            raise PhotometryError(f"annulus statistic {self.statistic!r} is not one of {get_args(Statistic)}")
        if self.method not in get_args(Method):
            raise PhotometryError(f"annulus method {self.method!r} is not one of {get_args(Method)}")
        if self.neighbour_radius is not None and not 0 < self.neighbour_radius <= 1e4:
            raise PhotometryError(
                f"neighbour_radius is {self.neighbour_radius!r}; wanted: above 0, at most 1e4"
            )


def ring_statistic(
    planes: Planes, x: Floats, y: Floats, shape: Shape, annulus: Annulus
) -> tuple[Floats, Floats, Floats]:
    """Background per source from sorted pixels, its standard error, and the number of pixels used.

    NaN where the ring holds no usable pixel. Centres must be finite.
    """
    level, error = np.full((2, len(x)), np.nan)
    number = np.zeros(len(x))
    for part, values, count in _ring_values(planes, x, y, shape, annulus):
        values.sort(axis=1)
        used = values[:, : max(1, int(count.max(initial=0)))]
        level[part], error[part] = _location(used, count, annulus)
        number[part] = count
    return level, error, number


def _ring_values(
    planes: Planes, x: Floats, y: Floats, shape: Shape, annulus: Annulus
) -> Iterator[tuple[npt.NDArray[np.intp], Pixels, Integers]]:
    """Values of the pixels of each ring, infinity for all others, and how many are values."""
    if not planes.image.size or not len(x):
        return
    rows, columns = planes.shape
    inside = np.zeros(len(x), bool)
    if shape.round and (shape.a == shape.a[0]).all():
        size = reach(annulus.r_out * shape.a[0])
        column, row = np.floor(x + 0.5), np.floor(y + 0.5)
        inside = (column >= size) & (column < columns - size) & (row >= size) & (row < rows - size)
        yield from _lattice_values(planes, x, y, np.flatnonzero(inside), float(shape.a[0]), annulus)
    others = np.flatnonzero(~inside)
    if not len(others):
        return
    others = others[alike(shape.take(others))]
    some = shape.take(others)
    for part, window in windows(planes, x[others], y[others], some.scaled(annulus.r_out)):
        found = [np.empty((len(others[part]), 0))]
        for strip in window.strips():
            corners = window.corners(strip)
            ring = weigh(*corners, some.take(part).scaled(annulus.r_out), "center", 1)
            if annulus.r_in > 0:
                ring -= weigh(*corners, some.take(part).scaled(annulus.r_in), "center", 1)
            values, unusable = window.pixels(strip)
            for which in (ring == 0, *unusable.values()):
                np.copyto(values, np.inf, where=which)
            found.append(values.reshape(len(values), -1))
        flat = np.concatenate(found, axis=1)
        yield others[part], flat, np.isfinite(flat).sum(axis=1)


def _lattice_values(
    planes: Planes, x: Floats, y: Floats, which: npt.NDArray[np.intp], scale: float, annulus: Annulus
) -> Iterator[tuple[npt.NDArray[np.intp], Pixels, Integers]]:
    """The same for rings inside the image: only pixels that the ring can touch are looked at."""
    inner, outer = annulus.r_in * scale, annulus.r_out * scale
    size = reach(outer)
    steps = np.abs(np.arange(-size, size + 1))
    nearest, farthest = np.maximum(steps - 0.5, 0.0) ** 2, (steps + 0.5) ** 2
    nearest, farthest = nearest[:, None] + nearest, farthest[:, None] + farthest
    possible = (nearest < outer**2 * (1 + 1e-12)) & (farthest >= inner**2 * (1 - 1e-12))
    sure = (farthest < outer**2 * (1 - 1e-12)) & (nearest > inner**2 * (1 + 1e-12))
    # the undecided ones first
    chosen = np.concatenate([np.flatnonzero(possible & ~sure), np.flatnonzero(sure)])
    if not len(chosen):
        return
    undecided = int((possible & ~sure).sum())
    line, place = np.divmod(chosen[:undecided], 2 * size + 1)
    exact = (
        np.float32 if planes.image.dtype.kind in "fiu" and _fits_float32(planes.image.dtype) else np.float64
    )
    step = _together(steps.size**2)
    for start in range(0, len(which), step):
        part = which[start : start + step]
        column, row = np.floor(x[part] + 0.5).astype(np.int64), np.floor(y[part] + 0.5).astype(np.int64)
        pixels = gather_squares(planes.image, row, column, size).reshape(len(part), -1)
        values = pixels.take(chosen, axis=1).astype(exact)
        dx2 = (np.arange(-size, size + 1) - (x[part] - column)[:, None]) ** 2
        dy2 = (np.arange(-size, size + 1) - (y[part] - row)[:, None]) ** 2
        distance2 = dy2.take(line, axis=1)
        distance2 += dx2.take(place, axis=1)
        values[:, :undecided][(distance2 >= outer**2) | (distance2 < inner**2)] = np.inf
        finite = np.isfinite(values)
        if planes.mask is not None:
            bad = gather_squares(planes.mask, row, column, size).reshape(len(part), -1)
            finite &= bad.take(chosen, axis=1) == 0
        values[~finite] = np.inf
        yield part, values, np.count_nonzero(finite, axis=1)


def _together(n_pixels: int) -> int:
    """Return how many sources are worked on at once: enough to be fast, of large windows one or a few."""
    wanted = min(_SOURCES[1], _WORK_BYTES // (8 * n_pixels))
    return max(1, wanted, min(_SOURCES[0], _MOST_PIXELS // n_pixels))


def _fits_float32(dtype: np.dtype[np.generic]) -> bool:
    return dtype.itemsize <= (4 if dtype.kind == "f" else 2)


def _location(values: Pixels, count: Integers, annulus: Annulus) -> tuple[Floats, Floats]:
    """Mean or median of sorted rows, clipped or not, and its standard error."""
    low, high = np.zeros_like(count), count
    # sums of differences from the first median: no digits are lost to a high level
    level = _median(values, low, high)
    offset = np.subtract(values, np.nan_to_num(level)[:, None], dtype=np.float64)
    offset[np.arange(values.shape[1]) >= count[:, None]] = 0.0
    number = np.where(count > 0, count, np.nan)
    mean, variance = _moments(offset, number)
    median = level
    if annulus.statistic != "median":
        median, mean, variance, number = _clipped(values, offset, count, mean, variance, annulus)
    error = np.sqrt(variance / number)
    if annulus.statistic == "clipped_mean":
        return level + mean, error
    return median, error * _MEDIAN_ERROR


def _clipped(
    values: Pixels, offset: Floats, count: Integers, mean: Floats, variance: Floats, annulus: Annulus
) -> tuple[Floats, Floats, Floats, Floats]:
    """Median, mean offset, variance and number of the sorted values that survive.

    Rows that have settled are left alone; of the others sums are made anew, so that no bright value leaves
    its rounding error in them.
    """
    low, high = np.zeros_like(count), count.copy()
    median = _median(values, low, high)
    active = np.flatnonzero(count > 0)
    below, above = annulus.sigma_lower or annulus.sigma, annulus.sigma_upper or annulus.sigma
    for _ in itertools.count() if annulus.iterations is None else range(annulus.iterations):
        rows = values if len(active) == len(values) else values[active]
        width = np.sqrt(variance[active])
        first = np.maximum(_number(rows < (median[active] - below * width)[:, None]), low[active])
        last = np.minimum(_number(rows <= (median[active] + above * width)[:, None]), high[active])
        changed = (first != low[active]) | (last != high[active])
        active = active[changed]
        if not len(active):
            break
        low[active], high[active] = first, last = first[changed], last[changed]
        place = np.arange(values.shape[1])
        kept = np.where((place >= first[:, None]) & (place < last[:, None]), offset[active], 0.0)
        mean[active], variance[active] = _moments(kept, np.where(last > first, last - first, np.nan))
        median[active] = _median(values[active], first, last)
    return median, mean, variance, np.where(high > low, high - low, np.nan)


def _number(true: npt.NDArray[np.bool_]) -> Integers:
    number: Integers = np.count_nonzero(true, axis=1)
    return number


def _moments(offset: Floats, number: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of the rows of some numbers, filled up with noughts."""
    mean = offset @ np.ones(offset.shape[1]) / number
    return mean, np.maximum(np.vecdot(offset, offset) / number - mean**2, 0.0)


def _median(values: Pixels, low: Integers, high: Integers) -> Floats:
    each, last = np.arange(len(values)), values.shape[1] - 1
    lower = values[each, np.clip((low + high - 1) // 2, 0, last)].astype(np.float64)
    upper = values[each, np.clip((low + high) // 2, 0, last)].astype(np.float64)
    return np.where(high > low, 0.5 * (lower + upper), np.nan)
