"""What the bright stars of an image tell of all: the width of the PSF and the light beyond an aperture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipetask.photometry import aperture_photometry
from pipetask.tasks.reference_match import clipped_median

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Correction:
    """The aperture correction.

    Parameters
    ----------
    ratio : `float`
        All light over that in the aperture.
    error : `float`
        Its standard error; 0 if it is that of a Gaussian.
    stars : `int`
        From how many; 0 if it is that of a Gaussian.
    """

    ratio: float
    error: float
    stars: int


def psf_width(xx: Floats, yy: Floats, xy: Floats) -> tuple[float, int]:
    """Return the clipped median of the widths of stars [pixel], and from how many; NaN of none."""
    area = np.asarray(xx * yy - xy**2)
    sigma, _, used = clipped_median(np.maximum(area, 0) ** 0.25)
    return sigma, used


def aperture_correction(
    image: npt.NDArray[np.floating],
    unusable: npt.NDArray[np.bool_],
    x: Floats,
    y: Floats,
    flux: Floats,
    bright: npt.NDArray[np.bool_],
    *,
    radius: float,
    whole_radius: float,
    sigma: float,
) -> Correction:
    """Return all light over that in the aperture: the median of lone bright stars, else a Gaussian's.

    Parameters
    ----------
    image, unusable : `numpy.ndarray`, shape (ny, nx)
        Pixels, and which are left out.
    x, y, flux : `numpy.ndarray`, shape (n,)
        All sources, and what is in the aperture.
    bright : `numpy.ndarray`, shape (n,), bool
        The stars.
    radius, whole_radius : `float`
        Of the aperture, and what holds all light [pixel].
    sigma : `float`
        Width of the PSF [pixel].
    """
    from scipy.spatial import cKDTree

    places = np.column_stack([x, y])
    crowd = cKDTree(places).query_ball_point(places, 2 * whole_radius, return_length=True)
    lone = np.flatnonzero(bright & (crowd == 1))
    whole = aperture_photometry(image, x[lone], y[lone], whole_radius, mask=unusable)
    ratio, error, used = clipped_median((whole.flux / flux[lone])[whole.flags == 0])
    if used >= 3:
        return Correction(ratio, error, used)
    return Correction(float(1 / (1 - np.exp(-((radius / sigma) ** 2) / 2))), 0.0, 0)
