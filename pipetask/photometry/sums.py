"""Sums of an image, of its variance and of the area over circles: where weights and pixels meet."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipetask.photometry.flags import ApertureFlag
from pipetask.photometry.overlap import Band, Floats, LatticeOverlap, Method, bands, dense_weights, reach

Integers = npt.NDArray[np.int64]
# Pixels of any integer or floating type, in either byte order, as they come from files.
Pixels = npt.NDArray[Any]

# Largest number of float64 in one work array: half a megabyte stays in the second-level cache
# (benchmarks/photometry.py, r = 4).
_WORK_SIZE = 1 << 16


class PhotometryError(ValueError):
    """An argument of the photometry is out of range; nothing was measured."""

    exit_code = 2
    hint = "Radii and planes are described in the documentation of aperture_photometry."


@dataclass(frozen=True, slots=True)
class Planes:
    """The image with what is known about its pixels; of one shape, in rows contiguous in memory."""

    image: Pixels
    variance: Pixels | None
    mask: Pixels | None

    @classmethod
    def checked(
        cls, image: npt.ArrayLike, variance: npt.ArrayLike | None, mask: npt.ArrayLike | None
    ) -> "Planes":
        """Take arrays as they are where possible; `PhotometryError` where shapes or types do not fit."""
        pixels = _plane("image", image, "iufb")
        return cls(
            pixels,
            None if variance is None else _plane("variance", variance, "iuf", pixels.shape),
            None if mask is None else _plane("mask", mask, "iub", pixels.shape),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.image.shape
        return rows, columns


@dataclass(frozen=True, slots=True)
class CircleSums:
    """Sums over the usable pixels of each circle, arrays of shape (n,).

    ``flux`` is Σ w·pixel, ``variance`` Σ w²·variance (NaN without a variance plane), ``area`` Σ w [pixel²].
    """

    flux: Floats
    variance: Floats
    area: Floats
    flags: Integers

    @classmethod
    def nothing(cls, count: int) -> "CircleSums":
        """Sums of no pixels, to be filled in."""
        return cls(np.zeros(count), np.zeros(count), np.zeros(count), np.zeros(count, np.int64))

    def put(self, where: Any, other: "CircleSums") -> None:  # any numpy index
        """Overwrite some circles."""
        self.flux[where], self.variance[where] = other.flux, other.variance
        self.area[where], self.flags[where] = other.area, other.flags


def circle_sums(
    planes: Planes, x: Floats, y: Floats, radius: float, method: Method, subpixels: int
) -> CircleSums:
    """Sum over circles of one radius with finite centres; fastest if they are ordered by row.

    Circles on sound ground go through the lattice. Those that cross an edge, or whose sums turn out not to be
    finite, are summed again by the dense way, which looks at each pixel.
    """
    sums = CircleSums.nothing(len(x))
    rows, columns = planes.shape
    if not rows * columns * len(x):
        return sums
    margin = reach(radius)
    column, row = np.floor(x + 0.5), np.floor(y + 0.5)
    inside = (column >= margin) & (column < columns - margin) & (row >= margin) & (row < rows - margin)
    lattice = np.flatnonzero(inside)
    with np.errstate(invalid="ignore", over="ignore"):
        if len(lattice):
            size = max(band.corners for band in bands(radius))
            for part in _parts(lattice, size):
                sums.put(part, _lattice_sums(planes, x[part], y[part], radius, method, subpixels))
        sound = inside & np.isfinite(sums.flux)
        if planes.variance is not None:
            sound &= np.isfinite(sums.variance)
        window = min(2 * margin + 1, rows), min(2 * margin + 1, columns)
        for part in _parts(np.flatnonzero(~sound), (window[0] + 2) * (window[1] + 2)):
            sums.put(part, _dense_sums(planes, x[part], y[part], radius, window, method, subpixels))
    if planes.variance is None:
        sums.variance[:] = np.nan
    return sums


def unusable(planes: Planes, row: Integers, column: Integers) -> npt.NDArray[np.bool_]:
    """Whether the pixels named are masked or not finite; they must be inside the image."""
    bad = ~np.isfinite(planes.image[row, column])
    return bad if planes.mask is None else bad | (planes.mask[row, column] != 0)


def gather(plane: Pixels, row: Integers, column: Integers, rows: Integers, width: int) -> Pixels:
    """Copy ``width`` pixels from each of some rows, for many positions, in shape (n, len(rows), width).

    The first pixel is at ``row + rows[k]``, ``column``. One block of memory is moved per row, whatever the
    type.
    """
    size = plane.itemsize
    runs: npt.NDArray[np.void] = np.ndarray((plane.size - width + 1,), f"V{width * size}", plane, 0, (size,))
    starts = (row[:, None] + rows) * plane.shape[1] + column[:, None]
    return runs[starts].view(plane.dtype).reshape(len(row), len(rows), width)


def _plane(name: str, plane: npt.ArrayLike, kinds: str, shape: tuple[int, ...] | None = None) -> Pixels:
    array = np.ascontiguousarray(plane)
    if array.ndim != 2 or array.dtype.kind not in kinds:
        raise PhotometryError(f"{name} is a {array.ndim}-d array of {array.dtype}; wanted: 2-d and real")
    if shape not in (None, array.shape):
        raise PhotometryError(f"{name} has shape {array.shape}, the image {shape}")
    return array


def _parts(indices: npt.NDArray[np.intp], size: int) -> Iterator[npt.NDArray[np.intp]]:
    """Cut into parts whose work arrays of ``size`` numbers per circle stay within bounds."""
    step = max(16, min(1024, _WORK_SIZE // size))
    for start in range(0, len(indices), step):
        yield indices[start : start + step]


def _lattice_sums(
    planes: Planes, x: Floats, y: Floats, radius: float, method: Method, subpixels: int
) -> CircleSums:
    sums = CircleSums.nothing(len(x))
    column, row = np.floor(x + 0.5).astype(np.int64), np.floor(y + 0.5).astype(np.int64)
    overlap = LatticeOverlap(radius, x - column, y - row, method, subpixels)
    full = np.full(len(x), np.pi * radius**2)
    if method != "exact":
        full[:] = 0.0
    for band in bands(radius):
        weights = overlap.weights(band).reshape(-1, len(x))
        offsets = np.arange(band.first_row, band.last_row + 1)
        where = row, column - band.last_column, np.concatenate([-offsets, offsets]), 2 * band.last_column + 1
        pixels = gather(planes.image, *where)
        if method != "exact":
            full += weights.sum(axis=0) + _inner(band, np.ones(pixels.shape[1:])[None])
        if planes.mask is not None:
            bad = gather(planes.mask, *where) != 0
            np.copyto(pixels, False, where=bad)
            usable = ~bad
            sums.area[:] += _weighted(band, weights, usable)
        sums.flux[:] += _weighted(band, weights, pixels)
        if planes.variance is not None:
            variances = gather(planes.variance, *where)
            if planes.mask is not None:
                np.copyto(variances, False, where=bad)
            weights *= weights
            sums.variance[:] += _weighted(band, weights, variances)
    if planes.mask is None:
        sums.area[:] = full
    else:
        sums.flags[sums.area < full * (1 - 1e-12)] = ApertureFlag.MASKED
    return sums


def _weighted(band: Band, weights: Floats, pixels: Pixels) -> Floats:
    """Sum of weighted boundary pixels and whole inner ones of a band; ``pixels`` as `gather` returns them."""
    first, last = band.first_column, band.last_column
    boundary = np.empty((pixels.shape[1], 2, band.columns, len(pixels)))
    boundary[:, 0] = pixels[:, :, last - first :: -1].transpose(1, 2, 0)
    boundary[:, 1] = pixels[:, :, last + first :].transpose(1, 2, 0)
    return np.einsum("pn,pn->n", weights, boundary.reshape(len(weights), -1)) + _inner(band, pixels)


def _inner(band: Band, pixels: Pixels) -> Floats:
    """Sum of the pixels of a band that are covered wherever the centre is."""
    half = band.first_column - 1
    # the central row comes twice in ``pixels``
    inner = pixels[:, band.first_row == 0 :, band.last_column - half : band.last_column + half + 1]
    return np.einsum("nij->n", inner.astype(np.float64))


def _dense_sums(
    planes: Planes,
    x: Floats,
    y: Floats,
    radius: float,
    window: tuple[int, int],
    method: Method,
    subpixels: int,
) -> CircleSums:
    """Sum over windows shifted into the image, with every pixel looked at, in strips of rows."""
    first_row, first_column = (
        np.clip(np.floor(centre + 0.5) - reach(radius), 0, length - size).astype(np.int64)
        for centre, length, size in zip((y, x), planes.shape, window, strict=True)
    )
    x_edges = np.arange(window[1] + 1)[:, None] - 0.5 - (x - first_column)
    y_edges = np.arange(window[0] + 1)[:, None] - 0.5 - (y - first_row)
    sums = CircleSums.nothing(len(x))
    strip = max(1, _WORK_SIZE // x_edges.size)
    for start in range(0, window[0], strip):
        rows = np.arange(start, min(start + strip, window[0]))
        weights = dense_weights(x_edges, y_edges[start : rows[-1] + 2], radius, method, subpixels)
        _add_dense(sums, planes, weights, (first_row, first_column, rows, window[1]))
    for centre, length in ((x, planes.shape[1]), (y, planes.shape[0])):
        off = (centre - radius < -0.5) | (centre + radius > length - 0.5)
        sums.flags[off] |= ApertureFlag.EDGE
    return sums


def _add_dense(
    sums: CircleSums, planes: Planes, weights: Floats, where: tuple[Integers, Integers, Integers, int]
) -> None:
    """Add the usable ones of the pixels that `gather` finds at ``where``, and flag what the others are."""
    pixels = gather(planes.image, *where).transpose(1, 2, 0).astype(np.float64)
    covered = weights > 0
    finite = np.isfinite(pixels)
    masked = np.zeros(pixels.shape, bool)
    if planes.mask is not None:
        masked = gather(planes.mask, *where).transpose(1, 2, 0) != 0
    unusable = ~(covered & finite & ~masked)
    weights[unusable] = 0.0
    pixels[unusable] = 0.0
    sums.flux[:] += np.einsum("ijn,ijn->n", weights, pixels)
    sums.area[:] += weights.sum(axis=(0, 1))
    if planes.variance is not None:
        variances = gather(planes.variance, *where).transpose(1, 2, 0).astype(np.float64)
        variances[unusable] = 0.0
        sums.variance[:] += np.einsum("ijn,ijn,ijn->n", weights, weights, variances)
    sums.flags[(covered & masked).any(axis=(0, 1))] |= ApertureFlag.MASKED
    sums.flags[(covered & ~finite & ~masked).any(axis=(0, 1))] |= ApertureFlag.NON_FINITE
