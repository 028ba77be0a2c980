"""What is asked of the sums over apertures and what comes back, in the fast and the general path."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipetask.photometry.lattice_weights import Method
from pipetask.photometry.planes import Floats, Integers


@dataclass(frozen=True, slots=True)
class Ring:
    """A ring whose weighted mean is the background."""

    r_in: float
    r_out: float
    method: Method


@dataclass(frozen=True, slots=True)
class Request:
    """Radii in the order of the result, weights, power of the weights of variances (2 or 1), and a ring."""

    radii: tuple[float, ...]
    method: Method
    subpixels: int
    power: int = 2
    ring: Ring | None = None


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over the usable pixels; arrays of shape (radii, n), those of the ring (n,).

    ``flux`` is Σ w·pixel, ``variance`` Σ w²·variance (or Σ w·variance), ``area`` Σ w, ``full`` Σ w with all
    pixels of the image taken as usable [pixel²], ``background`` the mean of the ring, ``background_err`` its
    standard error from the scatter of the ring's pixels, ``ring_area`` their number.
    """

    flux: Floats
    variance: Floats
    area: Floats
    full: Floats
    flags: Integers
    background: Floats
    background_err: Floats
    ring_area: Floats

    @classmethod
    def nothing(cls, radii: int, count: int) -> "Sums":
        """Sums of no pixels, to be filled in."""
        flux, variance, area, full = np.zeros((4, radii, count))
        flags = np.zeros((radii, count), np.int64)
        background, background_err = np.full((2, count), np.nan)
        return cls(flux, variance, area, full, flags, background, background_err, np.zeros(count))

    def take(self, part: slice) -> "Sums":
        """A view of some sources, to be filled in."""
        apertures = (getattr(self, name)[:, part] for name in ("flux", "variance", "area", "full", "flags"))
        ring = (getattr(self, name)[part] for name in ("background", "background_err", "ring_area"))
        return Sums(*apertures, *ring)

    def put(self, where: Any, other: "Sums") -> None:  # any numpy index
        """Overwrite some sources."""
        for name in ("flux", "variance", "area", "full", "flags"):
            getattr(self, name)[:, where] = getattr(other, name)
        for name in ("background", "background_err", "ring_area"):
            getattr(self, name)[where] = getattr(other, name)
