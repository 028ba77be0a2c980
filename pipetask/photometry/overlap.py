"""How much of each pixel a circle covers, for many circles of one radius at once.

Weights come in two layouts. The *lattice* is for circles that lie inside the image: pixels are named by their
offset from the pixel that holds the centre, so that which pixels a circle of a given radius can touch is the
same for all centres (`bands`), and the sums run over pixels with the centres along the last, contiguous axis.
*Dense* weights cover any rectangle of pixels per centre; they serve circles that cross an edge or are larger
than the image.

Formulae: docs/concepts/aperture_overlap.md.
"""

import functools
import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Method = Literal["exact", "center", "subpixel"]

# Up to this radius the corner integrals keep weights to 1e-13; above it their cancellation (which grows with
# the square of the radius) is avoided by the cell formula, which costs three times as much per pixel.
CORNER_RADIUS = 16.0

# What one more band costs, in pixels per quadrant: numpy's overhead of about 25 calls against 6 ns per pixel
# and centre.
_BAND_COST = 3


@dataclass(frozen=True, slots=True)
class Band:
    """Rows ``first_row`` to ``last_row`` of all four quadrants, whose boundary lies in the given columns.

    Rows and columns count outwards from the central pixel, which is 0; both ends are inclusive. Columns
    nearer to the centre than ``first_column`` are covered wholly, those beyond ``last_column`` not at all.
    """

    first_row: int
    last_row: int
    first_column: int
    last_column: int

    @property
    def rows(self) -> int:
        """Number of rows per quadrant."""
        return self.last_row - self.first_row + 1

    @property
    def columns(self) -> int:
        """Number of boundary columns per quadrant."""
        return self.last_column - self.first_column + 1

    @property
    def corners(self) -> int:
        """Number of pixel corners in all four quadrants, the size of the work arrays."""
        return 4 * (self.rows + 1) * (self.columns + 1)


def reach(radius: float) -> int:
    """Largest distance in pixels from the central pixel to one that a circle can touch."""
    return math.ceil(radius)


@functools.lru_cache(maxsize=128)
def bands(radius: float) -> tuple[Band, ...]:
    """Divide the lattice into bands of rows, so that few weights beyond the boundary's are computed.

    Valid for every position of the centre inside the central pixel.
    """
    size = reach(radius) + 1
    squares = np.arange(size + 1, dtype=np.float64) ** 2
    inner, outer = [], []
    for row in range(size):
        inside = squares[1:] + squares[row + 1] <= radius**2
        touched = squares[np.maximum(np.arange(size) - 1, 0)] + squares[max(row - 1, 0)] < radius**2
        inner.append(int(inside.sum()))
        outer.append(int(touched.sum()) - 1)
    rows = sum(last >= 0 for last in outer)
    best: list[tuple[int, tuple[Band, ...]]] = [(0, ())]
    for stop in range(1, rows + 1):
        choices = []
        for start in range(max(0, stop - 24), stop):
            band = Band(start, stop - 1, min(inner[start:stop]), max(outer[start:stop]))
            cost = (band.rows + 1) * (band.columns + 1) + _BAND_COST
            choices.append((best[start][0] + cost, (*best[start][1], band)))
        best.append(min(choices, key=lambda choice: choice[0]))
    return best[-1][1]


