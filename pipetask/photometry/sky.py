"""Aperture photometry at positions on the sky."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipetask.photometry.aperture import aperture_photometry
from pipetask.photometry.planes import PhotometryError
from pipetask.photometry.result import CoreResult
from pipetask.photometry.sections import ImageLike

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.wcs import WCS


def sky_photometry(
    image: ImageLike,
    wcs: "WCS",
    positions: "SkyCoord",
    radii: Any,  # numbers, or an astropy Quantity
    **options: Any,  # those of aperture_photometry
) -> tuple[CoreResult, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Measure at sky positions; positions that the WCS cannot map are flagged BAD_CENTRE.

    Parameters
    ----------
    image, **options
        As for `aperture_photometry`.
    wcs : `astropy.wcs.WCS`
        World coordinates of the image, whose first pixel is centred at 0.
    positions : `astropy.coordinates.SkyCoord`, shape (n,)
        Where to measure.
    radii : float, sequence of float, or angle `astropy.units.Quantity`
        Radius or radii [pixel]. Angles are divided by the mean pixel scale at the reference pixel.

    Returns
    -------
    result : `CoreResult`
    x, y : `numpy.ndarray`, shape (n,)
        The centres [pixel].
    """
    x, y = (np.atleast_1d(np.asarray(centre, np.float64)) for centre in wcs.world_to_pixel(positions))
    if hasattr(radii, "unit"):
        scale = np.sqrt(wcs.proj_plane_pixel_area())
        if not radii.unit.is_equivalent(scale.unit):
            raise PhotometryError(f"radii are in {radii.unit}; wanted: plain numbers [pixel], or angles")
        radii = (radii / scale).to_value("")
    return aperture_photometry(image, x, y, radii, **options), x, y
