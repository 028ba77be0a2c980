"""Mask: an integer image whose bits have names (planes)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from datastore.errors import InvalidValueError, UnknownComponentError

DEFAULT_PLANES: Mapping[str, int] = {
    "BAD": 0,
    "SAT": 1,
    "INTRP": 2,
    "CR": 3,
    "EDGE": 4,
    "DETECTED": 5,
    "DETECTED_NEGATIVE": 6,
    "SUSPECT": 7,
    "NO_DATA": 8,
}
"""Planes and bits that a mask has unless told otherwise."""

N_BITS = 31


class Mask:
    """An image of bits with names.

    Parameters
    ----------
    array : `numpy.ndarray`, shape (ny, nx), integer
        Bits of each pixel; kept, not copied, if it is int32.
    planes : mapping of `str` to `int`, optional
        Bit number (0 to 30) of each plane.
    """

    __slots__ = ("array", "planes")

    def __init__(self, array: npt.ArrayLike, planes: Mapping[str, int] | None = None) -> None:
        bits = np.asarray(array)
        if bits.ndim != 2 or bits.dtype.kind not in "iub":
            raise InvalidValueError(f"A mask is a 2-d array of integers, not {bits.ndim}-d {bits.dtype}")
        if bits.dtype != np.int32 and bits.size and int(bits.max()) > np.iinfo(np.int32).max:
            raise InvalidValueError(f"Mask value {int(bits.max())} does not fit into {N_BITS} planes")
        self.array: npt.NDArray[np.int32] = bits.astype(np.int32, copy=False)
        self.planes: dict[str, int] = dict(DEFAULT_PLANES if planes is None else planes)
        if len(set(self.planes.values())) != len(self.planes):
            raise InvalidValueError(f"Two mask planes share a bit: {self.planes}")
        if any(not 0 <= bit < N_BITS for bit in self.planes.values()):
            raise InvalidValueError(f"Bits of mask planes are 0 to {N_BITS - 1}, not {self.planes}")

    @classmethod
    def zeros(cls, shape: tuple[int, int], planes: Mapping[str, int] | None = None) -> Mask:
        """Return a mask with nothing set."""
        return cls(np.zeros(shape, dtype=np.int32), planes)

    def bits(self, names: str | Iterable[str]) -> int:
        """Return the integer with the bits of the named planes set."""
        value = 0
        for name in (names,) if isinstance(names, str) else names:
            if name not in self.planes:
                raise UnknownComponentError("Mask", name, tuple(self.planes))
            value |= 1 << self.planes[name]
        return value

    def any(self, names: str | Iterable[str] | None = None) -> npt.NDArray[np.bool_]:
        """Return where any of the named planes (default: any bit at all) is set, as a new bool array."""
        if names is None:
            return self.array != 0
        return (self.array & np.int32(self.bits(names))) != 0

    def __getitem__(self, name: str) -> npt.NDArray[np.bool_]:
        return self.any(name)

    def add_plane(self, name: str) -> int:
        """Give a name to the lowest free bit, unless it has one, and return the bit number."""
        if name not in self.planes:
            free = sorted(set(range(N_BITS)) - set(self.planes.values()))
            if not free:
                raise InvalidValueError(f"No bit is left for mask plane {name!r}: all {N_BITS} are taken")
            self.planes[name] = free[0]
        return self.planes[name]

    def set(self, name: str, where: Any = True, *, value: bool = True) -> None:
        """Set (or clear) a plane where an index or bool array selects; a new name gets a plane."""
        bit = np.int32(1 << self.add_plane(name))
        if where is True:
            where = ...
        if value:
            self.array[where] |= bit
        else:
            self.array[where] &= ~bit

    def copy(self) -> Mask:
        """Return a mask with its own array and planes."""
        return Mask(self.array.copy(), self.planes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mask):
            return NotImplemented
        return self.planes == other.planes and np.array_equal(self.array, other.array)

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        ny, nx = self.array.shape
        return f"Mask({nx} x {ny}, planes: {', '.join(self.planes)})"
