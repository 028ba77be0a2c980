"""Sums of the inner pixels of large circles: windows are folded onto one quadrant, all radii read from it."""

from collections.abc import Sequence

import numpy as np

from pipetask.photometry.bands import Band
from pipetask.photometry.planes import Floats, Integers, Pixels, gather

# Bytes of the windows, as float64, of the sources folded at once (benchmarks/photometry.py).
_FOLD_BYTES = 1 << 21


def interior_sums(
    plane: Pixels,
    mask: Pixels | None,
    row: Integers,
    column: Integers,
    all_bands: Sequence[tuple[Band, ...]],
) -> tuple[Floats, Floats]:
    """Sum the usable pixels within the boundary bands of circles about each source, and count them.

    Both in shape (radii, n). Which pixels these are is the same for all sources, and symmetric: so rows and
    columns at the same distance from the central ones are added up first; then one product of matrices, the
    second of noughts and ones, makes the sums of all circles.
    """
    halves = [[band.first_column for band in bands for _ in range(band.rows)] for bands in all_bands]
    width = max(max(half) for half in halves)
    height = max(sum(value > 0 for value in half) for half in halves)
    total, count = np.zeros((2, len(halves), len(row)))
    if width * height == 0:
        return total, count
    strip = max(1, min(height, _FOLD_BYTES // (64 * width)))
    step = max(1, _FOLD_BYTES // (32 * width * strip))
    for first in range(0, height, strip):
        rows = np.arange(first, min(first + strip, height))
        inside = _inside(halves, rows, width)
        for start in range(0, len(row), step):
            part = slice(start, start + step)
            where = row[part], column[part] - width + 1, np.concatenate([-rows, rows]), 2 * width - 1
            pixels = gather(plane, *where)
            if mask is not None:
                bad = gather(mask, *where) != 0
                np.putmask(pixels, bad, 0)
                count[:, part] += (_folded(~bad, rows) @ inside).T
            total[:, part] += (_folded(pixels, rows) @ inside).T
    return total, count


def _inside(halves: Sequence[Sequence[int]], rows: Integers, width: int) -> Floats:
    """1 where a pixel of a quadrant is within the boundary bands; shape (rows times columns, circles)."""
    patterns = np.zeros((len(rows), width, len(halves)))
    for index, half in enumerate(halves):
        for place, row in enumerate(rows):
            if row < len(half):
                patterns[place, : half[row], index] = 1.0
    return patterns.reshape(-1, len(halves))


def _folded(pixels: Pixels, rows: Integers) -> Floats:
    """Sums of the pixels at the same distances from the central row and column; shape (n, -1)."""
    values = pixels.astype(np.float64)
    if rows[0] == 0:
        values[:, 0] = 0.0  # the central row came twice
    folded = values[:, : len(rows)]
    folded += values[:, len(rows) :]
    middle = folded.shape[2] // 2
    quadrant = np.empty((len(values), len(rows), middle + 1))
    quadrant[:, :, 0] = folded[:, :, middle]
    if middle:
        np.add(folded[:, :, middle + 1 :], folded[:, :, middle - 1 :: -1], out=quadrant[:, :, 1:])
    return quadrant.reshape(len(values), -1)
