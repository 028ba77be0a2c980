"""Weights of the boundary pixels of many circles of one radius, centred anywhere in the central pixel.

Pixels are named by their offset from the central one and laid out in four quadrants: an array has the shape
(2 down/up, rows, 2 left/right, columns, n), rows and columns counted outwards, the circles along the last,
contiguous axis. The central row and column stand in two quadrants each; there the "up" and "right" ones hold
the whole weight. Formulae: docs/concepts/aperture_overlap.md.
"""

from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from pipetask.photometry.bands import Band, reach

Floats = npt.NDArray[np.float64]
Method = Literal["exact", "center", "subpixel"]

# Up to this radius the corner integrals, which are taken from the centre, keep weights to 3e-14; their
# rounding errors grow with the square of the radius. Beyond, integrals are taken from the band's own corner.
CORNER_RADIUS = 16.0


class LatticeWeights(Protocol):
    """What the sums need to know of a method."""

    band_cost: int

    def weights(self, band: Band) -> Floats:
        """Weights of the pixels of a band; the caller may change them."""
        ...


def lattice_weights(
    radius: float, fx: Floats, fy: Floats, method: Method, subpixels: int
) -> "CornerWeights | ArcWeights | SampleWeights":
    """Prepare weights; ``fx``, ``fy`` are the centre from that of its pixel, within [-0.5, 0.5]."""
    if method != "exact":
        return SampleWeights(radius, fx, fy, subpixels if method == "subpixel" else 1)
    return CornerWeights(radius, fx, fy) if radius <= CORNER_RADIUS else ArcWeights(radius, fx, fy)


def band_cost(radius: float, method: Method, subpixels: int) -> int:
    """Cost of one more band, in pixels per quadrant (benchmarks/photometry.py)."""
    if method == "exact":
        return 3 if radius <= CORNER_RADIUS else 12
    return 1 if method == "subpixel" and subpixels > 1 else 6


class CornerWeights:
    """Area covered, as the mixed difference of the area between the centre lines and each pixel corner."""

    def __init__(self, radius: float, fx: Floats, fy: Floats) -> None:
        # both axes at once: half as many calls
        lines = _lines(np.concatenate([fx, fy]), reach(radius))
        np.minimum(lines, radius, out=lines)
        chord = half_chord(lines, radius)
        under = _chord_integral(lines, chord, radius)
        n = len(fx)
        self._x, self._under = lines[:, :, :n], under[:, :, :n]
        self._y, self._chord = lines[:, :, n:], chord[:, :, n:]
        # the integral up to the half-chord
        self._beside = self._chord * self._y
        self._beside += 0.25 * np.pi * radius**2
        self._beside -= under[:, :, n:]

    def weights(self, band: Band) -> Floats:
        """Weights of the pixels of a band."""
        rows, columns = _line_slices(band)
        area = np.minimum(self._x[:, columns], self._chord[:, rows, None, None])
        area *= self._y[:, rows, None, None]
        area += np.maximum(self._under[:, columns], self._beside[:, rows, None, None])
        along_x = area[:, :, :, 1:] - area[:, :, :, :-1]
        return _joined(along_x[:, 1:] - along_x[:, :-1], band)


class ArcWeights:
    """Area covered at large radii: integrals start at the inner corner of a band and so stay small."""

    def __init__(self, radius: float, fx: Floats, fy: Floats) -> None:
        self._radius = radius
        self._x = np.minimum(_lines(fx, reach(radius)), radius)
        self._y = np.minimum(_lines(fy, reach(radius)), radius)
        self._chord = half_chord(self._y, radius)
        self._height = height = half_chord(self._x, radius)
        self._width = self._x[:, 1:] - self._x[:, :-1]
        self._mean = 0.5 * (height[:, 1:] + height[:, :-1])
        self._segment = segment(self._width, height[:, :-1] - height[:, 1:], radius)

    def weights(self, band: Band) -> Floats:
        """Weights of the pixels of a band."""
        rows, columns = _line_slices(band)
        inner = slice(band.first_column, band.last_column + 1)
        y, chord = (table[:, rows, None, None] for table in (self._y, self._chord))
        start, height = (table[:, band.first_column, None] for table in (self._x, self._height))
        bottom = y[:, :1]
        # area between the arc and the band's bottom line: up to where the arc crosses each row line ...
        crossing = np.maximum(chord - start, 0.0)
        up_to_crossing = 0.5 * (height + np.minimum(y, height))
        up_to_crossing -= bottom
        up_to_crossing *= crossing
        up_to_crossing += segment(crossing, height - np.minimum(y, height), self._radius)
        # ... and up to each column line; beyond the last crossing there is no more
        x = self._x[:, columns] - start
        up_to_line = np.zeros((2, 1, *x.shape))
        increments = self._mean[:, inner] - bottom
        increments *= self._width[:, inner]
        increments += self._segment[:, inner]
        np.cumsum(increments, axis=3, out=up_to_line[:, :, :, 1:])
        np.copyto(up_to_line, up_to_crossing[:, :1], where=x > crossing[:, :1])

        area = np.minimum(x, crossing[:, 1:])
        area *= y[:, 1:] - bottom
        area += np.maximum(up_to_line, up_to_crossing[:, 1:])
        weights = area[:, :, :, 1:] - area[:, :, :, :-1]
        weights[:, 1:] = weights[:, 1:] - weights[:, :-1]
        return _joined(weights, band)