class LatticeOverlap:
    """Weights of boundary pixels for circles of one radius, centred anywhere inside their central pixel.

    Parameters
    ----------
    radius : float
        Radius [pixel].
    fx, fy : `numpy.ndarray`, shape (n,), float64
        Centre minus the centre of the central pixel, within [-0.5, 0.5] [pixel].
    method : {"exact", "center", "subpixel"}
        Area covered; 1 if the pixel's centre is inside; part of ``subpixels``² sub-pixel centres inside.
    subpixels : int
        Divisions of a pixel's side, for "subpixel".
    """

    def __init__(self, radius: float, fx: Floats, fy: Floats, method: Method, subpixels: int) -> None:
        self._radius = radius
        self._method = method
        self._divisions = subpixels if method == "subpixel" else 1
        if method != "exact":
            self._x = _sample_squares(fx, reach(radius), self._divisions)
            self._y = _sample_squares(fy, reach(radius), self._divisions)
            return
        self._x = np.minimum(_lines(fx, reach(radius)), radius)
        self._y = np.minimum(_lines(fy, reach(radius)), radius)
        self._chord = _half_chord(self._y, radius)
        if radius > CORNER_RADIUS:
            self._height = _half_chord(self._x, radius)
            return
        quarter = 0.25 * np.pi * radius**2
        self._under = _chord_integral(self._x, _half_chord(self._x, radius), radius)
        self._beside = (
            self._chord * self._y + quarter - _chord_integral(self._y, self._chord, radius)
        )  # = integral up to the half-chord

    def weights(self, band: Band) -> Floats:
        """Weights in shape (2 down/up, rows, 2 left/right, columns, n), rows and columns counted outwards.

        The central row and column appear in two quadrants each: their weight stands in the "up" or "right"
        one, the other is nought, so that a sum over the array is right, and one over its squares as well.
        """
        lines = slice(band.first_row, band.last_row + 2), slice(band.first_column, band.last_column + 2)
        if self._method != "exact":
            weights = self._counted(band)
        elif self._radius > CORNER_RADIUS:
            weights = self._cells(*lines)
        else:
            weights = self._corners(*lines)
        for axis, first in ((0, band.first_row), (2, band.first_column)):
            if first == 0:
                view = np.moveaxis(weights, (axis, axis + 1), (0, 1))
                if self._method == "exact":
                    view[1, 0] += view[0, 0]
                view[0, 0] = 0.0
        return weights

    def _corners(self, rows: slice, columns: slice) -> Floats:
        """Mixed difference of the area between the centre lines and each pixel corner."""
        chord = self._chord[:, rows, None, None]
        beside = self._beside[:, rows, None, None]
        area = np.minimum(self._x[:, columns], chord)
        area *= self._y[:, rows, None, None]
        area += np.maximum(self._under[:, columns], beside)
        along_x = area[:, :, :, 1:] - area[:, :, :, :-1]
        return along_x[:, 1:] - along_x[:, :-1]

    def _cells(self, rows: slice, columns: slice) -> Floats:
        height, x = (table[:, columns] for table in (self._height, self._x))
        chord, y = (table[:, rows, None, None] for table in (self._chord, self._y))
        return _cell_areas(
            Sides(x[:, :-1], x[:, 1:], height[:, :-1], height[:, 1:]),
            Sides(y[:, :-1], y[:, 1:], chord[:, :-1], chord[:, 1:]),
            self._radius,
        )

    def _counted(self, band: Band) -> Floats:
        """Part of the sample points of each pixel that lie inside the circle."""
        x = self._x[:, :, band.first_column : band.last_column + 1]
        y = self._y[:, :, band.first_row : band.last_row + 1, None, None]
        return _share_inside(x, y, self._radius)


def dense_weights(x_edges: Floats, y_edges: Floats, radius: float, method: Method, subpixels: int) -> Floats:
    """Weights of the pixels of one rectangle per circle.

    Parameters
    ----------
    x_edges, y_edges : `numpy.ndarray`, shape (columns + 1, n) and (rows + 1, n)
        Pixel borders relative to the circle's centre [pixel], ascending.
    radius, method, subpixels
        As for `LatticeOverlap`.

    Returns
    -------
    weights : `numpy.ndarray`, shape (rows, columns, n)
    """
    if method != "exact":
        divisions = subpixels if method == "subpixel" else 1
        x = _samples(x_edges[:-1], divisions) ** 2
        y = _samples(y_edges[:-1], divisions) ** 2
        return _share_inside(x, y[:, :, None], radius)
    (x_near, x_far, x_split), (y_near, y_far, y_split) = (
        _fold(np.clip(edges, -radius, radius)) for edges in (x_edges, y_edges)
    )
    cells = _cell_areas(
        Sides.of(x_near[None], x_far[None], radius), Sides.of(y_near[:, None], y_far[:, None], radius), radius
    )
    each = np.arange(x_edges.shape[1])
    cells[y_split, :, each] += cells[-1].T
    cells[:, x_split, each] += cells[:, -1]
    return cells[:-1, :-1]


class Sides(NamedTuple):
    """Distances of the nearer and the farther side of pixels from the centre, and the half-chords there."""

    near: Floats
    far: Floats
    near_chord: Floats
    far_chord: Floats

    @classmethod
    def of(cls, near: Floats, far: Floats, radius: float) -> "Sides":
        """Compute the half-chords."""
        return cls(near, far, _half_chord(near, radius), _half_chord(far, radius))


def _lines(offset: Floats, size: int) -> Floats:
    """Distances of pixel borders from the centre, itself first; shape (2 down/up, size + 2, n)."""
    borders = np.arange(size + 1)[:, None] + 0.5
    lines = np.zeros((2, size + 2, len(offset)))
    np.add(borders, offset, out=lines[0, 1:])
    np.subtract(borders, offset, out=lines[1, 1:])
    return lines


