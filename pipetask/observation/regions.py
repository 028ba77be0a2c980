"""Regions on the sky of images and of groups of images, from their WCS."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from pipetask.butler import Box

if TYPE_CHECKING:
    from astropy.io import fits
    from astropy.wcs import WCS
    from lsst.sphgeom import ConvexPolygon


def image_region(wcs: WCS, box: Box) -> ConvexPolygon | None:
    """Return the polygon of an image's four corners (the outer edges of its corner pixels).

    Parameters
    ----------
    wcs : `astropy.wcs.WCS`
        From pixels of the parent image to the sky, any celestial frame.
    box : `Box`
        The image in those pixels.

    Returns
    -------
    region : `lsst.sphgeom.ConvexPolygon` or `None`
        `None` if the WCS gives no finite position for a corner.
    """
    x = np.array([box.x0, box.x0 + box.width, box.x0 + box.width, box.x0]) - 0.5
    y = np.array([box.y0, box.y0, box.y0 + box.height, box.y0 + box.height]) - 0.5
    sky = wcs.pixel_to_world(x, y).icrs
    return polygon(np.radians(sky.ra.deg), np.radians(sky.dec.deg))


def header_wcs(header: fits.Header) -> WCS | None:
    """Return the celestial WCS of a header, or `None` without one."""
    from astropy.wcs import WCS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # non-standard keywords that astropy repairs
        wcs = WCS(header)
    return wcs.celestial if wcs.has_celestial else None


def header_region(header: fits.Header, shape: tuple[int, int]) -> ConvexPolygon | None:
    """Return the region of an image from its header alone; `None` without a celestial WCS in it."""
    wcs = header_wcs(header)
    return None if wcs is None else image_region(wcs, Box(0, 0, shape[1], shape[0]))


def polygon(longitude: np.ndarray[Any, Any], latitude: np.ndarray[Any, Any]) -> ConvexPolygon | None:
    """Return the convex hull of positions [rad], or `None` if one is not finite."""
    from lsst.sphgeom import ConvexPolygon, LonLat, UnitVector3d

    if not (np.isfinite(longitude).all() and np.isfinite(latitude).all()):
        return None
    return ConvexPolygon.convexHull(
        [
            UnitVector3d(LonLat.fromRadians(lon, lat))
            for lon, lat in zip(longitude.tolist(), latitude.tolist(), strict=True)
        ]
    )


def hull(regions: Iterable[ConvexPolygon]) -> ConvexPolygon:
    """Return the smallest convex polygon around all of ``regions`` (at least one)."""
    from lsst.sphgeom import ConvexPolygon

    return ConvexPolygon.convexHull([vertex for region in regions for vertex in region.getVertices()])
