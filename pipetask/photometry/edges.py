"""Circles that cross the edge: their surroundings are copied, with what is off the image masked."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pipetask.photometry.flags import ApertureFlag
from pipetask.photometry.lattice import TOUCHED, margin, pixel_sums
from pipetask.photometry.planes import Floats, Pixels, Planes
from pipetask.photometry.sums import Request, Sums

# Windows larger than this from the centre are left to the general path.
LARGEST = 128

# Pixels of the copies that are made at once.
_COPY_SIZE = 1 << 20


def crosses_edge(planes: Planes, x: Floats, y: Floats, request: Request) -> npt.NDArray[np.bool_]:
    """Which circles `edge_sums` can do: near the image and of moderate size."""
    size = margin(request)
    if size > LARGEST or not planes.image.size:
        return np.zeros(len(x), bool)
    rows, columns = planes.shape
    return (x > -0.5 - size) & (x < columns - 0.5 + size) & (y > -0.5 - size) & (y < rows - 0.5 + size)


def edge_sums(planes: Planes, x: Floats, y: Floats, request: Request) -> Sums:
    """Sum over circles that `crosses_edge` named; not finite where a pixel is not."""
    sums = Sums.nothing(len(request.radii), len(x))
    size = margin(request)
    side = 2 * size + 1
    step = max(1, _COPY_SIZE // side**2)
    steps = np.arange(-size, size + 1)
    for start in range(0, len(x), step):
        part = slice(start, start + step)
        column, row = (np.floor(centre[part] + 0.5).astype(np.int64) for centre in (x, y))
        columns, rows = column[:, None] + steps, row[:, None] + steps
        last_row, last_column = planes.shape[0] - 1, planes.shape[1] - 1
        off = ((rows < 0) | (rows > last_row))[:, :, None] | ((columns < 0) | (columns > last_column))[
            :, None
        ]
        where = np.clip(rows, 0, last_row)[:, :, None], np.clip(columns, 0, last_column)[:, None]

        def copy(plane: Pixels) -> Pixels:
            pixels: Pixels = plane[where]  # noqa: B023 - called within the loop
            pixels[off] = 0  # noqa: B023
            return pixels.reshape(-1, side)

        image, pixel = copy(planes.image), (np.full_like(row, size), np.arange(len(row)) * side + size)
        offset = x[part] - column, y[part] - row
        variance = None if planes.variance is None else copy(planes.variance)
        bad = off if planes.mask is None else off | (planes.mask[where] != 0)
        sums.put(part, pixel_sums(Planes(image, variance, bad.reshape(-1, side)), pixel, offset, request))
        sums.full[:, part] = sums.area[:, part]
        if planes.mask is not None:
            unmasked = Planes(np.zeros_like(image), None, off.reshape(-1, side))
            sums.full[:, part] = pixel_sums(unmasked, pixel, offset, replace(request, ring=None)).area
    for index, radius in enumerate(request.radii):
        near = (x - radius < -0.5) | (y - radius < -0.5)
        far = (x + radius > planes.shape[1] - 0.5) | (y + radius > planes.shape[0] - 0.5)
        for area in (sums.area[index], sums.full[index]):
            area[area < 1e-10 * radius**2] = 0.0  # what rounding leaves of nothing
        masked = sums.area[index] < sums.full[index] * TOUCHED
        sums.flags[index] = (near | far) * np.int64(ApertureFlag.EDGE) | masked * np.int64(
            ApertureFlag.MASKED
        )
    return sums
