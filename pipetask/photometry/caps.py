"""Boundary pixels of large circles: the arc is cut where it runs at 45 degrees, into four caps.

Within a cap the arc changes by less than a pixel's side over each column: it crosses at most one row border
there, and touches two pixels. So the work grows with the circumference. Two caps are made of columns of the
image, two of rows; both are called columns here. Formulae: docs/concepts/aperture_overlap.md.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np

from pipetask.photometry.bands import reach
from pipetask.photometry.circle import border_lines, half_chord
from pipetask.photometry.planes import Floats, Integers


@dataclass(frozen=True, slots=True)
class Caps:
    """A pair of opposite caps: which pixels of each column are looked at, wherever the centre is.

    ``bases`` are the first ones, counted outwards from the central row as 0; all nearer ones are inside the
    circle or belong to the other pair. ``rows`` and ``columns`` are all pixels by their offset from the
    central one, in the shape (2, 2, depth, length): the two halves of a cap, the two caps, outwards, along.
    """

    bases: Integers
    rows: Integers
    columns: Integers

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of ``rows`` and ``columns``."""
        return self.rows.shape

    def places(self, row_length: int) -> Integers:
        """The pixels by their distance from the central one in the memory of an image."""
        return (self.rows * row_length + self.columns).reshape(-1)

    @classmethod
    def upright(cls, radius: float, length: int, first: int) -> "Caps":
        """Columns from the central one outwards, their pixels from the given row."""
        number = np.arange(length)
        bases = np.maximum(inner_halves(radius)[:length], first)
        highest = np.sqrt(np.maximum(radius**2 - np.maximum(number - 1, 0) ** 2, 0.0)) + 1
        depth = int((np.ceil(highest) - bases).max())
        # what is further than the reach is touched at most, by rounding
        rows = np.minimum(bases + np.arange(depth)[:, None], reach(radius))
        halves = np.array([-1, 1])[:, None, None, None]
        shape = 2, 2, depth, length
        rows, columns = np.broadcast_to(halves[:, 0] * rows, shape), np.broadcast_to(halves * number, shape)
        return cls(bases, rows, columns)

    def turned(self) -> "Caps":
        """Rows for columns."""
        return Caps(self.bases, self.columns, self.rows)


@dataclass(frozen=True, slots=True)
class Circle:
    """The caps of a circle; ``last`` is the last column that the upright pair has wherever the centre is."""

    radius: float
    last: int
    upright: Caps
    sideways: Caps


@functools.lru_cache(maxsize=64)
def circle_caps(radius: float) -> Circle:
    """Cut a circle of at least radius 1 into caps; see `CapWeights`."""
    last = math.floor(_corner(radius) - 1.0)
    rows = math.ceil(_corner(radius) + 1.0)
    upright = Caps.upright(radius, last + 2, 0)
    return Circle(radius, last, upright, Caps.upright(radius, rows, last + 1).turned())


@functools.lru_cache(maxsize=64)
def inner_halves(radius: float) -> Integers:
    """Pixels per row, from the central one outwards, that are inside wherever the centre is in its pixel."""
    squares = np.arange(1.0, reach(radius) + 3) ** 2
    halves = np.floor(np.sqrt(np.maximum(radius**2 - squares, 0.0)))
    # the root may be rounded to the next whole number
    halves -= halves**2 + squares > radius**2
    halves += (halves + 1) ** 2 + squares <= radius**2
    return np.maximum(halves, 0).astype(np.int64)


def _corner(radius: float) -> float:
    """Largest distance of the corner between caps: a step of 1 inwards along the arc is one of 1 outwards."""
    return math.sqrt(radius**2 / 2 - 0.25) + 0.5


