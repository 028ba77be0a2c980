"""ForcedPhotometryTask: fluxes of one image at given positions on the sky."""

from __future__ import annotations

from typing import Final

import numpy as np
from astropy.table import Column, Table
from lsst.pex.config import Field, ListField

from pipetask import (
    Exposure,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    PipetaskError,
    Struct,
    UnprocessableDataError,
    connectionTypes,
)
from pipetask.photometry import Annulus, aperture_photometry

_COLUMNS: Final = (
    ("objectId", np.int64, None, "Number of the object."),
    ("x", np.float64, "pix", "Where it is on the image, 0-based."),
    ("y", np.float64, "pix", "Where it is on the image, 0-based."),
    ("flux", np.float64, "nJy", "Flux density; NaN if not measurable."),
    ("fluxErr", np.float64, "nJy", "Standard error of the flux: of pixels, ring and zero point."),
    ("area", np.float64, "pix2", "Area of the usable pixels in the aperture."),
    ("flags", np.int64, None, "Bits of pipetask.photometry.ApertureFlag; 0 is good."),
)


class ForcedPhotometryConnections(
    PipelineTaskConnections, dimensions=("instrument", "visit", "detector", "skymap", "tract")
):
    """A calibrated image and objects in, fluxes out."""

    exposure = connectionTypes.Input(
        doc="Background-subtracted image with WCS and zero point.",
        name="calexp",
        storageClass="ExposureF",
        dimensions=("instrument", "visit", "detector"),
    )
    objects = connectionTypes.Input(
        doc="Positions: objectId, ra, dec [deg].",
        name="object",
        storageClass="ArrowAstropy",
        dimensions=("skymap", "tract"),
    )
    fluxes = connectionTypes.Output(
        doc="One row per object on the image.",
        name="forced",
        storageClass="ArrowAstropy",
        dimensions=("instrument", "visit", "detector", "skymap", "tract"),
    )


class ForcedPhotometryConfig(PipelineTaskConfig, pipelineConnections=ForcedPhotometryConnections):
    """Aperture, and which pixels count."""

    apRad = Field(doc="Radius of the aperture [pixel].", dtype=float, default=4.0, check=lambda r: r > 0)
    doApertureCorrection = Field(
        doc="Multiply by the aperture correction that the image carries (`calibrateImage`).",
        dtype=bool,
        default=True,
    )
    doLocalBackground = Field(doc="Subtract the median of a ring.", dtype=bool, default=False)
    ring = ListField(
        doc="Inner and outer radius of the ring [pixel].", dtype=float, default=[8.0, 14.0], length=2
    )
    badMaskPlanes = ListField(
        doc="Pixels with any of these planes set are left out.",
        dtype=str,
        default=["BAD", "SAT", "CR", "NO_DATA"],
    )


class ForcedPhotometryTask(PipelineTask):
    """Measure objects where they are known to be, seen or not."""

    ConfigClass = ForcedPhotometryConfig
    _DefaultName = "forcedPhotometry"

    def run(self, exposure: Exposure, objects: Table) -> Struct:
        """Measure the objects whose position lies on the image.

        Parameters
        ----------
        exposure : `Exposure`
            With WCS and zero point. Not modified.
        objects : `astropy.table.Table`
            ``objectId``, ``ra``, ``dec`` [deg].

        Returns
        -------
        result : `Struct`
            ``fluxes`` [nJy].

        Raises
        ------
        UnprocessableDataError
            If the image has no WCS or zero point.
        PipetaskError
            If it has no aperture correction for the radius.
        """
        if exposure.wcs is None or exposure.photoCalib is None:
            raise UnprocessableDataError("The image has no WCS or no zero point: calibrate it first")
        calib, correction = exposure.photoCalib, self.correction(exposure)
        x, y = on_image(exposure, objects)
        here = (x > -0.5) & (x < exposure.shape[1] - 0.5) & (y > -0.5) & (y < exposure.shape[0] - 0.5)
        inner, outer = self.config.ring
        measured = aperture_photometry(
            exposure.image,
            x[here],
            y[here],
            self.config.apRad,
            variance=exposure.variance,
            mask=exposure.mask.any([p for p in self.config.badMaskPlanes if p in exposure.mask.planes]),
            annulus=Annulus(inner, outer, statistic="median") if self.config.doLocalBackground else None,
        )
        assert measured.flux_err is not None
        counts, errors = measured.flux * correction, measured.flux_err * correction
        if measured.background_err is not None:
            errors = np.hypot(errors, measured.area * measured.background_err * correction)
        values = (
            np.asarray(objects["objectId"])[here],
            x[here],
            y[here],
            calib.nanojansky(counts),
            calib.nanojansky_error(counts, errors),
            measured.area,
            measured.flags,
        )
        fluxes = Table(
            [
                Column(column, name=name, dtype=dtype, unit=unit, description=text)
                for column, (name, dtype, unit, text) in zip(values, _COLUMNS, strict=True)
            ]
        )
        self.log.info("Measured %d of %d objects", len(fluxes), len(objects))
        return Struct(fluxes=fluxes)

    def correction(self, exposure: Exposure) -> float:
        """Return what fluxes are multiplied by to be those of whole stars."""
        if not self.config.doApertureCorrection:
            return 1.0
        radius = exposure.metadata.get("apCorrectionRadius")
        if radius is None:
            raise PipetaskError(
                "The image has no aperture correction; take images that calibrateImage has made, or set "
                "doApertureCorrection=False"
            )
        if radius != self.config.apRad:
            raise PipetaskError(
                f"The image has an aperture correction for radius {radius:g}, and task {self.getName()!r} "
                f"has apRad={self.config.apRad:g}; set it to that, or doApertureCorrection=False"
            )
        return float(exposure.metadata["apCorrection"])


def on_image(exposure: Exposure, objects: Table) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels of positions on the sky; NaN where the projection has none."""
    from astropy.coordinates import SkyCoord

    sky = SkyCoord(np.asarray(objects["ra"]), np.asarray(objects["dec"]), unit="deg")
    x, y = exposure.wcs.world_to_pixel(sky)
    return np.atleast_1d(x), np.atleast_1d(y)
