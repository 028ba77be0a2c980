"""CoaddPhotometryTask: sources of a coadd and their magnitudes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Column, Table
from lsst.pex.config import ConfigField, Field

from pipetask import (
    Exposure,
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PhotoCalib,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
    connectionTypes,
)
from pipetask.observation.skymap import SkyMap
from pipetask.photometry import aperture_photometry
from pipetask.tasks.detect_sources import DetectSourcesConfig, DetectSourcesTask
from pipetask.tasks.gaussian_moments import gaussian_moments
from pipetask.tasks.point_sources import aperture_correction, psf_width

Floats = npt.NDArray[np.float64]

_DIMENSIONS = ("skymap", "tract", "patch", "band")


class CoaddPhotometryConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """A coadd in, a catalog out."""

    skyMap = connectionTypes.PrerequisiteInput(
        doc="Which pixels are the patch's own.",
        name="skyMap",
        storageClass="StructuredDataDict",
        dimensions=("skymap",),
    )
    coadd = connectionTypes.Input(
        doc="Coadd [nJy].", name="coadd", storageClass="ExposureF", dimensions=_DIMENSIONS
    )
    catalog = connectionTypes.Output(
        doc="Its sources with flux [nJy] and magnitude.",
        name="coaddSrc",
        storageClass="ArrowAstropy",
        dimensions=_DIMENSIONS,
    )


class CoaddPhotometryConfig(PipelineTaskConfig, pipelineConnections=CoaddPhotometryConnections):
    """Detection and aperture."""

    detection = ConfigField(doc="What counts as a source.", dtype=DetectSourcesConfig)
    apRad = Field(doc="Radius of the aperture [pixel].", dtype=float, default=4.0, check=lambda r: r > 0)
    wholeRadius = Field(
        doc="Radius that holds all light of a star; the aperture correction leads to it [pixel].",
        dtype=float,
        default=12.0,
    )
    brightSignal = Field(
        doc="Stars of this signal-to-noise ratio tell the aperture correction.", dtype=float, default=30.0
    )


class CoaddPhotometryTask(PipelineTask):
    """Find sources, measure them in a circle, and add the light of stars that is beyond it."""

    ConfigClass = CoaddPhotometryConfig
    _DefaultName = "coaddPhotometry"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Tell `run` the patch."""
        data_id = outputRefs.catalog.dataId
        result = self.run(**butlerQC.get(inputRefs), tract=data_id["tract"], patch=data_id["patch"])
        butlerQC.put(result, outputRefs)

    def run(self, skyMap: Mapping[str, Any], coadd: Exposure, tract: int, patch: int) -> Struct:
        """Measure one coadd.

        Parameters
        ----------
        skyMap : mapping
            The dataset ``skyMap``.
        coadd : `Exposure`
            Coadd [nJy]. Not modified.
        tract, patch : `int`
            Which patch.

        Returns
        -------
        result : `Struct`
            ``catalog``; ``isPrimary`` is false of sources on a neighbour's pixels.
        """
        catalog = DetectSourcesTask(self.config.detection).run(coadd).outputCatalog
        unusable = coadd.mask.any("NO_DATA")
        x, y = (np.asarray(catalog[name]) for name in ("x", "y"))
        measured = aperture_photometry(
            coadd.image, x, y, self.config.apRad, variance=coadd.variance, mask=unusable
        )
        assert measured.flux_err is not None
        bright = (measured.flags == 0) & (np.asarray(catalog["flags"]) == 0)
        bright &= measured.flux > self.config.brightSignal * measured.flux_err
        inexact = unusable | coadd.mask.any([p for p in ("INEXACT_PSF",) if p in coadd.mask.planes])
        complete = aperture_photometry(coadd.image, x, y, self.config.apRad, mask=inexact).flags == 0
        bright &= complete
        ratio = self.correction(coadd, unusable, x, y, measured.flux, bright)
        calib, flux, error = PhotoCalib(1.0), measured.flux * ratio, measured.flux_err * ratio
        for name, values, unit, text in (
            ("apFlux", measured.flux, "nJy", "Flux in the aperture."),
            ("apFluxErr", measured.flux_err, "nJy", "Its standard error."),
            ("apFlags", measured.flags, None, "Bits of pipetask.photometry.ApertureFlag; 0 is good."),
            ("flux", flux, "nJy", "apFlux times the aperture correction: all light of a star."),
            ("fluxErr", error, "nJy", "Its standard error, without that of the correction."),
            ("mag", calib.magnitude(flux), "mag", "AB magnitude of flux; NaN if it isn't positive."),
            ("magErr", calib.magnitude_error(flux, error), "mag", "Its standard error."),
        ):
            catalog[name] = Column(values, unit=unit, description=text)
        catalog["isComplete"] = Column(
            complete,
            description="Whether all visits count in all of the aperture; else its correction is off.",
        )
        catalog["isPrimary"] = Column(
            _own(SkyMap.from_dict(skyMap), tract, patch, coadd, catalog),
            description="Whether the centre is on the patch without its border.",
        )
        return Struct(catalog=catalog)

    def correction(
        self,
        coadd: Exposure,
        unusable: npt.NDArray[np.bool_],
        x: Floats,
        y: Floats,
        flux: Floats,
        bright: npt.NDArray[np.bool_],
    ) -> float:
        """Return what fluxes are multiplied by to be those of whole stars; NaN if no star tells it."""
        shape = gaussian_moments(coadd.image, coadd.variance, unusable, x[bright], y[bright], sigma=2.0)
        sigma, _ = psf_width(shape.xx, shape.yy, shape.xy)
        if np.isnan(sigma):
            self.log.warning(
                "No source has a signal-to-noise ratio above brightSignal=%g: the aperture correction is "
                "unknown, flux and mag are NaN",
                self.config.brightSignal,
            )
            return np.nan
        found = aperture_correction(
            coadd.image,
            unusable,
            x,
            y,
            flux,
            bright,
            radius=self.config.apRad,
            whole_radius=self.config.wholeRadius,
            sigma=sigma,
        )
        self.log.info("Aperture correction %.4f +- %.4f from %d stars", found.ratio, found.error, found.stars)
        return found.ratio


def _own(sky: SkyMap, tract: int, patch: int, coadd: Exposure, catalog: Table) -> npt.NDArray[np.bool_]:
    found = next(each for each in sky.patches(tract) if each.id == patch)
    column = np.floor((np.asarray(catalog["x"]) + coadd.x0 + 0.5) / sky.patch_size)
    row = np.floor((np.asarray(catalog["y"]) + coadd.y0 + 0.5) / sky.patch_size)
    return np.asarray((column == found.cell_x) & (row == found.cell_y))
