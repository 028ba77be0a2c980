"""Sums over small circles and rings, from one window of pixels about each source.

The pixels stay as they are fetched, those of a source together; the weights are worked out for many sources
at once, with the sources last, and then turned to the order of the pixels.
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipetask.photometry.bands import Band, bands, reach
from pipetask.photometry.lattice_weights import LatticeWeights, Method, band_cost, lattice_weights
from pipetask.photometry.planes import Floats, Integers, Pixels, Planes, gather
from pipetask.photometry.sums import Request, Ring, Sums


class NearSums:
    """A few hundred sources whose windows lie inside the image."""

    def __init__(
        self, planes: Planes, column: Integers, row: Integers, fx: Floats, fy: Floats, request: Request
    ) -> None:
        self._planes, self._request = planes, request
        self._column, self._row, self._fx, self._fy = column, row, fx, fy

    def put(self, sums: Sums, indices: Sequence[int]) -> None:
        """Fill in the sums over the circles with the given places among the radii, and over the ring."""
        request, ring = self._request, self._request.ring
        radii = [request.radii[index] for index in indices]
        ring_radii = [radius for radius in (ring.r_out, ring.r_in) if radius > 0] if ring else []
        apertures = reach(max(radii, default=1.0))
        size = reach(max(*radii, *ring_radii, 1.0))
        bad = self._bad(size)
        image = self._pixels(self._planes.image, size, bad)
        if ring and ring.method == request.method:
            lattices = self._lattices([*radii, *ring_radii], request.method)
            ring_lattices = lattices[len(radii) :]
        else:
            lattices = self._lattices(radii, request.method)
            ring_lattices = self._lattices(ring_radii, ring.method) if ring else []
        variance = None
        if self._planes.variance is not None and radii:
            variance = self._pixels(self._planes.variance, apertures, bad)
        for index, radius, lattice in zip(indices, radii, lattices, strict=False):
            weights = _by_source(self._window(radius, lattice, request.method), lattice.whole)
            sums.full[index] = np.pi * radius**2 if request.method == "exact" else _total(weights)
            if _without(weights, bad):
                sums.area[index] = _total(weights)
            else:
                sums.area[index] = sums.full[index]
            sums.flux[index] = _product(weights, _middle(image, reach(radius)))
            if variance is not None:
                if request.power == 2:
                    weights *= weights
                sums.variance[index] = _product(weights, _middle(variance, reach(radius)))
        if ring:
            windows = [
                self._window(radius, lattice, ring.method)
                for radius, lattice in zip(ring_radii, ring_lattices, strict=True)
            ]
            weights = _by_source(_less_hole(*windows), ring_lattices[0].whole)
            _put_ring(sums, ring, weights, image, bad)

    def _fetched(self, plane: Pixels, size: int) -> Pixels:
        where = self._row, self._column - size, np.arange(-size, size + 1), 2 * size + 1
        return gather(plane, *where)

    def _bad(self, size: int) -> npt.NDArray[np.bool_] | None:
        """Which pixels about each source are masked; None if none is."""
        if self._planes.mask is None:
            return None
        bad = self._fetched(self._planes.mask, size)
        bad = bad if bad.dtype == np.bool_ else bad != 0
        return bad if bad.any() else None

    def _pixels(self, plane: Pixels, size: int, bad: npt.NDArray[np.bool_] | None) -> Pixels:
        """Pixels about each source, the bad ones of finite value; shape (n, side, side)."""
        pixels = self._fetched(plane, size)
        if bad is not None and not np.isfinite(pixels).all():
            np.copyto(pixels, np.zeros((), pixels.dtype), where=_middle(bad, size))
        return pixels

    def _lattices(self, radii: Sequence[float], method: Method) -> Sequence[LatticeWeights]:
        if not radii:
            return ()
        return lattice_weights(radii, self._fx, self._fy, method, self._request.subpixels)

    def _window(self, radius: float, lattice: LatticeWeights, method: Method) -> npt.NDArray[Any]:
        """Weights of all pixels about each source, shape (side, side, n)."""
        some = bands(radius, band_cost(radius, method, self._request.subpixels))
        found = [lattice.weights(band) for band in some]
        side = 2 * reach(radius) + 1
        window = np.empty((side, side, len(self._fx)), found[0].dtype)
        window[:] = _inside(radius, some, lattice.whole, window.dtype)
        for band, weights in zip(some, found, strict=True):
            _put_band(window, band, weights)
        return window


def _put_ring(
    sums: Sums, ring: Ring, weights: Floats, image: Pixels, bad: npt.NDArray[np.bool_] | None
) -> None:
    _without(weights, bad)
    area = _total(weights)
    filled = area > 1e-10 * ring.r_out**2  # beyond what rounding leaves of nothing
    nan = np.full(len(area), np.nan)
    pixels = _middle(image, reach(ring.r_out)).astype(np.float64)
    weighted = weights * pixels
    mean = np.divide(_total(weighted), area, out=nan.copy(), where=filled)
    square = _product(weighted, pixels)
    spread = square - mean * mean * area
    # few digits are left where the level is high above its scatter: there the level comes off first
    if (spread < 1e-6 * square).any():
        pixels -= mean[:, None, None]
        spread = _product(weights * pixels, pixels)
    spread = np.sqrt(np.maximum(spread, 0.0))
    sums.background[:] = mean
    sums.background_err[:] = np.divide(spread, area, out=nan, where=filled)
    sums.ring_area[:] = np.where(filled, area, 0.0)


def _without(weights: Floats, bad: npt.NDArray[np.bool_] | None) -> bool:
    """Set the weights of bad pixels to nought; tell whether there are any."""
    if bad is None:
        return False
    bad = _middle(bad, weights.shape[1] // 2)
    if not bad.any():
        return False
    np.copyto(weights, 0.0, where=bad)
    return True


@functools.lru_cache(maxsize=128)
def _inside(radius: float, some: tuple[Band, ...], whole: float, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Weights of pixels covered wherever the centre is, nought for the others; shape (side, side, 1)."""
    size = reach(radius)
    weights = np.zeros((2 * size + 1, 2 * size + 1, 1), dtype)
    for band in some:
        columns = slice(size - band.first_column + 1, max(size + band.first_column, 0))
        if band.first_column:
            weights[size + band.first_row : size + band.last_row + 1, columns] = whole
            weights[size - band.last_row : size - band.first_row + 1, columns] = whole
    return weights


