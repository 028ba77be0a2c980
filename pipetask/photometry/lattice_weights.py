"""Weights of the boundary pixels of many circles of one radius, centred anywhere in the central pixel.

Pixels are named by their offset from the central one and laid out in four quadrants: an array has the shape
(2 down/up, rows, 2 left/right, columns, n), rows and columns counted outwards, the circles along the last,
contiguous axis. The central row and column stand in two quadrants each; there the "up" and "right" ones hold
the whole weight. Formulae: docs/concepts/aperture_overlap.md.
"""

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy.typing as npt

from pipetask.photometry.arc_weights import ArcWeights
from pipetask.photometry.bands import Band
from pipetask.photometry.corner_weights import CORNER_RADIUS, CornerWeights
from pipetask.photometry.planes import Floats
from pipetask.photometry.sample_weights import SampleWeights

Method = Literal["exact", "center", "subpixel"]


class LatticeWeights(Protocol):
    """What the sums need to know of a method."""

    @property
    def whole(self) -> float:
        """What stands for a weight of 1: weights may be counts."""
        ...

    def weights(self, band: Band) -> npt.NDArray[Any]:
        """Weights of the pixels of a band, floats or short integers; the caller may change them."""
        ...


def lattice_weights(
    radii: Sequence[float], fx: Floats, fy: Floats, method: Method, subpixels: int
) -> Sequence[LatticeWeights]:
    """Prepare weights; ``fx``, ``fy`` are the centre from that of its pixel, within [-0.5, 0.5]."""
    if method != "exact":
        return SampleWeights.several(radii, fx, fy, subpixels if method == "subpixel" else 1)
    small = [radius for radius in radii if radius <= CORNER_RADIUS]
    corners = iter(CornerWeights.several(small, fx, fy) if small else ())
    return [next(corners) if radius <= CORNER_RADIUS else ArcWeights(radius, fx, fy) for radius in radii]


def band_cost(radius: float, method: Method, subpixels: int) -> int:
    """Cost of one more band, in pixels per quadrant (benchmarks/photometry.py)."""
    if method == "exact":
        return 8 if radius <= CORNER_RADIUS else 12
    return 1 if method == "subpixel" and subpixels > 1 else 6