def _half_chord(distance: Floats, radius: float) -> Floats:
    """Half the length of the chord at a distance from the centre, which must not pass the radius."""
    return np.sqrt((radius - distance) * (radius + distance))


def _chord_integral(distance: Floats, half_chord: Floats, radius: float) -> Floats:
    """Area under the upper half of the circle from the centre line to a distance."""
    # the arcsine is taken of the smaller leg: near the rim that of distance / radius would lose half of the
    # digits
    angle = np.arcsin(np.minimum(distance, half_chord) / radius)
    angle = np.where(distance <= half_chord, angle, 0.5 * np.pi - angle)
    return 0.5 * (distance * half_chord + radius**2 * angle)


def _cell_areas(x: Sides, y: Sides, radius: float) -> Floats:
    """Area of a circle inside rectangles of its first quadrant, none of whose sides passes the radius.

    Between the points where the arc enters and leaves, the area is a trapezium and a circular segment. All
    differences are of near numbers, so the error stays of the order of the radius times the machine
    precision. In place throughout: fresh arrays would cost as much as the arithmetic.
    """
    left = np.minimum(x.near, y.near_chord)
    np.maximum(left, y.far_chord, out=left)
    run = np.minimum(x.far, y.near_chord)
    np.maximum(run, y.far_chord, out=run)
    run -= left
    area = np.maximum(x.near_chord, y.near, out=left)
    np.minimum(area, y.far, out=area)
    right_height = np.maximum(x.far_chord, y.near)
    np.minimum(right_height, y.far, out=right_height)
    rise = area - right_height
    area += right_height
    area *= 0.5
    area -= y.near
    area *= run
    full = np.minimum(y.far_chord, x.far, out=right_height)
    np.maximum(full, x.near, out=full)
    full -= x.near
    full *= y.far - y.near
    area += full
    run *= run
    rise *= rise
    run += rise
    half_chord = np.sqrt(run, out=run)
    half_chord *= 0.5 / radius
    angle = np.arcsin(half_chord, out=rise)
    half_chord *= np.sqrt(1.0 - half_chord * half_chord, out=full)
    angle -= half_chord
    angle *= radius**2
    area += angle
    return area


def _fold(edges: Floats) -> tuple[Floats, Floats, npt.NDArray[np.intp]]:
    """Distances of the near and far side of each pixel, and which pixel the centre line splits.

    One entry is added at the end: the smaller part of the split pixel (empty if there is none).
    """
    low, high = edges[:-1], edges[1:]
    split = (low < 0) & (high > 0)
    near, far = np.minimum(np.abs(low), np.abs(high)), np.maximum(np.abs(low), np.abs(high))
    rest = np.where(split, near, 0.0).max(axis=0)
    near = np.where(split, 0.0, near)
    extended_near = np.concatenate([near, np.zeros_like(rest)[None]])
    return extended_near, np.concatenate([far, rest[None]]), split.argmax(axis=0)


def _samples(low: Floats, divisions: int) -> Floats:
    """Sample points of pixels that begin at ``low``, shape (divisions, ...).

    Steps are added up one by one, as photutils does: a point on the rim has to fall on the same side.
    """
    step = ((low + 1.0) - low) / divisions
    points = np.empty((divisions, *low.shape))
    point = low - 0.5 * step
    for index in range(divisions):
        point = point + step
        points[index] = point
    return points


def _share_inside(x: Floats, y: Floats, radius: float) -> Floats:
    """Part of the sample points nearer than the radius, from squared distances along each axis."""
    divisions = len(x)
    shape = np.broadcast_shapes(x.shape[1:], y.shape[1:])
    squares, inside = np.empty(shape), np.empty(shape, dtype=bool)
    # counted in short integers: eight times less memory to pass over than in floats
    count = np.zeros(shape, dtype=np.uint8 if divisions < 16 else np.uint32)
    for row in range(divisions):
        for column in range(divisions):
            np.add(x[column], y[row], out=squares)
            np.less(squares, radius**2, out=inside)
            count += inside
    return count / divisions**2


def _sample_squares(offset: Floats, size: int, divisions: int) -> Floats:
    """Squared distances of sample points, shape (divisions, 2 down/up, size + 1, n)."""
    steps = np.arange(size + 1)[:, None]
    low = np.stack([-steps - 0.5 - offset, steps - 0.5 - offset])
    return _samples(low, divisions) ** 2
