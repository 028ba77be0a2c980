"""Aperture photometry on numpy arrays: `aperture_photometry` and what it takes and returns."""

from pipetask.photometry.annulus import Annulus as Annulus
from pipetask.photometry.aperture import aperture_photometry as aperture_photometry
from pipetask.photometry.flags import ApertureFlag as ApertureFlag
from pipetask.photometry.flags import describe as describe
from pipetask.photometry.planes import PhotometryError as PhotometryError
from pipetask.photometry.result import CoreResult as CoreResult
from pipetask.photometry.sky import sky_photometry as sky_photometry
