"""Weights of windows of pixels from pieces of outlines, each of which lies in one pixel."""

import numpy as np

from pipetask.photometry.planes import Floats


def filled(row: Floats, column: Floats, area: Floats, run: Floats, rows: int, columns: int) -> Floats:
    """Sum up pieces: the area of each is added to its pixel, its run to all pixels below that.

    Rows and columns of the window's pixels count from 0; pieces beside, below or above the window are
    allowed. The sources are the last axis but one. Returns the shape (n, rows, columns).
    """
    count = row.shape[-2]
    framed = count, rows + 2, columns + 2
    place = np.clip(row, -1, rows)
    place += 1
    place *= columns + 2
    place += np.clip(column, -1, columns)
    place += (np.arange(count) * ((rows + 2) * (columns + 2)) + 1)[:, None]
    places = place.astype(np.intp).reshape(-1)
    areas, runs = (
        np.bincount(places, part.reshape(-1), count * (rows + 2) * (columns + 2)).reshape(framed)
        for part in (area, run)
    )
    weights = np.empty((count, rows, columns))
    above = runs[:, rows + 1, 1:-1].copy()
    for index in range(rows, 0, -1):
        np.add(areas[:, index, 1:-1], above, out=weights[:, index - 1])
        above += runs[:, index, 1:-1]
    return weights
