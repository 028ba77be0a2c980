"""CalibrateImageTask: PSF width, positions, fluxes, WCS and zero point of one image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from astropy.table import Column, Table, vstack
from lsst.pex.config import Field, ListField

from pipetask import (
    Exposure,
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PhotoCalib,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    PipetaskError,
    Psf,
    QuantumContext,
    Struct,
    UnprocessableDataError,
    connectionTypes,
)
from pipetask.photometry import aperture_photometry
from pipetask.tasks.gaussian_moments import Moments, gaussian_moments
from pipetask.tasks.point_sources import aperture_correction, psf_width
from pipetask.tasks.reference_match import Refined, clipped_median, matched, refine_wcs

Floats = npt.NDArray[np.float64]

_DIMENSIONS: Final = ("instrument", "visit", "detector")
_COLUMNS: Final = (
    ("id", np.int64, None, "Number of the source, unique within the catalog."),
    ("x", np.float64, "pix", "Centre, windowed, 0-based; the centre of the first pixel is at 0."),
    ("y", np.float64, "pix", "Centre, windowed, 0-based; the centre of the first pixel is at 0."),
    ("xErr", np.float64, "pix", "Standard error of x; NaN where the plain centre was kept."),
    ("yErr", np.float64, "pix", "Standard error of y; NaN where the plain centre was kept."),
    ("ra", np.float64, "deg", "Right ascension of the centre (ICRS); NaN without a WCS."),
    ("dec", np.float64, "deg", "Declination of the centre (ICRS); NaN without a WCS."),
    ("xx", np.float64, "pix2", "Second moment of the Gaussian that fits best; NaN if none does."),
    ("yy", np.float64, "pix2", "Second moment of the Gaussian that fits best; NaN if none does."),
    ("xy", np.float64, "pix2", "Second moment of the Gaussian that fits best; NaN if none does."),
    ("apFlux", np.float64, "image", "Flux in the aperture; NaN if not measurable."),
    ("apFluxErr", np.float64, "image", "Standard error of apFlux."),
    ("apFlags", np.int64, None, "Bits of pipetask.photometry.ApertureFlag; 0 is good."),
    ("flux", np.float64, "image", "apFlux times the aperture correction: all light of a star."),
    ("fluxErr", np.float64, "image", "Standard error of flux, without that of the correction."),
    ("refId", np.int64, None, "Number of the matched reference source; 0 if there is none."),
    ("flags", np.int64, None, "As the detection set them; 0 is good."),
)


class CalibrateImageConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """An image, its detections and reference stars in; a calibrated image and catalog out."""

    exposure = connectionTypes.Input(
        doc="Background-subtracted image.",
        name="initialCalexp",
        storageClass="ExposureF",
        dimensions=_DIMENSIONS,
    )
    inputCatalog = connectionTypes.Input(
        doc="Its sources: id, x, y, fwhm, flags.",
        name="initialSrc",
        storageClass="SourceCatalog",
        dimensions=_DIMENSIONS,
    )
    references = connectionTypes.PrerequisiteInput(
        doc="Reference stars: id, ra, dec [deg], mag_<band>.",
        name="refcat",
        storageClass="ArrowAstropy",
        dimensions=("htm7",),
        multiple=True,
    )
    outputExposure = connectionTypes.Output(
        doc="The image with PSF, refined WCS and zero point.",
        name="calexp",
        storageClass="ExposureF",
        dimensions=_DIMENSIONS,
    )
    outputCatalog = connectionTypes.Output(
        doc="Its sources with positions, shapes and fluxes.",
        name="src",
        storageClass="SourceCatalog",
        dimensions=_DIMENSIONS,
    )
    outputSchema = connectionTypes.InitOutput(
        doc="Columns of the catalog, without rows.", name="src_schema", storageClass="SourceCatalog"
    )

    def __init__(self, *, config: Any = None) -> None:  # a CalibrateImageConfig
        super().__init__(config=config)
        if not (config.doAstrometry or config.doPhotometry):
            self.prerequisiteInputs.remove("references")


class CalibrateImageConfig(PipelineTaskConfig, pipelineConnections=CalibrateImageConnections):
    """What is measured, and how stars are matched."""

    apRad = Field(doc="Radius of the aperture [pixel].", dtype=float, default=4.0, check=lambda r: r > 0)
    wholeRadius = Field(
        doc="Radius that holds all light of a star; the aperture correction leads to it [pixel].",
        dtype=float,
        default=12.0,
    )
    brightSignal = Field(
        doc="Stars of this signal-to-noise ratio tell the width of the PSF, the aperture correction and the "
        "zero point.",
        dtype=float,
        default=30.0,
    )
    doAstrometry = Field(doc="Refine the WCS.", dtype=bool, default=True)
    maxOffset = Field(doc="By how much the WCS may be off [arcsec].", dtype=float, default=10.0)
    matchRadius = Field(
        doc="Largest distance to a reference source, the offset taken out [arcsec].", dtype=float, default=1.0
    )
    minMatches = Field(doc="With fewer matches, the image fails.", dtype=int, default=5)
    doPhotometry = Field(doc="Fit a zero point.", dtype=bool, default=True)
    magnitude = Field(
        doc="Column of the reference catalog with magnitudes; {band} stands for the band of the image.",
        dtype=str,
        default="mag_{band}",
    )
    badMaskPlanes = ListField(
        doc="Pixels with any of these planes set are left out.",
        dtype=str,
        default=["BAD", "SAT", "CR", "NO_DATA"],
    )


class CalibrateImageTask(PipelineTask):
    """Measure sources with the width of their own stars, then tie them to reference stars."""

    ConfigClass = CalibrateImageConfig
    _DefaultName = "calibrateImage"

    def __init__(self, config: Any = None, **kwargs: Any) -> None:  # as PipelineTask
        super().__init__(config, **kwargs)
        self.outputSchema = _catalog({name: () for name, *_ in _COLUMNS}, None)

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Tell `run` the band."""
        band = inputRefs.exposure.dataId.get("band")
        butlerQC.put(self.run(**butlerQC.get(inputRefs), band=band), outputRefs)

    def run(
        self,
        exposure: Exposure,
        inputCatalog: Table,
        references: Sequence[Table] = (),
        band: str | None = None,
    ) -> Struct:
        """Calibrate one image.

        Parameters
        ----------
        exposure : `Exposure`
            Background-subtracted, with variance. Not modified.
        inputCatalog : `astropy.table.Table`
            Its sources.
        references : sequence of `astropy.table.Table`, optional
            Parts of the reference catalog around it.
        band : `str`, optional
            Band of the image.

        Returns
        -------
        result : `Struct`
            ``outputExposure`` and ``outputCatalog``.

        Raises
        ------
        UnprocessableDataError
            If there are too few bright or matched stars.
        """
        exposure = exposure.copy()
        unusable = exposure.mask.any(self.config.badMaskPlanes) | ~np.isfinite(exposure.image)
        columns = self.measure(exposure, unusable, inputCatalog)
        bright = (columns["flags"] == 0) & (columns["apFlags"] == 0)
        bright &= columns["apFlux"] > self.config.brightSignal * columns["apFluxErr"]
        sigma, used = psf_width(columns["xx"][bright], columns["yy"][bright], columns["xy"][bright])
        if not used:
            raise UnprocessableDataError(
                f"No source without flags has a signal-to-noise ratio above brightSignal="
                f"{self.config.brightSignal:g}: the width of the PSF can't be told"
            )
        exposure.psf = Psf(sigma)
        correction = aperture_correction(
            exposure.image,
            unusable,
            columns["x"],
            columns["y"],
            columns["apFlux"],
            bright,
            radius=self.config.apRad,
            whole_radius=self.config.wholeRadius,
            sigma=sigma,
        )
        exposure.metadata |= {
            "apCorrection": correction.ratio,
            "apCorrectionErr": correction.error,
            "apCorrectionStars": correction.stars,
            "apCorrectionRadius": self.config.apRad,
        }
        columns["flux"] = columns["apFlux"] * correction.ratio
        columns["fluxErr"] = columns["apFluxErr"] * correction.ratio
        self.log.info("PSF of FWHM %.2f pixels from %d stars", exposure.psf.fwhm, used)
        columns["refId"] = np.zeros(len(inputCatalog), np.int64)
        if self.config.doAstrometry or self.config.doPhotometry:
            self.tie(exposure, columns, bright, vstack(list(references), metadata_conflicts="silent"), band)
        columns |= dict(zip(("ra", "dec"), _sky(exposure.wcs, columns["x"], columns["y"]), strict=True))
        return Struct(outputExposure=exposure, outputCatalog=_catalog(columns, exposure.unit))

    def measure(
        self, exposure: Exposure, unusable: npt.NDArray[np.bool_], sources: Table
    ) -> dict[str, npt.NDArray[Any]]:
        """Measure centres, shapes and aperture fluxes; where no Gaussian fits, the centre stays as it was."""
        x, y = (np.asarray(sources[name], np.float64) for name in ("x", "y"))
        good = np.asarray(sources["flags"]) == 0
        widths = np.asarray(sources["fwhm"], np.float64)[good if good.any() else slice(None)]
        guess = float(np.median(widths)) / 2.3548 if len(widths) else 2.0
        moments: Moments = gaussian_moments(
            exposure.image, exposure.variance, unusable, x, y, sigma=max(guess, 0.8)
        )
        fits = np.isfinite(moments.x)
        columns = {name: getattr(moments, name) for name in ("xx", "yy", "xy")}
        columns |= {
            "id": np.asarray(sources["id"]),
            "x": np.where(fits, moments.x, x),
            "y": np.where(fits, moments.y, y),
            "xErr": moments.x_err,
            "yErr": moments.y_err,
            "flags": np.asarray(sources["flags"]),
        }
        measured = aperture_photometry(
            exposure.image,
            columns["x"],
            columns["y"],
            self.config.apRad,
            variance=exposure.variance,
            mask=unusable,
        )
        return columns | {
            "apFlux": measured.flux,
            "apFluxErr": np.asarray(measured.flux_err),
            "apFlags": measured.flags,
        }

    def tie(
        self,
        exposure: Exposure,
        columns: dict[str, npt.NDArray[Any]],
        bright: npt.NDArray[np.bool_],
        references: Table,
        band: str | None,
    ) -> None:
        """Match to reference stars; refine the WCS and fit the zero point, as configured."""
        if exposure.wcs is None:
            raise UnprocessableDataError("The image has no WCS to begin with: it can't be matched")
        places = np.column_stack([np.asarray(references[name], np.float64) for name in ("ra", "dec")])
        found = np.flatnonzero(bright)
        x, y = columns["x"][found], columns["y"][found]
        if self.config.doAstrometry:
            refined: Refined = refine_wcs(
                exposure.wcs,
                x,
                y,
                places,
                max_offset_arcsec=self.config.maxOffset,
                radius_arcsec=self.config.matchRadius,
                minimum=self.config.minMatches,
            )
            exposure.wcs = refined.wcs
            self.log.info(
                "WCS fits %d reference stars to %.3f arcsec", len(refined.source), refined.scatter_arcsec
            )
        rows, partners = matched(
            np.column_stack(_sky(exposure.wcs, columns["x"], columns["y"])), places, self.config.matchRadius
        )
        columns["refId"][rows] = np.asarray(references["id"])[partners]
        if self.config.doPhotometry:
            used = bright[rows]
            self.fit_zero_point(exposure, columns["flux"][rows[used]], references[partners[used]], band)

    def fit_zero_point(self, exposure: Exposure, flux: Floats, stars: Table, band: str | None) -> None:
        """Set the median difference to the magnitudes of reference stars."""
        name = self.config.magnitude.format(band=band)
        if name not in stars.colnames:
            raise PipetaskError(
                f"The reference catalog has no column {name!r}; it has {', '.join(stars.colnames)}. "
                "Set magnitude to the one to use"
            )
        magnitude = np.asarray(np.ma.filled(stars[name], np.nan), np.float64)
        zero_point, error, used = clipped_median(magnitude + 2.5 * np.log10(flux))
        if used < self.config.minMatches:
            raise UnprocessableDataError(
                f"{used} bright stars have a reference magnitude; minMatches={self.config.minMatches}"
            )
        exposure.photoCalib = PhotoCalib.from_zero_point(zero_point, error)
        self.log.info("Zero point %.4f +- %.4f mag from %d stars", zero_point, error, used)


def _sky(wcs: Any, x: Floats, y: Floats) -> tuple[Floats, Floats]:  # an astropy WCS
    """Return right ascension and declination [deg] (ICRS); NaN without a WCS."""
    if wcs is None or not len(x):
        return np.full(len(x), np.nan), np.full(len(x), np.nan)
    sky = wcs.pixel_to_world(x, y).icrs
    return sky.ra.deg, sky.dec.deg


def _catalog(columns: Any, unit: str | None) -> Table:  # a mapping of columns
    return Table(
        [
            Column(
                columns[name], name=name, dtype=dtype, unit=unit if of == "image" else of, description=text
            )
            for name, dtype, of, text in _COLUMNS
        ]
    )