class SampleWeights:
    """Part of ``divisions``² points, spread evenly over the pixel, that are nearer than the radius."""

    def __init__(self, radius: float, fx: Floats, fy: Floats, divisions: int) -> None:
        self._radius = radius
        self._x = _sample_squares(fx, reach(radius), divisions)
        self._y = _sample_squares(fy, reach(radius), divisions)

    def weights(self, band: Band) -> Floats:
        """Weights of the pixels of a band; the copies of the central row and column are nought."""
        x = self._x[:, :, band.first_column : band.last_column + 1]
        y = self._y[:, :, band.first_row : band.last_row + 1, None, None]
        weights = share_inside(x, y, self._radius**2)
        if band.first_row == 0:
            weights[0, 0] = 0.0
        if band.first_column == 0:
            weights[:, :, 0, 0] = 0.0
        return weights


def samples(low: Floats, divisions: int) -> Floats:
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


def share_inside(x: Floats, y: Floats, limit: float) -> Floats:
    """Part of the sample points with a squared distance below a limit, from the squares along each axis."""
    divisions = len(x)
    shape = np.broadcast_shapes(x.shape[1:], y.shape[1:])
    squares, inside = np.empty(shape), np.empty(shape, dtype=bool)
    # counted in short integers: eight times less memory to pass over than in floats
    count = np.zeros(shape, dtype=np.uint8 if divisions < 16 else np.uint32)
    for row in range(divisions):
        for column in range(divisions):
            np.add(x[column], y[row], out=squares)
            np.less(squares, limit, out=inside)
            count += inside
    return count / divisions**2


def half_chord(distance: Floats, radius: float | Floats) -> Floats:
    """Half the length of the chord at a distance from the centre, which must not pass the radius."""
    chord = radius - distance
    chord *= radius + distance
    return np.sqrt(chord, out=chord)


def segment(dx: Floats, dy: Floats, radius: float | Floats) -> Floats:
    """Area between a chord with the given extents and its arc."""
    k = dx * dx
    k += dy * dy
    np.sqrt(k, out=k)
    k *= 0.5 / radius
    area = np.arcsin(np.minimum(k, 1.0))
    k *= np.sqrt(np.maximum(1.0 - k * k, 0.0))
    area -= k
    area *= radius**2
    return area


def _line_slices(band: Band) -> tuple[slice, slice]:
    return slice(band.first_row, band.last_row + 2), slice(band.first_column, band.last_column + 2)


def _joined(weights: Floats, band: Band) -> Floats:
    """Give the parts of the pixels that the centre lines cut to the "up" and the "right" quadrants."""
    if band.first_row == 0:
        weights[1, 0] += weights[0, 0]
        weights[0, 0] = 0.0
    if band.first_column == 0:
        weights[:, :, 1, 0] += weights[:, :, 0, 0]
        weights[:, :, 0, 0] = 0.0
    return weights


def _lines(offset: Floats, size: int) -> Floats:
    """Distances of pixel borders from the centre, itself first; shape (2 down/up, size + 2, n)."""
    borders = np.arange(size + 1)[:, None] + 0.5
    lines = np.zeros((2, size + 2, len(offset)))
    np.add(borders, offset, out=lines[0, 1:])
    np.subtract(borders, offset, out=lines[1, 1:])
    return lines


def _chord_integral(distance: Floats, chord: Floats, radius: float) -> Floats:
    """Area under the upper half of the circle from the centre line to a distance."""
    # the arcsine is taken of the smaller leg: near the rim that of distance / radius would lose half of the
    # digits
    angle = np.minimum(distance, chord)
    angle /= radius
    np.arcsin(angle, out=angle)
    np.copyto(angle, 0.5 * np.pi - angle, where=distance > chord)
    angle *= radius**2
    angle += distance * chord
    angle *= 0.5
    return angle


def _sample_squares(offset: Floats, size: int, divisions: int) -> Floats:
    """Squared distances of sample points, shape (divisions, 2 down/up, size + 1, n)."""
    steps = np.arange(size + 1)[:, None]
    low = np.stack([-steps - 0.5 - offset, steps - 0.5 - offset])
    return samples(low, divisions) ** 2