def _put_band(window: npt.NDArray[Any], band: Band, weights: npt.NDArray[Any]) -> None:
    """Copy the quadrants to their places; those with the whole weights of the central pixels come last."""
    size = len(window) // 2
    rows, columns = (
        (
            slice(size - first, size - last - 1 if last < size else None, -1),
            slice(size + first, size + last + 1),
        )
        for first, last in ((band.first_row, band.last_row), (band.first_column, band.last_column))
    )
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            window[row, column] = weights[i, :, j]


def _less_hole(window: npt.NDArray[Any], hole: npt.NDArray[Any] | None = None) -> npt.NDArray[Any]:
    if hole is not None:
        inside = _middle_slice(len(window), len(hole))
        window[inside, inside] -= hole
    return window


def _by_source(window: npt.NDArray[Any], whole: float) -> Floats:
    """Change weights with the sources last to weights with the sources first."""
    side = len(window)
    turned = np.ascontiguousarray(window.reshape(side * side, -1).T).reshape(-1, side, side)
    weights: Floats = turned.astype(np.float64, copy=False)
    if whole != 1:
        weights /= whole
    return weights


def _middle_slice(side: int, inner: int) -> slice:
    return slice((side - inner) // 2, (side + inner) // 2)


def _middle(windows: Pixels, size: int) -> Pixels:
    """The parts of windows, sources first, that reach less far."""
    middle = _middle_slice(windows.shape[1], 2 * size + 1)
    return windows[:, middle, middle]


def _product(weights: Floats, pixels: Pixels) -> Floats:
    """Σ w·pixel of each window."""
    each = len(weights)
    values = np.asarray(pixels, np.float64).reshape(each, -1)
    product: Floats = np.vecdot(weights.reshape(each, -1), values)
    return product


def _total(weights: Floats) -> Floats:
    """Σ w of each window."""
    flat = weights.reshape(len(weights), -1)
    total: Floats = flat @ np.ones(flat.shape[1])
    return total
