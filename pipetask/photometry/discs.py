"""Pixels of large circles: the inner ones summed for all radii at once, those of the boundary as they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipetask.photometry.planes import Floats, Integers, Pixels, gather

# Bytes of the pixels, as float64, of the sources folded at once (benchmarks/photometry.py).
_FOLD_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Fetched:
    """Sums and numbers of usable inner pixels, shape (radii, n); others as listed, shape (number, n).

    ``bad`` says which of the listed ones are masked; None if none is.
    """

    total: Floats
    count: Floats
    listed: Pixels
    bad: npt.NDArray[np.bool_] | None


def fetch(
    plane: Pixels,
    mask: Pixels | None,
    row: Integers,
    column: Integers,
    halves: Sequence[Integers],
    listed: Integers,
) -> Fetched:
    """Sum the usable pixels of discs about each source, and fetch those at the listed places of the plane.

    ``halves`` are, per disc, the pixels per row from the central one outwards, itself among them, the rows
    counted outwards too. Which pixels these are is the same for all sources, and symmetric: so rows at the
    same distance from the central one are added up first; then one product of matrices, the second of noughts
    and ones, makes the sums of all discs. The places are relative to the central pixel. They are fetched
    while their neighbours from the discs are still in the cache.
    """
    total, count = np.zeros((2, len(halves), len(row)))
    pixels = np.empty((len(listed), len(row)), plane.dtype)
    bad = None if mask is None else np.empty(pixels.shape, bool)
    width = max(int(half.max(initial=0)) for half in halves)
    height = max(int(np.count_nonzero(half)) for half in halves)
    row_bytes = 16 * max(width, 1)
    strip = max(1, min(height, _FOLD_BYTES // row_bytes))
    strips = [np.arange(first, min(first + strip, height)) for first in range(0, height, strip)]
    patterns = [_inside(halves, rows, width) for rows in strips]
    step = max(1, _FOLD_BYTES // (row_bytes * strip))
    for start in range(0, len(row), step):
        part = slice(start, start + step)
        for rows, pattern in zip(strips, patterns, strict=True):
            where = row[part], column[part] - width + 1, np.concatenate([-rows, rows]), 2 * width - 1
            window = gather(plane, *where)
            if mask is not None:
                masked = gather(mask, *where) != 0
                np.putmask(window, masked, 0)
                count[:, part] += (_folded(~masked) @ pattern).T
            total[:, part] += (_folded(window) @ pattern).T
        places = (row[part] * plane.shape[1] + column[part])[:, None] + listed
        pixels[:, part] = plane.reshape(-1).take(places).T
        if mask is not None and bad is not None:
            bad[:, part] = (mask.reshape(-1).take(places) != 0).T
    return Fetched(total, count, pixels, bad if bad is not None and bad.any() else None)


def _inside(halves: Sequence[Integers], rows: Integers, width: int) -> Floats:
    """1 where a pixel of half a window is in a disc; shape (rows times columns, discs)."""
    distance = np.abs(np.arange(1 - width, width))
    patterns = np.zeros((len(rows), len(distance), len(halves)))
    for index, half in enumerate(halves):
        of_rows = half[rows[rows < len(half)]]
        patterns[: len(of_rows), :, index] = distance < of_rows[:, None]
    if rows[0] == 0:
        patterns[0] *= 0.5  # the central row comes twice
    return patterns.reshape(-1, len(halves))


def _folded(pixels: Pixels) -> Floats:
    """Sums of the pixels at the same distances above and below the central row; shape (n, -1)."""
    rows = pixels.shape[1] // 2
    folded: Floats = np.add(pixels[:, :rows], pixels[:, rows:], dtype=np.float64)
    return folded.reshape(len(pixels), -1)
