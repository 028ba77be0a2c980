"""Which pixels have their centre in a ring: looked up by where in its pixel the ring's own centre is.

A table says it for squares of the central pixel, 1/16 wide. The few pixels that a boundary passes while the
centre moves within its square are listed with it, and decided for each ring by their distances.
"""

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipetask.photometry.bands import reach
from pipetask.photometry.planes import Floats, Integers
from pipetask.photometry.sums import Ring

# Squares per side of the central pixel, and the most bytes that a table of patterns may take.
_SQUARES = 16
_TABLE_BYTES = 1 << 19


@dataclass(frozen=True, slots=True)
class _Table:
    """Per square: the pattern as one element, and the undecided pixels: place in the pattern and offsets."""

    patterns: npt.NDArray[np.void]
    places: Integers
    x: Floats
    y: Floats


def has_pattern(ring: Ring) -> bool:
    """Whether a ring goes by pixel centres and is small: tables grow with the square of the radius."""
    return ring.method == "center" and (_SQUARES * (2 * reach(ring.r_out) + 1)) ** 2 <= _TABLE_BYTES


def ring_patterns(ring: Ring, fx: Floats, fy: Floats) -> npt.NDArray[np.bool_]:
    """Tell for each pixel of windows about rings whether it belongs to them; shape (n, side * side).

    ``fx``, ``fy`` are the centres from those of their pixels, within [-0.5, 0.5].
    """
    table = _table(ring.r_in, ring.r_out)
    column, row = (
        np.clip((offset + 0.5) * _SQUARES, 0, _SQUARES - 1).astype(np.int64) for offset in (fx, fy)
    )
    square = row * _SQUARES + column
    inside = table.patterns[square].view(np.bool_).reshape(len(fx), -1)
    distance2, along_y = table.x[square], table.y[square]
    for offsets, centre in ((distance2, fx), (along_y, fy)):
        offsets -= centre[:, None]
        offsets *= offsets
    distance2 += along_y
    within = (distance2 < ring.r_out**2) & (distance2 >= ring.r_in**2)
    places = table.places[square]
    places += (np.arange(len(fx)) * inside.shape[1])[:, None]
    inside.reshape(-1)[places] = within
    return inside


@functools.lru_cache(maxsize=8)
def _table(r_in: float, r_out: float) -> _Table:
    size = reach(r_out)
    steps = np.arange(-size, size + 1)
    # nearest and farthest that a pixel's centre comes along one axis, with some room for rounding
    middles = (np.arange(_SQUARES) + 0.5) / _SQUARES - 0.5
    distance = np.abs(steps - middles[:, None])
    room = 0.5 / _SQUARES + 1e-9
    near, far = np.maximum(distance - room, 0.0) ** 2, (distance + room) ** 2
    near = (near[:, None, :, None] + near[None, :, None, :]).reshape(_SQUARES**2, -1)
    far = (far[:, None, :, None] + far[None, :, None, :]).reshape(_SQUARES**2, -1)
    surely = (far < r_out**2) & (near >= r_in**2)
    perhaps = (near < r_out**2) & (far >= r_in**2) & ~surely
    most = max(1, int(perhaps.sum(axis=1).max()))
    # what fills up the list is decided over again
    places = np.zeros((len(perhaps), most), np.int64)
    square, pixel = np.nonzero(perhaps)
    first = np.searchsorted(square, np.arange(len(perhaps)))
    places[square, np.arange(len(square)) - first[square]] = pixel
    line, place = np.divmod(places, len(steps))
    patterns = surely.view(f"V{surely.shape[1]}").reshape(-1)
    return _Table(patterns, places, steps[place].astype(np.float64), steps[line].astype(np.float64))
