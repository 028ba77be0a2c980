"""Which pixels a circle can touch, wherever in the central pixel its centre is: fixed per radius."""

import functools
import math
from dataclasses import dataclass

import numpy as np


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
def bands(radius: float, band_cost: int) -> tuple[Band, ...]:
    """Divide the boundary into bands of rows, so that few weights beyond it are computed.

    ``band_cost`` is what one more band costs, in pixels per quadrant. Dynamic programming over the last row.
    """
    size = reach(radius) + 1
    squares = np.arange(size + 1, dtype=np.float64) ** 2
    inner, outer = [], []
    for row in range(size):
        inside = squares[1:] + squares[row + 1] <= radius**2
        touched = squares[np.maximum(np.arange(size) - 1, 0)] + squares[max(row - 1, 0)] < radius**2
        touched[0] |= row == 0  # even if the square of the radius is too small for a number
        inner.append(int(inside.sum()))
        outer.append(int(touched.sum()) - 1)
    rows = sum(last >= 0 for last in outer)
    best: list[tuple[int, tuple[Band, ...]]] = [(0, ())]
    for stop in range(1, rows + 1):
        choices = []
        for start in range(max(0, stop - 24), stop):
            band = Band(start, stop - 1, min(inner[start:stop]), max(outer[start:stop]))
            cost = (band.rows + 1) * (band.columns + 1) + band_cost
            choices.append((best[start][0] + cost, (*best[start][1], band)))
        best.append(min(choices, key=lambda choice: choice[0]))
    return best[-1][1]
