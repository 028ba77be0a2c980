"""Weights of pixels by counting points: the share of them that is nearer to the centre than the radius."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipetask.photometry.bands import Band, reach
from pipetask.photometry.planes import Floats

Counts = npt.NDArray[np.uint8 | np.uint32]


class SampleWeights:
    """Number of ``divisions``² points, spread evenly over the pixel, that are nearer than the radius."""

    def __init__(self, radius: float, squares: tuple[Floats, Floats]) -> None:
        self._limit = radius**2
        self._x, self._y = squares
        self.whole = float(len(self._x) ** 2)

    @classmethod
    def several(cls, radii: Sequence[float], fx: Floats, fy: Floats, divisions: int) -> list["SampleWeights"]:
        """Prepare the weights of circles of several radii about the same centres."""
        n, size = len(fx), reach(max(radii))
        squares = _sample_squares(np.concatenate([fx, fy]), size, divisions)
        return [cls(radius, (squares[..., :n], squares[..., n:])) for radius in radii]

    def weights(self, band: Band) -> Counts:
        """Counts for the pixels of a band; the copies of the central row and column are nought."""
        x = self._x[:, :, band.first_column : band.last_column + 1]
        y = self._y[:, :, band.first_row : band.last_row + 1, None, None]
        counts = number_inside(x, y, self._limit)
        if band.first_row == 0:
            counts[0, 0] = 0
        if band.first_column == 0:
            counts[:, :, 0, 0] = 0
        return counts


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


def number_inside(x: Floats, y: Floats, limit: float) -> Counts:
    """Number of sample points with a squared distance below a limit, from the squares along each axis."""
    divisions = len(x)
    squares = x[0] + y[0]
    # counted in short integers: eight times less memory to pass over than in floats
    count: Counts = (squares < limit).view(np.uint8)
    if divisions > 15:
        count = count.astype(np.uint32)
    inside = np.empty(squares.shape, dtype=bool)
    for place in range(1, divisions**2):
        np.add(x[place % divisions], y[place // divisions], out=squares)
        np.less(squares, limit, out=inside)
        count += inside
    return count


def _sample_squares(offset: Floats, size: int, divisions: int) -> Floats:
    """Squared distances of sample points, shape (divisions, 2 down/up, size + 1, n)."""
    pixels = np.array([-1.0, 1.0])[:, None, None] * np.arange(size + 1)[:, None] - offset
    points = samples(pixels - 0.5, divisions) if divisions > 1 else pixels[None]
    points *= points
    return points
