"""Aperture photometry of many sources at once: flux, error, area, local background and flags."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt

from pipetask.photometry.annulus import Annulus, annulus_background
from pipetask.photometry.flags import ApertureFlag
from pipetask.photometry.overlap import Floats, Method
from pipetask.photometry.sums import Integers, PhotometryError, Planes, circle_sums, unusable


@dataclass(frozen=True, slots=True)
class AperturePhotometry:
    """Columns of results, in the order of the sources.

    ``flux``, ``flux_err`` and ``flags`` have shape (n,), or (n, number of radii) where radii were given as a
    sequence; so has ``area`` [pixel²]. ``background`` has shape (n,), per pixel; None without an annulus.
    ``flux_err`` is None without a variance plane. ``flags`` are `ApertureFlag` values.
    """

    flux: Floats
    flux_err: Floats | None
    area: Floats
    background: Floats | None
    flags: Integers


def aperture_photometry(
    image: npt.ArrayLike,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    radii: float | Sequence[float] | npt.NDArray[np.floating],
    *,
    variance: npt.ArrayLike | None = None,
    mask: npt.ArrayLike | None = None,
    method: Method = "exact",
    subpixels: int = 5,
    annulus: Annulus | None = None,
) -> AperturePhotometry:
    """Sum the pixels inside circles, weighting each by the part of it that the circle covers.

    Parameters
    ----------
    image : array_like, shape (ny, nx), real
        Pixel values in any unit, type and byte order. Not modified. NaN and infinity count as masked, and are
        flagged.
    x, y : array_like, shape (n,)
        Centres [pixel], 0-based, the centre of the first pixel at 0.0. They may lie anywhere; see the flags.
    radii : float or sequence of float
        Radius or radii [pixel], larger than 0 and at most 1e8.
    variance : array_like, shape (ny, nx), optional
        Variance per pixel [unit of image squared].
    mask : array_like, shape (ny, nx), bool or integer, optional
        Pixels that are True or not 0 are left out of sums and areas.
    method : {"exact", "center", "subpixel"}
        Weight of a pixel: the area covered; 1 if its centre is nearer than the radius, else 0; the part of
        its ``subpixels`` times ``subpixels`` sub-pixel centres that are nearer.
    annulus : `Annulus`, optional
        Ring for a local background, which is subtracted times the area.

    Returns
    -------
    photometry : `AperturePhotometry`
        NaN where nothing could be measured; the flag says why. A bad source never raises.

    Raises
    ------
    PhotometryError
        If a radius is out of range, shapes differ, or an option is unknown.

    Notes
    -----
    ``flux_err`` is sqrt(Σ w²·variance), the standard deviation of Σ w·pixel for independent pixels (as
    photutils 3.1; sep and earlier photutils use sqrt(Σ w·variance), a few per cent larger for small
    apertures). The uncertainty of the annulus background is not part of it. Masked pixels are left out, not
    replaced: compare ``area`` with π·radius².
    """
    planes = Planes.checked(image, variance, mask)
    x, y = (np.atleast_1d(np.asarray(centre, dtype=np.float64)) for centre in (x, y))
    if x.ndim != 1 or x.shape != y.shape:
        raise PhotometryError(
            f"x and y have shapes {x.shape} and {y.shape}; wanted: two columns of one length"
        )
    if method not in get_args(Method) or (annulus and annulus.method not in (None, *get_args(Method))):
        raise PhotometryError(f"method {method!r} is not one of {get_args(Method)}")
    if subpixels < 1:
        raise PhotometryError(f"subpixels is {subpixels!r}; wanted: 1 or more")
    each_radius = np.atleast_1d(np.asarray(radii, dtype=np.float64))
    if each_radius.ndim != 1 or not np.all((each_radius > 0) & (each_radius <= 1e8)):
        raise PhotometryError(f"radii are {radii!r}; wanted: numbers above 0, at most 1e8")

    shape = len(x), len(each_radius)
    flux, errors = np.full(shape, np.nan), np.full(shape, np.nan)
    area, flags = np.zeros(shape), np.zeros(shape, np.int64)
    background = np.full(len(x), np.nan)
    finite = np.isfinite(x) & np.isfinite(y)
    flags[~finite] = ApertureFlag.BAD_CENTRE
    # row by row, so that the pixels of one part lie together in memory
    order = np.flatnonzero(finite)
    order = order[np.argsort(y[order])]
    x, y = x[order], y[order]

    centre_flags = _centre_flags(planes, x, y)
    if annulus is not None:
        background[order] = annulus_background(planes, x, y, annulus, method, subpixels)
        centre_flags |= np.isnan(background[order]) * ApertureFlag.NO_BACKGROUND
    for index, radius in enumerate(each_radius):
        sums = circle_sums(planes, x, y, float(radius), method, subpixels)
        level = background[order] if annulus is not None else 0.0
        empty = ~(sums.area > 0)
        no_flux = empty | ((centre_flags & ApertureFlag.CENTRE_MASKED) != 0)
        bad_variance = (
            ~(np.isfinite(sums.variance) & (sums.variance >= 0))
            if planes.variance is not None
            else no_flux & False
        )
        flux[order, index] = np.where(no_flux, np.nan, sums.flux - level * sums.area)
        errors[order, index] = np.sqrt(np.where(no_flux | bad_variance, np.nan, sums.variance))
        area[order, index] = sums.area
        flags[order, index] = (
            sums.flags
            | centre_flags
            | empty * ApertureFlag.NO_PIXELS
            | bad_variance * ApertureFlag.BAD_VARIANCE
        )
    if np.ndim(radii) == 0:
        flux, errors, area, flags = flux[:, 0], errors[:, 0], area[:, 0], flags[:, 0]
    return AperturePhotometry(
        flux=flux,
        flux_err=errors if planes.variance is not None else None,
        area=area,
        background=background if annulus is not None else None,
        flags=flags,
    )


def _centre_flags(planes: Planes, x: Floats, y: Floats) -> Integers:
    """Flag centres that fall on a pixel that cannot be used."""
    flags = np.zeros(len(x), np.int64)
    rows, columns = planes.shape
    column, row = np.floor(x + 0.5), np.floor(y + 0.5)
    inside = np.flatnonzero((column >= 0) & (column < columns) & (row >= 0) & (row < rows))
    bad = unusable(planes, row[inside].astype(np.int64), column[inside].astype(np.int64))
    flags[inside[bad]] = ApertureFlag.CENTRE_MASKED
    return flags
