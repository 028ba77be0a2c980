"""Areas of pixels that small circles cover, from integrals between the centre lines and pixel corners."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipetask.photometry.bands import Band, reach
from pipetask.photometry.circle import half_chord
from pipetask.photometry.planes import Floats

# Up to this radius the integrals, which are taken from the centre, keep weights to 3e-14; their rounding
# errors grow with the square of the radius.
CORNER_RADIUS = 16.0


class CornerWeights:
    """Area covered, as the mixed difference of an integral at each pixel corner.

    Terms are left out that drop out of the difference: the one that depends on the row's line alone, and the
    one that depends on the column's line alone, save in the central row. Borders that lie beyond the circle
    wherever its centre is are not looked at.
    """

    whole = 1.0

    def __init__(self, radius: float, x: "_Lines", y: "_Lines") -> None:
        self._reach, self._quarter = reach(radius), 0.25 * np.pi * radius**2
        # the integral up to the border, and for rows that up to half their chord
        self._x, self._under = x.distance, x.triangle + x.sector
        self._y, self._chord = y.distance, y.chord
        self._beside = y.triangle + (self._quarter - y.sector)

    @classmethod
    def several(cls, radii: Sequence[float], fx: Floats, fy: Floats) -> list["CornerWeights"]:
        """Prepare the weights of circles of several radii about the same centres."""
        counts = [reach(radius) for radius in radii]
        lines = _Lines.of(np.repeat(radii, counts)[:, None], np.concatenate([fx, fy]), counts)
        n = len(fx)
        ends = np.cumsum(counts).tolist()
        parts = [slice(end - count, end) for end, count in zip(ends, counts, strict=True)]
        return [
            cls(radius, lines.take(part, slice(n)), lines.take(part, slice(n, None)))
            for radius, part in zip(radii, parts, strict=True)
        ]

    def weights(self, band: Band) -> Floats:
        """Weights of the pixels of a band; the copies of the central row and column are nought."""
        rows = slice(max(band.first_row - 1, 0), band.last_row + 1)
        columns = slice(max(band.first_column - 1, 0), band.last_column + 1)
        x, under = self._x[:, columns], self._under[:, columns]
        y, chord, beside = (table[:, rows, None, None] for table in (self._y, self._chord, self._beside))
        corners = np.minimum(x, chord)
        corners *= y
        corners -= np.minimum(under, beside)
        n = corners.shape[-1]
        along_x = np.empty((2, corners.shape[1], 2, band.columns, n))
        _differences(_columns_first(corners), _columns_first(along_x), band.first_column == 0)
        beyond = band.last_column == self._reach
        if beyond:
            np.subtract((chord * y - beside)[:, :, 0], corners[:, :, :, -1], out=along_x[:, :, :, -1])
        weights = np.empty((2, band.rows, 2, band.columns, n))
        _differences(along_x, weights, band.first_row == 0)
        if band.last_row == self._reach:
            np.negative(along_x[:, -1], out=weights[:, -1])
        if band.first_row == 0:
            centre_line = np.empty((2, band.columns, n))
            _differences(under, centre_line, band.first_column == 0)
            if beyond:
                np.subtract(self._quarter, under[:, -1], out=centre_line[:, -1])
            weights[1, 0] += centre_line
            weights[1, 0] += centre_line
        return weights


@dataclass(frozen=True, slots=True)
class _Lines:
    """Pixel borders, in arrays of shape (2 down/up, borders, n): distance from the centre and half-chord.

    The area between the centre line and the border is that of a sector of the circle and a triangle.
    """

    distance: Floats
    chord: Floats
    sector: Floats
    triangle: Floats

    @classmethod
    def of(cls, radius: Floats, offset: Floats, counts: Sequence[int]) -> "_Lines":
        borders = np.concatenate([np.arange(count) + 0.5 for count in counts])[:, None]
        distance = np.empty((2, len(borders), len(offset)))
        np.add(borders, offset, out=distance[0])
        np.subtract(borders, offset, out=distance[1])
        np.minimum(distance, radius, out=distance)
        chord = half_chord(distance, radius)
        # near the rim an arcsine of distance / radius would lose half of its digits
        sector = np.arctan2(distance, chord)
        sector *= 0.5 * radius**2
        triangle = distance * chord
        triangle *= 0.5
        return cls(distance, chord, sector, triangle)

    def take(self, borders: slice, sources: slice) -> "_Lines":
        tables = self.distance, self.chord, self.sector, self.triangle
        return _Lines(*(table[:, borders, sources] for table in tables))


def _columns_first(values: Floats) -> Floats:
    return values.transpose(2, 3, 0, 1, 4)


def _differences(values: Floats, out: Floats, central: bool) -> None:
    """Differences between the lines of axis 1; the central pixel lies between the first two lines."""
    if central:
        np.add(values[0, 0], values[1, 0], out=out[1, 0])
        out[0, 0] = 0.0
    first, inner = int(central), values.shape[1] - 1
    np.subtract(values[:, 1:], values[:, :-1], out=out[:, first : first + inner])
