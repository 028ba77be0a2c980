"""Fast sums: circles inside the image, in chunks of sources whose pixels and weights stay in the cache.

A source with a pixel that is not finite gets sums that are not finite: the general path (`windows`) does
those again.
"""

from collections.abc import Iterator

import numpy as np

from pipetask.photometry.bands import reach
from pipetask.photometry.far import FarSums
from pipetask.photometry.flags import ApertureFlag
from pipetask.photometry.near import NearSums
from pipetask.photometry.planes import Floats, Integers, Planes
from pipetask.photometry.sums import Request, Sums

# Apertures up to this radius, and rings up to the other, share the window of a source.
NEAR = 16.0
NEAR_RING = 128.0

# Bytes that the window of a chunk may take, and bounds of the number of sources in it
# (benchmarks/photometry.py). High powers of two are bad numbers of sources: the columns of an array would
# fall into the same few lines of the cache.
_WINDOW_BYTES = 3 << 20
_CHUNK = 8, 900

# Elements of the buffers that numpy copies operands into which are repeated along an axis. With less than two
# chunks it leaves them where they are, which takes half of the time (benchmarks/photometry.py).
_BUFFER = 1024

# Areas below this part of the full one lack a pixel.
TOUCHED = 1 - 1e-12


def margin(request: Request) -> int:
    """Distance from the edge that the pixel of a centre needs."""
    largest = max((*request.radii, request.ring.r_out if request.ring else 0.0))
    return reach(largest)


def lattice_sums(planes: Planes, x: Floats, y: Floats, request: Request) -> Sums:
    """Sum over circles whose windows lie inside the image; fastest if the sources are ordered by row."""
    column, row = np.floor(x + 0.5), np.floor(y + 0.5)
    return pixel_sums(planes, (column.astype(np.int64), row.astype(np.int64)), (x - column, y - row), request)


def pixel_sums(
    planes: Planes, pixel: tuple[Integers, Integers], offset: tuple[Floats, Floats], request: Request
) -> Sums:
    """Sum over circles given by their central pixel and the centre's offset from its centre, as (x, y)."""
    sums = Sums.nothing(len(request.radii), len(pixel[0]))
    near = [index for index, radius in enumerate(request.radii) if radius <= NEAR]
    far = [index for index, radius in enumerate(request.radii) if radius > NEAR]
    ring = request.ring.r_out if request.ring else 0.0
    side = 2 * reach(max((*(request.radii[index] for index in near), ring, 1.0))) + 1
    step = min(max(_WINDOW_BYTES // (8 * side**2), _CHUNK[0]), _CHUNK[1])
    with np.errstate(invalid="ignore", over="ignore"):
        np.setbufsize(_BUFFER)  # until the block ends
        for part in _chunks(len(pixel[0]), step):
            chunk = planes, pixel[0][part], pixel[1][part], offset[0][part], offset[1][part], request
            if near or request.ring:
                NearSums(*chunk).put(sums.take(part), near)
            if far:
                FarSums(*chunk).put(sums.take(part), far)
    touched = sums.area < sums.full * TOUCHED
    np.copyto(sums.flags, int(ApertureFlag.MASKED), where=touched)
    return sums


def _chunks(count: int, size: int) -> Iterator[slice]:
    """Cut sources into even parts of about a size: a small one would take nearly the time of a large one."""
    number = max(1, round(count / size))
    for index in range(number):
        yield slice(count * index // number, count * (index + 1) // number)
