"""Box: a rectangle of pixels, 0-based, in the pixels of the parent image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from datastore.errors import InvalidValueError, ParameterError


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """A rectangle of whole pixels: ``x0 <= x < x0 + width``, ``y0 <= y < y0 + height``."""

    x0: int
    y0: int
    width: int
    height: int

    def __post_init__(self) -> None:
        for name in ("x0", "y0", "width", "height"):
            value = getattr(self, name)
            if value != int(value):
                raise InvalidValueError(f"Box {name}={value!r} is not a whole number")
            object.__setattr__(self, name, int(value))
        if self.width < 0 or self.height < 0:
            raise InvalidValueError(f"Box of width {self.width} and height {self.height} is negative")

    @classmethod
    def from_shape(cls, shape: tuple[int, ...], x0: int = 0, y0: int = 0) -> Box:
        """Return the box of an array of shape (ny, nx) whose first pixel is (x0, y0)."""
        return cls(x0, y0, shape[1], shape[0])

    @property
    def x1(self) -> int:
        """First column to the right of the box."""
        return self.x0 + self.width

    @property
    def y1(self) -> int:
        """First row above the box."""
        return self.y0 + self.height

    @property
    def shape(self) -> tuple[int, int]:
        """Array shape (ny, nx)."""
        return self.height, self.width

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.width * self.height

    def contains(self, other: Box) -> bool:
        """Tell whether all pixels of the other box are in this one."""
        return self.x0 <= other.x0 and other.x1 <= self.x1 and self.y0 <= other.y0 and other.y1 <= self.y1

    def intersection(self, other: Box) -> Box:
        """Return the pixels in both boxes; of zero width or height where they don't meet."""
        x0, y0 = max(self.x0, other.x0), max(self.y0, other.y0)
        return Box(x0, y0, max(0, min(self.x1, other.x1) - x0), max(0, min(self.y1, other.y1) - y0))

    def shifted(self, dx: int, dy: int) -> Box:
        """Return the box moved by whole pixels."""
        return Box(self.x0 + dx, self.y0 + dy, self.width, self.height)

    def grown(self, n: int) -> Box:
        """Return the box with ``n`` more pixels on each side (fewer if negative)."""
        return Box(self.x0 - n, self.y0 - n, max(0, self.width + 2 * n), max(0, self.height + 2 * n))

    def slices(self, within: Box | None = None) -> tuple[slice, slice]:
        """Return array slices (y, x) of these pixels in an array that covers ``within``."""
        x0, y0 = (within.x0, within.y0) if within else (0, 0)
        return slice(self.y0 - y0, self.y1 - y0), slice(self.x0 - x0, self.x1 - x0)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"x0": self.x0, "y0": self.y0, "width": self.width, "height": self.height}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Box:
        """Rebuild from `to_json`."""
        return cls(**value)


def local_box(box: Box, parent: Box, origin: str = "parent") -> Box:
    """Return a box in the pixels of an array that covers ``parent``; an error if it passes the edge."""
    if origin not in ("parent", "local"):
        raise ParameterError(f"Parameter origin={origin!r} is neither 'parent' nor 'local'")
    local = box.shifted(-parent.x0, -parent.y0) if origin == "parent" else box
    if not Box.from_shape(parent.shape).contains(local) or not local.area:
        raise ParameterError(f"Parameter bbox={box} (origin {origin}) is not a part of {parent}")
    return local
