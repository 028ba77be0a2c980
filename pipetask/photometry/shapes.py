"""Circles and ellipses, one for each source."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipetask.photometry.planes import Floats

# Radii and semi-axes are taken to be at least this long: squares and quotients of them are numbers.
SMALLEST = 1e-150


@dataclass(frozen=True, slots=True)
class Shape:
    """Ellipses: semi-axes [pixel], cosine and sine of the angle from the x axis to the first, of shape (n,).

    ``round`` says that all are circles.
    """

    a: Floats
    b: Floats
    cos: Floats
    sin: Floats
    round: bool

    @classmethod
    def circles(cls, radius: float, count: int) -> "Shape":
        """Circles of one radius."""
        each = np.full(count, radius)
        return cls(each, each, np.ones(count), np.zeros(count), round=True)

    def take(self, index: Any) -> "Shape":  # any numpy index
        """Some of them."""
        return Shape(self.a[index], self.b[index], self.cos[index], self.sin[index], self.round)

    def scaled(self, factor: float) -> "Shape":
        """The same shapes, larger by a factor."""
        a, b = (np.maximum(axis * factor, SMALLEST) for axis in (self.a, self.b))
        return Shape(a, b, self.cos, self.sin, self.round)

    @property
    def extents(self) -> tuple[Floats, Floats]:
        """Half the width and half the height of the smallest upright rectangle about each."""
        if self.round:
            return self.a, self.a
        return (
            np.hypot(self.a * self.cos, self.b * self.sin),
            np.hypot(self.a * self.sin, self.b * self.cos),
        )

    @property
    def shear(self) -> tuple[Floats, Floats]:
        """The numbers with which x = width·u, y = slope·u + rise·v makes an ellipse of the unit circle."""
        width = self.extents[0]
        tilt = (self.a - self.b) * (self.a + self.b) * self.sin * self.cos
        return tilt / width, self.a * self.b / width
