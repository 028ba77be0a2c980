"""General sums: any shape at any place, on or off the image, with pixels that are not finite.

Every pixel of a window about the source, shifted into the image, is weighed and summed.
"""

# Number of pixels in the windows of the sources that are summed at once.
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from pipetask.photometry.chord_weights import chord_weights
from pipetask.photometry.flags import ApertureFlag
from pipetask.photometry.lattice_weights import Method
from pipetask.photometry.outline_weights import outline_weights
from pipetask.photometry.planes import Floats, Planes, gather
from pipetask.photometry.shapes import Shape
from pipetask.photometry.sums import Request, Sums

_WORK_SIZE = 1 << 16


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
        half = [int(np.ceil(min(float(extent.max(initial=0.0)), 2e9))) for extent in (width, height)]
        sizes = [min(2 * extent + 1, length) for extent, length in zip(half, lengths, strict=True)]
        self.columns, self.rows = sizes
        first = [
            np.clip(np.floor(centre + 0.5) - extent, 0, length - size).astype(np.int64)
            for centre, extent, length, size in zip((x, y), half, lengths, sizes, strict=True)
        ]
        self._column, self._row = first

    @property
    def room(self) -> int:
        """Number of windows of this size that are worked on at once."""
        return max(1, _WORK_SIZE // (self.columns * self.rows))

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
    ) -> tuple[Floats, Mapping[ApertureFlag, npt.NDArray[np.bool_]]]:
        """Values, unusable ones nought, and which are by the flag that says why; shape (n, rows, columns)."""
        where = self._row, self._column, rows, self.columns
        values = gather(self._planes.image, *where).astype(np.float64)
        unusable = {}
        finite = np.isfinite(values)
        if not finite.all():
            unusable[ApertureFlag.NON_FINITE] = ~finite
        if self._planes.mask is not None:
            masked = gather(self._planes.mask, *where) != 0
            if ApertureFlag.NON_FINITE in unusable:
                unusable[ApertureFlag.NON_FINITE] &= ~masked
            unusable[ApertureFlag.MASKED] = masked
        for which in unusable.values():
            np.copyto(values, 0.0, where=which)
        return values, unusable

    def variances(self, rows: npt.NDArray[np.int64]) -> Floats:
        """Variances, shape (n, rows, columns)."""
        assert self._planes.variance is not None
        return gather(self._planes.variance, self._row, self._column, rows, self.columns).astype(np.float64)


def weigh(left: Floats, low: Floats, shape: Shape, method: Method, subpixels: int) -> Floats:
    """Weights of windows of pixels by their left and low sides from the centres, shape (n, rows, columns)."""
    if method == "exact":
        return outline_weights(left, low, shape)
    return chord_weights(left, low, shape, subpixels if method == "subpixel" else 1)


def _aperture(
    sums: Sums, index: int, planes: Planes, x: Floats, y: Floats, shape: Shape, request: Request
) -> None:
    for part, window in windows(planes, x, y, shape):
        some, found = shape.take(part), sums.take(part)
        for rows in window.strips():
            weights = weigh(*window.corners(rows), some, request.method, request.subpixels)
            values, unusable = window.pixels(rows)
            found.full[index] += _total(weights)
            for flag, which in unusable.items():
                touched = (which & (weights > 0)).any(axis=(1, 2))
                found.flags[index] |= touched * np.int64(flag)
                np.copyto(weights, 0.0, where=which)
            found.area[index] += _total(weights)
            found.flux[index] += _product(weights, values)
            if planes.variance is not None:
                variances = np.where(weights > 0, window.variances(rows), 0.0)
                if request.power == 2:
                    weights *= weights
                found.variance[index] += _product(weights, variances)
    for centre, extent, length in zip((x, y), shape.extents, planes.shape[::-1], strict=True):
        off = (centre - extent < -0.5) | (centre + extent > length - 0.5)
        sums.flags[index][off] |= ApertureFlag.EDGE


def _ring(sums: Sums, planes: Planes, x: Floats, y: Floats, shape: Shape, request: Request) -> None:
    assert request.ring is not None
    ring = request.ring
    outer, inner = shape.scaled(ring.r_out), shape.scaled(ring.r_in)
    # what rounding leaves of it
    nothing = 1e-10 * np.minimum(outer.a * outer.b, outer.a + outer.b)
    for part, window in windows(planes, x, y, outer):
        area, mean, square = np.zeros((3, len(x[part])))
        for rows in window.strips():
            corners = window.corners(rows)
            weights = weigh(*corners, outer.take(part), ring.method, request.subpixels)
            if ring.r_in > 0:
                weights -= weigh(*corners, inner.take(part), ring.method, request.subpixels)
            values, unusable = window.pixels(rows)
            for which in unusable.values():
                np.copyto(weights, 0.0, where=which)
            added = _total(weights)
            filled = added > nothing[part]
            added[~filled] = 0.0
            area += added
            offset = np.divide(_product(weights, values), added, out=mean.copy(), where=filled) - mean
            share = np.divide(added, area, out=np.zeros(len(area)), where=filled)
            values -= (mean + offset)[:, None, None]
            square += np.where(filled, _product(weights, values * values), 0.0)
            square += offset**2 * share * (area - added)
            mean += offset * share
        filled = area > 0
        sums.background[part] = np.where(filled, mean, np.nan)
        spread = np.sqrt(np.maximum(square, 0.0))
        sums.background_err[part] = np.divide(spread, area, out=np.full(len(area), np.nan), where=filled)
        sums.ring_area[part] = area


def _total(weights: Floats) -> Floats:
    """Σ w of each window."""
    total: Floats = weights.reshape(len(weights), -1).sum(axis=1)
    return total


def _product(weights: Floats, values: Floats) -> Floats:
    """Σ w·value of each window."""
    # vecdot would start threads for large windows
    product: Floats = np.einsum("nij,nij->n", weights, values)
    return product


def alike(shape: Shape) -> npt.NDArray[np.intp]:
    """Order in which neighbours have windows of nearly the same size, and otherwise stay as they come."""
    width, height = shape.extents
    return np.lexsort((np.ceil(8 * np.log2(height)), np.ceil(4 * np.log2(width))))


def windows(planes: Planes, x: Floats, y: Floats, shape: Shape) -> Iterator[tuple[slice, Window]]:
    """Parts of the sources, best in the order of `alike`, whose windows stay within bounds."""
    width, height = shape.extents
    start = 0
    while start < len(x):
        part = slice(start, start + 1)
        window = Window(planes, x[part], y[part], width[part], height[part])
        count = min(window.room, len(x) - start)
        while True:  # less than there is room for if all are like the first, where some are larger
            part = slice(start, start + count)
            window = Window(planes, x[part], y[part], width[part], height[part])
            if count <= window.room:
                break
            count = max(window.room, count // 2)
        yield part, window
        start += count
