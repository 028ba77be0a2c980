"""Areas of the boundary pixels that large circles cover, integrated along the arc."""

import numpy as np

from pipetask.photometry.bands import Band, reach
from pipetask.photometry.circle import border_lines, half_chord, segment
from pipetask.photometry.planes import Floats


class ArcWeights:
    """Area covered at large radii: integrals start at the inner corner of a band and so stay small."""

    whole = 1.0

    def __init__(self, radius: float, fx: Floats, fy: Floats) -> None:
        self._radius = radius
        self._x = np.minimum(border_lines(fx, reach(radius) + 1), radius)
        self._y = np.minimum(border_lines(fy, reach(radius) + 1), radius)
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
        up_to_line = np.empty((2, 1, *x.shape))
        increments = self._mean[:, inner] - bottom
        increments *= self._width[:, inner]
        increments += self._segment[:, inner]
        np.cumsum(increments, axis=3, out=up_to_line)
        np.copyto(up_to_line, up_to_crossing[:, :1], where=x > crossing[:, :1])

        # area up to each corner, less that up to its column line, which is the same in all rows
        corners = np.minimum(x, crossing[:, 1:])
        corners *= y[:, 1:] - bottom
        corners -= np.minimum(up_to_line, up_to_crossing[:, 1:])
        along_x, weights = np.empty((2, *corners.shape))
        _differences(corners.transpose(3, 0, 1, 2, 4), along_x.transpose(3, 0, 1, 2, 4))
        _differences(along_x.transpose(1, 0, 2, 3, 4), weights.transpose(1, 0, 2, 3, 4))
        bottom_row = np.empty((2, *x.shape))
        _differences(up_to_line[:, 0].transpose(2, 0, 1, 3), bottom_row.transpose(2, 0, 1, 3))
        weights[:, 0] += bottom_row
        return _joined(weights, band)


def _differences(values: Floats, out: Floats) -> None:
    """Differences along the first axis, from nought."""
    out[0] = values[0]
    np.subtract(values[1:], values[:-1], out=out[1:])


def _line_slices(band: Band) -> tuple[slice, slice]:
    """Lines of rows, the bottom one first, and of columns without the first."""
    return slice(band.first_row, band.last_row + 2), slice(band.first_column + 1, band.last_column + 2)


def _joined(weights: Floats, band: Band) -> Floats:
    """Give the parts of the pixels that the centre lines cut to the "up" and the "right" quadrants."""
    if band.first_row == 0:
        weights[1, 0] += weights[0, 0]
        weights[0, 0] = 0.0
    if band.first_column == 0:
        weights[:, :, 1, 0] += weights[:, :, 0, 0]
        weights[:, :, 0, 0] = 0.0
    return weights
