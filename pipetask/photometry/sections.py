"""Images as they come: arrays are used as they are, all else is read in sections about the sources."""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pipetask.photometry.planes import Floats, PhotometryError, Pixels, Planes

# Pixels of a section, beyond the reach of the sources in it.
_SIDE = 1024


class Sliceable(Protocol):
    """An image that is read when it is sliced, such as ``hdu.section`` of astropy or an HDF5 data set."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""
        ...

    def __getitem__(self, key: Any, /) -> Any:  # two slices in, an array out
        ...


ImageLike = npt.ArrayLike | Sliceable


def section_planes(
    image: ImageLike,
    variance: ImageLike | None,
    mask: ImageLike | None,
    x: Floats,
    y: Floats,
    width: Floats,
    height: Floats,
) -> Iterator[tuple[npt.NDArray[np.intp], Planes, int, int]]:
    """Yield sources (finite, ordered by row), the planes about them, and the planes' first column and row.

    ``width`` and ``height`` are how far each source reaches to either side. Arrays in rows contiguous in
    memory come as one section, without a copy.
    """
    pixels = _checked("image", image, "iufb", None)
    shape = pixels.shape
    others = [
        None if plane is None else _checked(name, plane, kinds, shape)
        for name, plane, kinds in (("variance", variance, "iuf"), ("mask", mask, "iub"))
    ]
    if all(plane is None or _contiguous(plane) for plane in (pixels, *others)):
        planes = (None if plane is None else np.asarray(plane) for plane in (pixels, *others))
        image_plane, variance_plane, mask_plane = planes
        assert image_plane is not None
        yield np.arange(len(x)), Planes(image_plane, variance_plane, mask_plane), 0, 0
        return
    for which, rows, columns in _sections(shape, x, y, width, height):
        read = [None if plane is None else _read(plane, rows, columns) for plane in (pixels, *others)]
        assert read[0] is not None
        yield which, Planes(read[0], read[1], read[2]), columns.start, rows.start


def _checked(name: str, plane: ImageLike, kinds: str, shape: tuple[int, ...] | None) -> Any:
    if not (hasattr(plane, "shape") and hasattr(plane, "__getitem__")):
        plane = np.asarray(plane)
    dtype = getattr(plane, "dtype", None)
    wrong = dtype is not None and np.dtype(dtype).kind not in kinds
    if len(plane.shape) != 2 or wrong:
        kind = "" if dtype is None else f" of {dtype}"
        wanted = "real" if "f" in kinds else "bool or whole numbers"
        raise PhotometryError(f"{name} is a {len(plane.shape)}-d array{kind}; wanted: 2-d and {wanted}")
    if shape not in (None, tuple(plane.shape)):
        raise PhotometryError(f"{name} has shape {tuple(plane.shape)}, the image {shape}")
    return plane


def _contiguous(plane: Any) -> bool:
    return isinstance(plane, np.ndarray) and plane.flags.c_contiguous


def _read(plane: Any, rows: slice, columns: slice) -> Pixels:
    return np.ascontiguousarray(plane[rows, columns])


def _sections(
    shape: tuple[int, ...], x: Floats, y: Floats, width: Floats, height: Floats
) -> Iterator[tuple[npt.NDArray[np.intp], slice, slice]]:
    """Group the sources by squares of the image, those off it by the nearest square."""
    if not shape[0] * shape[1]:
        yield np.arange(len(x)), slice(0, shape[0]), slice(0, shape[1])
        return
    row, column = (
        np.clip(np.floor(centre / _SIDE), 0, (length - 1) // _SIDE).astype(np.int64)
        for centre, length in ((y, shape[0]), (x, shape[1]))
    )
    square = row * ((shape[1] - 1) // _SIDE + 1) + column
    order = np.argsort(square, kind="stable")
    for which in np.split(order, np.flatnonzero(np.diff(square[order])) + 1):
        if len(which):
            yield which, _span(y[which], height[which], shape[0]), _span(x[which], width[which], shape[1])


def _span(centre: Floats, extent: Floats, length: int) -> slice:
    """Rows or columns that the sources reach, with two to spare; at least one."""
    first = int(np.clip(np.floor((centre - extent).min()) - 2, 0, length - 1))
    last = int(np.clip(np.ceil((centre + extent).max()) + 2, 0, length - 1))
    return slice(first, last + 1)
