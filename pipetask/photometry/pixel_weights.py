"""Weights of listed pixels of circles and ellipses: any shape, any place, one pixel per array element."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipetask.photometry.circle import half_chord, segment
from pipetask.photometry.lattice_weights import Method
from pipetask.photometry.planes import Floats
from pipetask.photometry.sample_weights import samples


@dataclass(frozen=True, slots=True)
class Shape:
    """Ellipses: semi-axes [pixel] and the angle of the first from the x axis [rad], each of shape (n,).

    ``round`` says that all are circles, whatever the angle.
    """

    a: Floats
    b: Floats
    theta: Floats
    round: bool

    @classmethod
    def circles(cls, radius: float, count: int) -> "Shape":
        """Circles of one radius."""
        each = np.full(count, radius)
        return cls(each, each, np.zeros(count), round=True)

    def take(self, index: npt.NDArray[np.intp] | slice) -> "Shape":
        """Some of them."""
        return Shape(self.a[index], self.b[index], self.theta[index], self.round)

    def scaled(self, factor: float) -> "Shape":
        """The same shapes, larger by a factor."""
        return Shape(self.a * factor, self.b * factor, self.theta, self.round)

    @property
    def extents(self) -> tuple[Floats, Floats]:
        """Half the width and half the height of the smallest upright rectangle about each."""
        if self.round:
            return self.a, self.a
        cos, sin = np.cos(self.theta), np.sin(self.theta)
        return np.hypot(self.a * cos, self.b * sin), np.hypot(self.a * sin, self.b * cos)

    def to_circle(self) -> tuple[Floats, Floats, Floats, Floats]:
        """The map that makes each a unit circle: u = xx·x + xy·y, v = yx·x + yy·y."""
        cos, sin = np.cos(self.theta), np.sin(self.theta)
        return cos / self.a, sin / self.a, -sin / self.b, cos / self.b


def listed_weights(left: Floats, low: Floats, shape: Shape, method: Method, subpixels: int) -> Floats:
    """Weights of unit pixels from their lower left corners, relative to the centres, one shape per pixel."""
    if method != "exact":
        return _sampled(left, low, shape, subpixels if method == "subpixel" else 1)
    if shape.round:
        return rectangle_areas(left, left + 1.0, low, low + 1.0, shape.a)
    return _ellipse_areas(left, low, shape)


def _sampled(left: Floats, low: Floats, shape: Shape, divisions: int) -> Floats:
    x, y = samples(left, divisions), samples(low, divisions)
    count = np.zeros(len(left))
    cos, sin = np.cos(shape.theta), np.sin(shape.theta)
    for sample_y in y:
        for sample_x in x:
            if shape.round:
                count += sample_x * sample_x + sample_y * sample_y < shape.a * shape.a
            else:
                along, across = sample_y * sin + sample_x * cos, sample_y * cos - sample_x * sin
                count += (along / shape.a) ** 2 + (across / shape.b) ** 2 < 1
    return count / divisions**2


def rectangle_areas(left: Floats, right: Floats, low: Floats, high: Floats, radius: Floats) -> Floats:
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


def _ellipse_areas(left: Floats, low: Floats, shape: Shape) -> Floats:
    """Covered area: the map to the unit circle makes the pixel a parallelogram; its sides are summed up."""
    xx, xy, yx, yy = shape.to_circle()
    corners = [(left, low), (left + 1.0, low), (left + 1.0, low + 1.0), (left, low + 1.0)]
    mapped = [(xx * x + xy * y, yx * x + yy * y) for x, y in corners]
    area = np.zeros(len(left))
    for (u1, v1), (u2, v2) in zip(mapped, mapped[1:] + mapped[:1], strict=True):
        area += _swept(u1, v1, u2, v2)
    area[area < 1e-14] = 0.0  # what rounding leaves of nothing
    return np.minimum(area * shape.a * shape.b, 1.0)


def _swept(u1: Floats, v1: Floats, u2: Floats, v2: Floats) -> Floats:
    """Signed area of the unit disc inside the triangle from the origin over a directed side.

    The part of the side inside the disc sweeps a triangle, the parts outside sweep circular sectors.
    """
    du, dv = u2 - u1, v2 - v1
    length2 = du * du + dv * dv
    cross = u1 * v2 - u2 * v1
    along = -(u1 * du + v1 * dv) / length2
    inside2 = 1.0 / length2 - (cross / length2) ** 2  # square of half the chord over the side's length
    half = np.sqrt(np.maximum(inside2, 0.0))
    enters, leaves = np.clip(along - half, 0.0, 1.0), np.clip(along + half, 0.0, 1.0)
    misses = inside2 <= 0
    enters, leaves = np.where(misses, 1.0, enters), np.where(misses, 1.0, leaves)
    triangle = cross * (leaves - enters)
    before = _angle(u1, v1, u1 + enters * du, v1 + enters * dv, cross * enters)
    after = _angle(u1 + leaves * du, v1 + leaves * dv, u2, v2, cross * (1.0 - leaves))
    return 0.5 * (triangle + before + after)


def _angle(u1: Floats, v1: Floats, u2: Floats, v2: Floats, cross: Floats) -> Floats:
    return np.arctan2(cross, u1 * u2 + v1 * v2)
