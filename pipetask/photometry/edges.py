"""Circles that cross the edge: their surroundings are copied, with nought or masked pixels off the image."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pipetask.photometry.circle import half_chord, segment
from pipetask.photometry.flags import ApertureFlag
from pipetask.photometry.lattice import TOUCHED, margin, pixel_sums
from pipetask.photometry.planes import Floats, Integers, Pixels, Planes
from pipetask.photometry.sums import Request, Sums

# Windows larger than this from the centre are left to the general path.
LARGEST = 128

# Pixels of the copies that are made at once.
_COPY_SIZE = 1 << 21


def crosses_edge(planes: Planes, x: Floats, y: Floats, request: Request) -> npt.NDArray[np.bool_]:
    """Which circles `edge_sums` can do: near the image and of moderate size."""
    size = margin(request)
    if size > LARGEST or not planes.image.size:
        return np.zeros(len(x), bool)
    rows, columns = planes.shape
    return (x > -0.5 - size) & (x < columns - 0.5 + size) & (y > -0.5 - size) & (y < rows - 0.5 + size)


def edge_sums(planes: Planes, x: Floats, y: Floats, request: Request) -> Sums:
    """Sum over circles that `crosses_edge` named; not finite where a pixel is not."""
    sums = Sums.nothing(len(request.radii), len(x))
    size = margin(request)
    side = 2 * size + 1
    step = max(1, _COPY_SIZE // side**2)
    # nought is enough off the image where areas come by formula
    bare = planes.mask is None and request.ring is None and request.method == "exact"
    for start in range(0, len(x), step):
        part = slice(start, start + step)
        column, row = (np.floor(centre[part] + 0.5).astype(np.int64) for centre in (x, y))
        around = _Surroundings.of(planes.shape, column, row, size)
        image = around.copied(planes.image)
        variance = None if planes.variance is None else around.copied(planes.variance)
        pixel = np.full_like(row, size), np.arange(len(row)) * side + size
        offset = x[part] - column, y[part] - row
        if bare:
            sums.put(part, pixel_sums(Planes(image, variance), pixel, offset, request))
            continue
        off = around.off_image()
        bad = off if planes.mask is None else off | (around.copied(planes.mask) != 0)
        sums.put(part, pixel_sums(Planes(image, variance, bad), pixel, offset, request))
        sums.full[:, part] = sums.area[:, part]
        if planes.mask is not None:
            unmasked = Planes(np.zeros_like(image), None, off)
            sums.full[:, part] = pixel_sums(unmasked, pixel, offset, replace(request, ring=None)).area
    if bare:
        left, right = -0.5 - x, planes.shape[1] - 0.5 - x
        low, high = -0.5 - y, planes.shape[0] - 0.5 - y
        for index, radius in enumerate(request.radii):
            sums.area[index] = _rectangle_areas(left, right, low, high, np.full(len(x), radius))
            sums.full[index] = sums.area[index]
    for index, radius in enumerate(request.radii):
        near = (x - radius < -0.5) | (y - radius < -0.5)
        far = (x + radius > planes.shape[1] - 0.5) | (y + radius > planes.shape[0] - 0.5)
        for area in (sums.area[index], sums.full[index]):
            area[area < 1e-10 * radius**2] = 0.0  # what rounding leaves of nothing
        masked = sums.area[index] < sums.full[index] * TOUCHED
        sums.flags[index] = (near | far) * np.int64(ApertureFlag.EDGE) | masked * np.int64(
            ApertureFlag.MASKED
        )
    return sums


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """Squares about pixels, one below the other; each reaches the image.

    ``inside`` are the first and the end of the rows, and of the columns, of each square that are on the
    image, of shape (4, n); ``corner`` the row and the column of its first pixel, of shape (2, n).
    """

    side: int
    inside: Integers
    corner: Integers

    @classmethod
    def of(cls, shape: tuple[int, int], column: Integers, row: Integers, size: int) -> "_Surroundings":
        """Find the parts on an image of squares that reach ``size`` pixels from their central one."""
        side = 2 * size + 1
        corner = np.stack([row - size, column - size])
        first, end = np.maximum(-corner, 0), np.minimum(np.array(shape)[:, None] - corner, side)
        return cls(side, np.stack([first[0], end[0], first[1], end[1]]), corner)

    def copied(self, plane: Pixels) -> Pixels:
        """Copy pixels, with nought off the image.

        One square after the other, since slices move a row of pixels at once: numbers per pixel cost ten
        times more.
        """
        squares: Pixels = np.zeros((self.inside.shape[1], self.side, self.side), plane.dtype)
        top, bottom, left, right = self.inside
        row, column = self.corner
        ends = top, bottom, left, right, row + top, row + bottom, column + left, column + right
        for square, a, b, c, d, e, f, g, h in zip(squares, *(end.tolist() for end in ends), strict=True):
            square[a:b, c:d] = plane[e:f, g:h]
        return squares.reshape(-1, self.side)

    def off_image(self) -> npt.NDArray[np.bool_]:
        """Tell which pixels are off the image."""
        place = np.arange(self.side)
        top, bottom, left, right = self.inside[:, :, None]
        rows, columns = (place < top) | (place >= bottom), (place < left) | (place >= right)
        off: npt.NDArray[np.bool_] = rows[:, :, None] | columns[:, None]
        return off.reshape(-1, self.side)


def _rectangle_areas(left: Floats, right: Floats, low: Floats, high: Floats, radius: Floats) -> Floats:
    """Area that circles cover of rectangles, whose sides are relative to the centres.

    By the cell formula; a rectangle that a centre line cuts is the sum of its parts.
    """
    edges = [np.clip(edge, -radius, radius) for edge in (left, right, low, high)]
    area = np.zeros(len(left))
    # each axis has a part on the positive and one on the negative side, one of them mostly empty
    for near_x, far_x in _sides(edges[0], edges[1]):
        for near_y, far_y in _sides(edges[2], edges[3]):
            some = np.flatnonzero((far_x > near_x) & (far_y > near_y))
            if len(some):
                x, y = (near_x[some], far_x[some]), (near_y[some], far_y[some])
                area[some] += _cell_areas(*x, *y, radius[some])
    return area


def _sides(low: Floats, high: Floats) -> list[tuple[Floats, Floats]]:
    return [
        (np.maximum(low, 0.0), np.maximum(high, 0.0)),
        (np.maximum(-high, 0.0), np.maximum(-low, 0.0)),
    ]


def _cell_areas(x1: Floats, x2: Floats, y1: Floats, y2: Floats, radius: Floats) -> Floats:
    """Area of a circle inside rectangles of its first quadrant, none of whose sides passes the radius.

    Between the points where the arc enters and leaves, the area is a trapezium and a circular segment. All
    differences are of near numbers, so the error stays of the order of the radius times the machine
    precision.
    """
    near_chord, far_chord = half_chord(y1, radius), half_chord(y2, radius)
    enters = np.clip(x1, far_chord, near_chord)
    run = np.clip(x2, far_chord, near_chord) - enters
    first = np.clip(half_chord(x1, radius), y1, y2)
    last = np.clip(half_chord(x2, radius), y1, y2)
    area = (0.5 * (first + last) - y1) * run
    area += (np.clip(far_chord, x1, x2) - x1) * (y2 - y1)
    area += segment(run, first - last, radius)
    return area
