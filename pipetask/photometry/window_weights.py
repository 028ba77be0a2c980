"""Weights of all pixels of windows about sources, put together from those of the bands of the boundary."""

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from pipetask.photometry.bands import Band, bands, reach
from pipetask.photometry.lattice_weights import LatticeWeights
from pipetask.photometry.planes import Floats


def window_weights(radius: float, lattice: LatticeWeights, band_cost: int) -> npt.NDArray[Any]:
    """Weights about each source, in units of ``1 / lattice.whole``; shape (side, side, n)."""
    some = bands(radius, band_cost)
    found = [lattice.weights(band) for band in some]
    side = 2 * reach(radius) + 1
    window = np.empty((side, side, found[0].shape[-1]), found[0].dtype)
    window[:] = _inside(radius, some, lattice.whole, window.dtype)
    for band, weights in zip(some, found, strict=True):
        _put_band(window, band, weights)
    return window


def by_source(window: npt.NDArray[Any], whole: float) -> Floats:
    """Change weights with the sources last to shape (n, side * side), which is how pixels are fetched."""
    turned = np.ascontiguousarray(window.reshape(-1, window.shape[-1]).T)
    weights: Floats = turned.astype(np.float64, copy=False)
    if whole != 1:
        weights /= whole
    return weights


def less_hole(window: npt.NDArray[Any], hole: npt.NDArray[Any] | None = None) -> npt.NDArray[Any]:
    """Take the weights of a smaller circle off those of a larger one, in place."""
    if hole is not None:
        inside = middle_slice(len(window), len(hole))
        window[inside, inside] -= hole
    return window


def middle_slice(side: int, inner: int) -> slice:
    """The middle part of a window's side."""
    return slice((side - inner) // 2, (side + inner) // 2)


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
