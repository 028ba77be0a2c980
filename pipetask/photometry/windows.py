"""General sums: any shape at any place, on or off the image, with pixels that are not finite.

Every pixel of a window about the source, shifted into the image, is looked at; those that the outline
crosses are listed and weighed one by one.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pipetask.photometry.flags import ApertureFlag
from pipetask.photometry.lattice_weights import Method
from pipetask.photometry.pixel_weights import Shape, listed_weights
from pipetask.photometry.planes import Floats, Planes, gather
from pipetask.photometry.sums import Request, Sums

# Number of pixels in the windows of the sources that are summed at once.
_WORK_SIZE = 1 << 18


def window_sums(planes: Planes, x: Floats, y: Floats, shape: Shape, request: Request) -> Sums:
    """Sum over shapes, scaled by each radius; the centres must be finite."""
    sums = Sums.nothing(len(request.radii), len(x))
    if not planes.image.size:
        return sums
    for index, radius in enumerate(request.radii):
        _aperture(sums, index, planes, x, y, shape.scaled(radius), request)
    if request.ring is not None:
        _ring(sums, planes, x, y, shape, request)
    return sums


class Window:
    """Rectangles of the image about sources, all of one size, cut into strips of rows."""

    def __init__(self, planes: Planes, x: Floats, y: Floats, width: Floats, height: Floats) -> None:
        self._planes, self._x, self._y = planes, x, y
        lengths = planes.shape[1], planes.shape[0]
        half = [int(np.ceil(min(float(extent.max(initial=0.0)), 2e9))) + 1 for extent in (width, height)]
        sizes = [min(2 * extent + 1, length) for extent, length in zip(half, lengths, strict=True)]
        self.columns, self.rows = sizes
        first = [
            np.clip(np.floor(centre + 0.5) - extent, 0, length - size).astype(np.int64)
            for centre, extent, length, size in zip((x, y), half, lengths, sizes, strict=True)
        ]
        self._column, self._row = first

    def strips(self) -> list[npt.NDArray[np.int64]]:
        """Rows of each strip, from the first of the window."""
        step = max(1, _WORK_SIZE // max(1, self.columns * len(self._x)))
        return [np.arange(start, min(start + step, self.rows)) for start in range(0, self.rows, step)]

    def corners(self, rows: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Left and low sides of the pixels relative to the centres, shapes (n, columns) and (n, rows)."""
        left = np.arange(self.columns) - 0.5 - (self._x - self._column)[:, None]
        low = rows - 0.5 - (self._y - self._row)[:, None]
        return left, low

    def pixels(
        self, rows: npt.NDArray[np.int64]
    ) -> tuple[Floats, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Values (those unusable nought), whether masked, whether finite; shape (n, rows, columns)."""
        where = self._row, self._column, rows, self.columns
        values = gather(self._planes.image, *where).astype(np.float64)
        finite = np.isfinite(values)
        masked = np.zeros(values.shape, bool)
        if self._planes.mask is not None:
            masked = gather(self._planes.mask, *where) != 0
        values[masked | ~finite] = 0.0
        return values, masked, finite

    def variances(self, rows: npt.NDArray[np.int64]) -> Floats:
        """Variances, shape (n, rows, columns)."""
        assert self._planes.variance is not None
        return gather(self._planes.variance, self._row, self._column, rows, self.columns).astype(np.float64)


def weigh(left: Floats, low: Floats, shape: Shape, method: Method, subpixels: int) -> Floats:
    """Weights of windows of pixels, shape (n, rows, columns)."""
    touched, inside = _classes(left, low, shape)
    weights = inside.astype(np.float64)
    each, row, column = np.nonzero(touched & ~inside)
    if len(each):
        corner = left[each, column], low[each, row]
        weights[each, row, column] = listed_weights(*corner, shape.take(each), method, subpixels)
    return weights


def _classes(left: Floats, low: Floats, shape: Shape) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which pixels a shape may touch, and which surely lie inside; the rest is weighed."""
    if shape.round:
        near, far = [], []
        for side in (left, low):
            distance = np.abs(side + 0.5)
            near.append(np.maximum(distance - 0.5, 0.0) ** 2)
            far.append((distance + 0.5) ** 2)
        limit = (shape.a**2)[:, None, None]
        touched = near[1][:, :, None] + near[0][:, None, :] < limit * (1 + 1e-12)
        inside = far[1][:, :, None] + far[0][:, None, :] < limit * (1 - 1e-12)
        return touched, inside
    xx, xy, yx, yy = (entry[:, None, None] for entry in shape.to_circle())
    x, y = left[:, None, :] + 0.5, low[:, :, None] + 0.5
    distance = np.hypot(xx * x + xy * y, yx * x + yy * y)
    diagonal = np.maximum(np.hypot(xx + xy, yx + yy), np.hypot(xx - xy, yx - yy)) * 0.5 * (1 + 1e-9)
    return distance < 1 + diagonal, distance < 1 - diagonal


def _aperture(
    sums: Sums, index: int, planes: Planes, x: Floats, y: Floats, shape: Shape, request: Request
) -> None:
    for part, window in windows(planes, x, y, shape):
        some = shape.take(part)
        for rows in window.strips():
            weights = weigh(*window.corners(rows), some, request.method, request.subpixels)
            values, masked, finite = window.pixels(rows)
            sums.full[index, part] += weights.sum(axis=(1, 2))
            flags = sums.flags[index, part]
            covered = weights > 0
            flags[(covered & masked).any(axis=(1, 2))] |= ApertureFlag.MASKED
            flags[(covered & ~finite & ~masked).any(axis=(1, 2))] |= ApertureFlag.NON_FINITE
            weights[masked | ~finite] = 0.0
            sums.flux[index, part] += np.einsum("nij,nij->n", weights, values)
            sums.area[index, part] += weights.sum(axis=(1, 2))
            if planes.variance is not None:
                variances = np.where(weights > 0, window.variances(rows), 0.0)
                weights **= request.power
                sums.variance[index, part] += np.einsum("nij,nij->n", weights, variances)
    for centre, extent, length in zip((x, y), shape.extents, planes.shape[::-1], strict=True):
        off = (centre - extent < -0.5) | (centre + extent > length - 0.5)
        sums.flags[index][off] |= ApertureFlag.EDGE


def _ring(sums: Sums, planes: Planes, x: Floats, y: Floats, shape: Shape, request: Request) -> None:
    assert request.ring is not None
    ring = request.ring
    outer = shape.scaled(ring.r_out)
    for part, window in windows(planes, x, y, outer):
        some = shape.take(part)
        area, total, square = np.zeros((3, len(some.a)))
        for rows in window.strips():
            weights, values = _ring_pixels(window, rows, some, request)
            area += weights.sum(axis=(1, 2))
            total += np.einsum("nij,nij->n", weights, values)
        filled = area > 1e-10 * ring.r_out**2 * some.a * some.b
        mean = np.divide(total, area, out=np.full(len(area), np.nan), where=filled)
        for rows in window.strips():
            weights, values = _ring_pixels(window, rows, some, request)
            values -= mean[:, None, None]
            square += np.einsum("nij,nij,nij->n", weights, values, values)
        sums.background[part] = mean
        spread = np.sqrt(np.maximum(square, 0.0))
        sums.background_err[part] = np.divide(spread, area, out=np.full(len(area), np.nan), where=filled)
        sums.ring_area[part] = np.where(filled, area, 0.0)


def _ring_pixels(
    window: Window, rows: npt.NDArray[np.int64], shape: Shape, request: Request
) -> tuple[Floats, Floats]:
    assert request.ring is not None
    ring, corners = request.ring, window.corners(rows)
    weights = weigh(*corners, shape.scaled(ring.r_out), ring.method, request.subpixels)
    if ring.r_in > 0:
        weights -= weigh(*corners, shape.scaled(ring.r_in), ring.method, request.subpixels)
    values, masked, finite = window.pixels(rows)
    weights[masked | ~finite] = 0.0
    return weights, values


def windows(planes: Planes, x: Floats, y: Floats, shape: Shape) -> Iterator[tuple[slice, Window]]:
    """Parts of the sources whose windows stay within bounds."""
    width, height = shape.extents
    largest = Window(planes, x[:1], y[:1], width, height)
    step = max(1, _WORK_SIZE // max(1, largest.rows * largest.columns))
    for start in range(0, len(x), step):
        part = slice(start, start + step)
        yield part, Window(planes, x[part], y[part], width[part], height[part])
