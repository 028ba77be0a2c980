"""Psf: the point spread function of an image, a Gaussian or a picture of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from datastore.errors import InvalidValueError

FWHM_PER_SIGMA = 2.0 * float(np.sqrt(2.0 * np.log(2.0)))


class Psf:
    """A point spread function that is the same everywhere on the image.

    Parameters
    ----------
    sigma : `float`, optional
        Standard deviation of a circular Gaussian [pixel].
    kernel : `numpy.ndarray`, shape (n, m), both odd, optional
        Picture centred on its middle pixel; normalised to sum 1. Give either this or ``sigma``.
    """

    __slots__ = ("_kernel", "sigma")

    def __init__(self, sigma: float | None = None, kernel: npt.ArrayLike | None = None) -> None:
        if (sigma is None) == (kernel is None):
            raise InvalidValueError("A Psf takes either sigma or kernel")
        self._kernel: npt.NDArray[np.float64] | None = None
        if kernel is not None:
            self._kernel, sigma = _normalised(np.array(kernel, dtype=np.float64))
        if sigma is None or not (np.isfinite(sigma) and sigma > 0):
            raise InvalidValueError(f"Psf sigma {sigma!r} is not a positive number of pixels")
        self.sigma = float(sigma)

    @property
    def fwhm(self) -> float:
        """Full width at half maximum [pixel] of the Gaussian of the same second moment."""
        return self.sigma * FWHM_PER_SIGMA

    def kernel(self, size: int | None = None) -> npt.NDArray[np.float64]:
        """Return a square picture of sum 1; ``size`` (odd) is for Gaussians, default 4 sigma to each side."""
        if self._kernel is not None:
            return self._kernel.copy()
        half = int(np.ceil(4.0 * self.sigma)) if size is None else size // 2
        x = np.arange(-half, half + 1)
        profile = np.exp(-0.5 * (x / self.sigma) ** 2)
        picture = np.outer(profile, profile)
        return picture / picture.sum()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Psf):
            return NotImplemented
        if self._kernel is None or other._kernel is None:
            return self._kernel is other._kernel and self.sigma == other.sigma
        return np.array_equal(self._kernel, other._kernel)

    __hash__ = None  # type: ignore[assignment]  # holds an array

    def __repr__(self) -> str:
        what = "Gaussian" if self._kernel is None else f"kernel {self._kernel.shape}"
        return f"Psf({what}, sigma={self.sigma:.3f})"

    def to_json(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        if self._kernel is None:
            return {"sigma": self.sigma}
        return {"kernel": self._kernel.tolist()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Psf:
        """Rebuild from `to_json`, without a change in any bit."""
        psf = cls(**value)
        if psf._kernel is not None:
            psf._kernel = np.array(value["kernel"], dtype=np.float64)
        return psf


def _normalised(kernel: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], float]:
    """Return the kernel with sum 1 and its mean standard deviation along x and y."""
    if kernel.ndim != 2 or not all(n % 2 for n in kernel.shape):
        raise InvalidValueError(f"A Psf kernel is a 2-d array with odd sides, not of shape {kernel.shape}")
    total = kernel.sum()
    if not (np.isfinite(total) and total > 0):
        raise InvalidValueError(f"The sum of a Psf kernel is a positive number, not {total!r}")
    kernel = kernel / total
    y, x = (np.arange(n) - n // 2 for n in kernel.shape)
    second_moment = (kernel.sum(0) @ x**2 + kernel.sum(1) @ y**2) / 2
    return kernel, float(np.sqrt(max(second_moment, 1e-6)))
