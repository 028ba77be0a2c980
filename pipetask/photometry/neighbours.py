"""Planes on which the surroundings of all sources are masked, for rings that shall hold sky alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipetask.photometry.annulus import Annulus
from pipetask.photometry.planes import Floats, Planes
from pipetask.photometry.shapes import Shape

# Pixels of the mask that is made at once.
_STRIP_PIXELS = 1 << 24


# Sources that are looked through at once.
_SOURCES = 1 << 16


@dataclass(frozen=True, slots=True)
class Crowd:
    """All sources of a call, whether their centres are finite or not, and the first pixel of the planes."""

    x: Floats
    y: Floats
    column: int
    row: int


def strips_without_sources(
    planes: Planes, y: Floats, shape: Shape, annulus: Annulus, crowd: Crowd
) -> Iterator[tuple[slice, Planes, int]]:
    """Cut into strips of rows: the sources of each, its planes with the crowd masked, its first row.

    ``y`` and ``shape`` are of sources ordered by row; a strip reaches as far as their rings do.
    """
    rows, columns = planes.shape
    if not rows * columns:
        return
    height = min(float(shape.scaled(annulus.r_out).extents[1].max(initial=0.0)) + 2, 2.0 * rows)
    step = max(1.0, _STRIP_PIXELS / columns - 2 * height)
    start = 0
    while start < len(y):
        stop = int(np.searchsorted(y, y[start] + step, side="right"))
        first = int(np.clip(np.floor(y[start] - height), 0, rows - 1))
        last = int(np.clip(np.ceil(y[stop - 1] + height), first, rows - 1))
        strip = slice(first, last + 1)
        mask = np.zeros((last + 1 - first, columns), bool)
        for each in range(0, len(crowd.x), _SOURCES):
            some = slice(each, each + _SOURCES)
            place = crowd.x[some] - crowd.column, crowd.y[some] - crowd.row - first
            _mask_sources(mask, *place, annulus.neighbour_radius or 0.0)
        if planes.mask is not None:
            mask |= planes.mask[strip] != 0
        yield slice(start, stop), Planes(planes.image[strip], None, mask), first
        start = stop


def _mask_sources(mask: npt.NDArray[np.bool_], x: Floats, y: Floats, radius: float) -> None:
    """Mask the pixels whose centre is nearer than the radius to a source."""
    shape, size = mask.shape, int(np.ceil(radius))
    steps = np.arange(-size, size + 1)
    near = (
        (np.abs(y - (shape[0] - 1) / 2) < shape[0] / 2 + radius) & (x > -1 - radius) & (x < shape[1] + radius)
    )
    step = max(1, _STRIP_PIXELS // (32 * steps.size**2))
    chosen = np.flatnonzero(near)
    for begin in range(0, len(chosen), step):
        some = chosen[begin : begin + step]
        column, row = np.floor(x[some] + 0.5), np.floor(y[some] + 0.5)
        dx, dy = steps - (x[some] - column)[:, None], steps - (y[some] - row)[:, None]
        hit = dy[:, :, None] ** 2 + dx[:, None, :] ** 2 < radius**2
        each, line, place = np.nonzero(hit)
        lines = row[each].astype(np.int64) + steps[line]
        places = column[each].astype(np.int64) + steps[place]
        inside = (lines >= 0) & (lines < shape[0]) & (places >= 0) & (places < shape[1])
        mask[lines[inside], places[inside]] = True
