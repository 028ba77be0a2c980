"""Sums of the inner pixels of large circles: windows are folded onto one quadrant, all radii read from it."""

from collections.abc import Sequence

import numpy as np

from pipetask.photometry.bands import Band
from pipetask.photometry.lattice_weights import Floats
from pipetask.photometry.planes import Integers, Pixels, gather

# Bytes of the windows, as float64, of the sources folded at once (benchmarks/photometry.py).
_FOLD_BYTES = 1 << 20


def interior_sums(
    plane: Pixels,
    mask: Pixels | None,
    row: Integers,
    column: Integers,
    all_bands: Sequence[tuple[Band, ...]],
) -> tuple[Floats, Floats]:
    """Sum the usable pixels within the boundary bands of circles about each source, and count them.

    Both in shape (radii, n). Which pixels these are is the same for all sources, and symmetric: so rows and
    columns at the same distance from the central ones are added up first, then runs along the columns, and
    each circle takes one value per row.
    """
    halves = [[band.first_column - 1 for band in bands for _ in range(band.rows)] for bands in all_bands]
    width = max(max(half) for half in halves) + 1
    height = max(sum(value >= 0 for value in half) for half in halves)
    total, count = np.zeros((2, len(halves), len(row)))
    if width * height == 0:
        return total, count
    strip = max(1, min(height, _FOLD_BYTES // (32 * width)))
    step = max(1, _FOLD_BYTES // (32 * width * strip))
    for start in range(0, len(row), step):
        part = slice(start, start + step)
        for first in range(0, height, strip):
            rows = np.arange(first, min(first + strip, height))
            where = row[part], column[part] - width + 1, np.concatenate([-rows, rows]), 2 * width - 1
            pixels = gather(plane, *where)
            if mask is not None:
                bad = gather(mask, *where) != 0
                if bad.any():
                    pixels[bad] = 0
                _add(count[:, part], _runs(~bad, rows), halves, rows)
            _add(total[:, part], _runs(pixels, rows), halves, rows)
    return total, count


def _runs(pixels: Pixels, rows: Integers) -> Floats:
    """Sums over the columns up to each, of the four quadrants together; shape (columns, rows, n)."""
    values = pixels.astype(np.float64)
    if rows[0] == 0:
        values[:, 0] = 0.0  # the central row came twice
    folded = values[:, : len(rows)]
    folded += values[:, len(rows) :]
    middle = folded.shape[2] // 2
    quadrant = np.ascontiguousarray(folded.transpose(2, 1, 0))
    right = quadrant[middle:]
    right[1:] += quadrant[middle - 1 :: -1] if middle else 0.0
    return np.cumsum(right, axis=0, out=right)


def _add(total: Floats, runs: Floats, halves: Sequence[Sequence[int]], rows: Integers) -> None:
    for index, half in enumerate(halves):
        columns = np.array(half[rows[0] : rows[-1] + 1], dtype=np.int64)
        used = np.flatnonzero(columns >= 0)
        if len(used):
            total[index] += runs[columns[used], used].sum(axis=0)
