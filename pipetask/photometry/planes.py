"""The image with what is known about its pixels, and how pixels of many sources are fetched from it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
# Pixels of any integer or floating type, in either byte order, as they come from files.
Pixels = npt.NDArray[Any]


class PhotometryError(ValueError):
    """An argument of the photometry is out of range; nothing was measured."""

    exit_code = 2
    hint = "Radii and planes are described in the documentation of aperture_photometry."


@dataclass(frozen=True, slots=True)
class Planes:
    """Image, variance and mask, of one shape, in rows contiguous in memory."""

    image: Pixels
    variance: Pixels | None = None
    mask: Pixels | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.image.shape
        return rows, columns

    def unusable(self, row: Integers, column: Integers) -> npt.NDArray[np.bool_]:
        """Whether the pixels named are masked or not finite; they must be inside the image."""
        bad = ~np.isfinite(self.image[row, column])
        return bad if self.mask is None else bad | (self.mask[row, column] != 0)


def gather(plane: Pixels, row: Integers, column: Integers, rows: Integers, width: int) -> Pixels:
    """Copy ``width`` pixels from each of some rows, for many positions, in shape (n, len(rows), width).

    The first pixel is at ``row + rows[k]``, ``column``. One block of memory is moved per row, whatever the
    type.
    """
    size = plane.itemsize
    runs: npt.NDArray[np.void] = np.ndarray((plane.size - width + 1,), f"V{width * size}", plane, 0, (size,))
    starts = (row[:, None] + rows) * plane.shape[1] + column[:, None]
    return runs[starts].view(plane.dtype).reshape(len(row), len(rows), width)


def gather_squares(plane: Pixels, row: Integers, column: Integers, size: int) -> Pixels:
    """Copy the squares that reach ``size`` pixels from some central ones, in shape (n, side, side)."""
    side, width = 2 * size + 1, plane.itemsize
    starts = plane.shape[0] - side + 1, plane.shape[1] - side + 1, side
    line = plane.shape[1] * width
    runs: npt.NDArray[np.void] = np.ndarray(starts, f"V{side * width}", plane, 0, (line, width, line))
    return runs[row - size, column - size].view(plane.dtype).reshape(len(row), side, side)


def keep_memory() -> None:
    """Make the C library keep the memory of work arrays for the next ones, instead of asking for it anew.

    glibc gives large blocks back to the system when they are freed, and each page of a new one costs more
    than the arithmetic on it. It raises its limit of "large" to the size of such a block that is freed; the
    one here is never touched, so it costs nothing. Elsewhere this has no effect.
    """
    np.empty(1 << 24, np.uint8)
