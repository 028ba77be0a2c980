"""Stars as a Gaussian point-spread function leaves them on pixels."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import erf

Floats = npt.NDArray[np.float64]

SIGMA_PER_FWHM: Final = 1 / (2 * np.sqrt(2 * np.log(2)))
_REACH = 6.0  # sigmas; what a Gaussian has beyond is below 1e-8 of its flux


def star_image(shape: tuple[int, int], x: Floats, y: Floats, flux: Floats, fwhm: float) -> Floats:
    """Draw stars with a Gaussian point-spread function, integrated over each pixel.

    Parameters
    ----------
    shape : `tuple` of `int`
        Size of the image (ny, nx).
    x, y : `numpy.ndarray`, shape (n,)
        Centres [pixel], the centre of the first pixel at 0.0. Stars beyond the edges are drawn as far as
        they reach into the image.
    flux : `numpy.ndarray`, shape (n,)
        Total flux of each, in the unit of the image.
    fwhm : `float`
        Full width at half maximum [pixel].

    Returns
    -------
    image : `numpy.ndarray`, shape ``shape``, float64
        The sum of all stars.
    """
    image = np.zeros(shape)
    sigma = fwhm * SIGMA_PER_FWHM
    reach = int(np.ceil(_REACH * sigma))
    for x0, y0, total in zip(x, y, flux, strict=True):  # each star touches its own small window
        columns = np.arange(max(int(x0) - reach, 0), min(int(x0) + reach + 2, shape[1]))
        rows = np.arange(max(int(y0) - reach, 0), min(int(y0) + reach + 2, shape[0]))
        if len(columns) and len(rows):
            part = total * np.outer(pixel_shares(rows, y0, sigma), pixel_shares(columns, x0, sigma))
            image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += part
    return image


def pixel_shares(pixels: npt.NDArray[np.int64], centre: float, sigma: float) -> Floats:
    """Part of a one-dimensional Gaussian that falls on each of some consecutive pixels."""
    edges = (np.append(pixels, pixels[-1] + 1) - 0.5 - centre) / (np.sqrt(2) * sigma)
    return np.diff(erf(edges)) / 2