class CapWeights:
    """Weights of the boundary pixels of circles of one radius, the sources along the last axis.

    A pair of caps ends at the last pixel border within `_corner`, which depends on the centre: up to there
    the arc falls by no more than 1 per column, and likewise beyond it for the other pair.
    """

    def __init__(self, circle: Circle, fx: Floats, fy: Floats) -> None:
        self._circle, self._fx, self._fy = circle, fx, fy
        x, y = border_lines(fx, circle.upright.shape[-1]), border_lines(fy, circle.sideways.shape[-1])
        self._longer = x[:, -1] <= _corner(circle.radius)
        corner = np.where(self._longer, x[:, -1], x[:, -2])
        self._x = np.minimum(x, corner[:, None])[:, None]
        self._y = np.minimum(y[:, None], half_chord(corner, circle.radius)[:, None])

    def upright(self) -> tuple[Floats, Floats, Integers]:
        """Weights of the upper and the lower cap; see `_weights`."""
        return _weights(self._circle.radius, self._circle.upright, self._x, self._fy)

    def sideways(self) -> tuple[Floats, Floats, Integers]:
        """Weights of the left and the right cap; see `_weights`."""
        circle = self._circle
        partly, highest, places = _weights(circle.radius, circle.sideways, self._y, self._fx)
        # what the upright pair has where it is longer by a column
        shared = int(np.count_nonzero(circle.sideways.bases > circle.last + 1))
        partly[:, :, 0, shared:] *= ~self._longer[:, None]
        return partly, highest, places


def _weights(radius: float, caps: Caps, lines: Floats, offset: Floats) -> tuple[Floats, Floats, Integers]:
    """Weights of a pair of caps.

    ``lines`` are the borders of the columns, of shape (2, 1 or 2, length + 1, n), ``offset`` is that of the
    centre across them. Returns the weights of all pixels but the last of each column, less the highest
    that the arc touches; the weights of those; and their places in an array of the shape of all.
    """
    depth, length = caps.shape[2:]
    near, far = lines[:, :, :-1], lines[:, :, 1:]
    width = far - near
    chord = lines * lines
    np.subtract(radius**2, chord, out=chord)
    np.sqrt(chord, out=chord)
    high, low = chord[:, :, :-1], chord[:, :, 1:]
    total = high + low
    total *= 0.5
    total *= width
    total += _segment(width, high - low, radius)
    # heights are counted from the first pixel's inner border
    origin = np.stack([0.5 - offset, 0.5 + offset])[:, None] - caps.bases[:, None]
    level = high + origin
    np.floor(level, out=level)
    np.clip(level, 0, depth - 1, out=level)
    line = level - origin
    run = half_chord(np.minimum(line, radius), radius)
    np.clip(run, near, far, out=run)
    run -= near
    end = np.maximum(line, low)
    highest = high + end
    highest *= 0.5
    highest -= line
    highest *= run
    np.subtract(high, end, out=end)
    highest += _segment(run, end, radius)
    rest = width * origin
    rest += total
    rest -= highest
    partly = np.empty((2, 2, depth - 1, *rest.shape[2:]))
    lower = np.minimum(rest, width, out=partly[:, :, 0])
    for row in range(1, depth - 1):
        upper = np.minimum(rest, width * (row + 1)) if row < depth - 2 else rest
        np.subtract(upper, lower, out=partly[:, :, row])
        lower = upper
    for weights in (partly, highest):  # the halves of the central column
        weights[1, ..., 0, :] += weights[0, ..., 0, :]
        weights[0, ..., 0, :] = 0.0
    places = level.astype(np.int64)
    places *= length * len(offset)
    places += np.arange(length * len(offset)).reshape(length, -1)
    places += (np.arange(4) * (depth * length * len(offset))).reshape(2, 2, 1, 1)
    return partly, highest, places


def _segment(dx: Floats, dy: Floats, radius: float) -> Floats:
    """Area between a chord no longer than the root of 2 and its arc, by its series; radii from 16."""
    square = dx * dx
    square += dy * dy
    last, *others = _series(radius)
    area = square * last
    for factor in others:
        area += factor
        area *= square
    area *= np.sqrt(square, out=square)
    return area


@functools.lru_cache(maxsize=64)
def _series(radius: float) -> tuple[float, ...]:
    """Factors of r²(arcsin k - k sqrt(1 - k²)), k = c / 2r, for c to the third, fifth, …; the last first."""
    terms = ((2 / 3, 3), (1 / 5, 5), (3 / 28, 7), (5 / 72, 9))
    factors = [factor / (2 * radius) ** power * radius**2 for factor, power in terms]
    return tuple(factor for place, factor in enumerate(factors) if factor * 2**place > 1e-15)[::-1]
