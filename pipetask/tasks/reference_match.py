"""Matching detections to a reference catalog, and what follows: a refined WCS and a zero point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipetask import UnprocessableDataError

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Refined:
    """A refined WCS and how well it fits.

    Parameters
    ----------
    wcs : `astropy.wcs.WCS`
        From the image's pixels to the sky.
    source, reference : `numpy.ndarray`
        Rows of the pairs that it fits, in either catalog.
    scatter_arcsec : `float`
        Standard deviation of their distances along one axis.
    """

    wcs: Any  # astropy is untyped
    source: Indices
    reference: Indices
    scatter_arcsec: float


def unit_vectors(ra: Floats, dec: Floats) -> Floats:
    """Return points on the unit sphere, shape (n, 3), of positions [deg]."""
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def matched(first: Floats, second: Floats, radius_arcsec: float) -> tuple[Indices, Indices]:
    """Pair positions on the sky that are each other's nearest; return the rows in either.

    Parameters
    ----------
    first, second : `numpy.ndarray`, shape (n, 2), (m, 2)
        Right ascension and declination [deg].
    radius_arcsec : `float`
        Largest distance.
    """
    one, two = unit_vectors(*first.T), unit_vectors(*second.T)
    return _nearest(one, two, float(2 * np.sin(np.radians(radius_arcsec / 3600) / 2)))


def refine_wcs(
    wcs: Any,  # astropy is untyped
    x: Floats,
    y: Floats,
    reference: Floats,
    *,
    max_offset_arcsec: float,
    radius_arcsec: float,
    minimum: int,
) -> Refined:
    """Fit the linear part of a WCS to a reference catalog.

    Parameters
    ----------
    wcs : `astropy.wcs.WCS`
        A good guess. Not modified.
    x, y : `numpy.ndarray`, shape (n,)
        Sources, brightest first [pixel].
    reference : `numpy.ndarray`, shape (m, 2)
        Right ascension and declination [deg].
    max_offset_arcsec : `float`
        By how much the guess may be off.
    radius_arcsec : `float`
        Pairs are at most so far apart after the offset is taken out.
    minimum : `int`
        Fewest pairs.

    Raises
    ------
    UnprocessableDataError
        If there are fewer pairs.
    """
    from astropy.wcs import WCS

    linear = WCS(wcs.to_header(relax=True))  # whatever the form of its matrix was
    target = linear.wcs.s2p(reference, 1)["imgcrd"][:, :2]  # on the plane of projection [deg]
    on_plane = np.flatnonzero(np.isfinite(target).all(axis=1))
    target = target[on_plane]
    pixels = np.stack([x, y], axis=-1)
    bent = linear.pix2foc(pixels, 0) if linear.sip is not None else pixels
    matrix, origin = linear.pixel_scale_matrix, linear.wcs.crpix - 1
    shift = _offset((bent - origin) @ matrix.T, target, max_offset_arcsec / 3600, radius_arcsec / 3600)
    rows, partners = np.empty(0, np.int64), np.empty(0, np.int64)
    terms = np.column_stack([bent - origin, np.ones(len(bent))])
    solution = np.vstack([matrix.T, shift])
    for tolerance in (radius_arcsec, radius_arcsec, radius_arcsec / 2):
        rows, partners = _nearest(terms @ solution, target, tolerance / 3600)
        if len(rows) < minimum:
            raise UnprocessableDataError(
                f"{len(rows)} of {len(x)} sources match one of {len(reference)} reference sources within "
                f"{tolerance:g} arcsec; {minimum} are needed. Check the WCS, maxOffset and matchRadius"
            )
        solution = np.linalg.lstsq(terms[rows], target[partners], rcond=None)[0]
    matrix = solution[:2].T
    linear.wcs.pc, linear.wcs.cdelt = matrix, [1, 1]
    linear.wcs.crpix = origin + 1 - np.linalg.solve(matrix, solution[2])
    linear.wcs.radesys, linear.wcs.equinox = "ICRS", np.nan  # that of the reference, whatever it was
    linear.wcs.set()
    left = (terms @ solution)[rows] - target[partners]
    return Refined(linear, rows, on_plane[partners], float(left.std() * 3600))


def _offset(found: Floats, target: Floats, reach: float, tolerance: float) -> Floats:
    """Return the shift that brings most points together: the densest place among all differences."""
    from scipy.spatial import cKDTree

    if not (len(found) and len(target)):
        return np.zeros(2)
    near = cKDTree(target).query_ball_point(found, reach)
    which = np.repeat(np.arange(len(found)), [len(each) for each in near])
    if not len(which):
        return np.zeros(2)
    shifts = target[np.concatenate([np.asarray(each, int) for each in near])] - found[which]
    tree = cKDTree(shifts)
    crowd = tree.query_ball_point(shifts, tolerance, return_length=True)
    members = tree.query_ball_point(shifts[np.argmax(crowd)], tolerance)
    return np.asarray(np.median(shifts[members], axis=0))


def _nearest(found: Floats, target: Floats, tolerance: float) -> tuple[Indices, Indices]:
    """Pair points that are each other's nearest."""
    from scipy.spatial import cKDTree

    if not (len(found) and len(target)):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    distance, nearest = cKDTree(target).query(found, distance_upper_bound=tolerance)
    _, back = cKDTree(found).query(target)
    rows = np.flatnonzero(np.isfinite(distance))
    rows = rows[back[nearest[rows]] == rows]
    return rows, nearest[rows].astype(np.int64)


def clipped_median(values: Floats, sigma: float = 3.0) -> tuple[float, float, int]:
    """Return median, its standard error and how many values are within the clip; NaN of none."""
    values = values[np.isfinite(values)]
    for _ in range(5):
        if not len(values):
            return np.nan, np.nan, 0
        middle = np.median(values)
        scatter = 1.4826 * np.median(np.abs(values - middle))
        kept = values[np.abs(values - middle) <= sigma * max(scatter, 1e-12)]
        if len(kept) == len(values):
            break
        values = kept
    return float(middle), float(1.2533 * scatter / np.sqrt(len(values))), len(values)
