"""DetectSourcesTask: find the sources of an image and where their centres are."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from astropy.table import Column, Table
from lsst.pex.config import Field, ListField

from pipetask import (
    Exposure,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    Struct,
    connectionTypes,
)
from pipetask.tasks.flux_unit import checked_unit, flux_unit_field

SATURATED: Final = 1
NEAR_EDGE: Final = 2
HAS_BAD_PIXELS: Final = 4

_IN_UNIT_OF_IMAGE: Final = ("segmentFlux", "peak")
_COLUMNS: Final = (
    ("id", np.int64, None, "Number of the source, unique within the catalog."),
    ("x", np.float64, "pix", "Centre, 0-based; the centre of the first pixel is at 0."),
    ("y", np.float64, "pix", "Centre, 0-based; the centre of the first pixel is at 0."),
    ("ra", np.float64, "deg", "Right ascension of the centre (ICRS); NaN without a WCS."),
    ("dec", np.float64, "deg", "Declination of the centre (ICRS); NaN without a WCS."),
    ("segmentFlux", np.float64, None, "Sum of the pixels above the threshold, in the unit of the image."),
    ("peak", np.float64, None, "Brightest pixel, in the unit of the image."),
    ("fwhm", np.float64, "pix", "Full width at half maximum of a Gaussian with the source's second moments."),
    ("ellipticity", np.float64, None, "1 - b/a of the second moments."),
    ("nPixels", np.int64, None, "How many pixels are above the threshold."),
    ("flags", np.int64, None, "1: saturated; 2: touches the edge or pixels without data; 4: has bad pixels."),
)


class DetectSourcesConnections(PipelineTaskConnections, dimensions=("instrument", "visit", "detector")):
    """A background-subtracted image in, a catalog and its schema out."""

    exposure = connectionTypes.Input(
        doc="Background-subtracted image.",
        name="calexp",
        storageClass="ExposureF",
        dimensions=("instrument", "visit", "detector"),
    )
    outputCatalog = connectionTypes.Output(
        doc="Sources: one row each.",
        name="src",
        storageClass="SourceCatalog",
        dimensions=("instrument", "visit", "detector"),
    )
    outputSchema = connectionTypes.InitOutput(
        doc="Columns of the catalog, without rows.", name="src_schema", storageClass="SourceCatalog"
    )


class DetectSourcesConfig(PipelineTaskConfig, pipelineConnections=DetectSourcesConnections):
    """What counts as a source."""

    threshold = Field(doc="Pixels above this many sigma belong to a source.", dtype=float, default=4.0)
    smoothing = Field(
        doc="FWHM of the Gaussian that images are smoothed with [pixel].", dtype=float, default=3.0
    )
    minPixels = Field(doc="Fewest connected pixels of a source.", dtype=int, default=5)
    minWidth = Field(doc="Narrower things are cosmic rays (FWHM) [pixel].", dtype=float, default=0.9)
    doDeblend = Field(doc="Split sources that touch.", dtype=bool, default=True)
    contrast = Field(doc="Least part of the flux that a split-off source has.", dtype=float, default=0.001)
    fluxUnit = flux_unit_field()
    badMaskPlanes = ListField(
        doc="Mask planes whose pixels belong to no source.", dtype=str, default=["BAD", "CR", "NO_DATA"]
    )


class DetectSourcesTask(PipelineTask):
    """Find sources by a threshold on the smoothed image, split them, and centre each by its light."""

    ConfigClass = DetectSourcesConfig
    _DefaultName = "detectSources"

    def __init__(self, config: Any = None, **kwargs: Any) -> None:  # as PipelineTask
        super().__init__(config, **kwargs)
        self.outputSchema = _catalog({name: () for name, *_ in _COLUMNS}, self.config.fluxUnit or None)

    def run(self, exposure: Exposure) -> Struct:
        """Make the catalog of one image.

        Parameters
        ----------
        exposure : `Exposure`
            Background-subtracted. Not modified.

        Returns
        -------
        result : `Struct`
            ``outputCatalog``, maybe without rows; the columns are those of ``outputSchema``.
        """
        from scipy.ndimage import binary_dilation

        unit = checked_unit(exposure, self.config.fluxUnit, self.getName())
        unusable = exposure.mask.any(_known(exposure, self.config.badMaskPlanes)) | ~np.isfinite(
            exposure.image
        )
        image = np.where(unusable, 0.0, exposure.image)
        segments = self.find_segments(image, unusable)
        columns = self.measure(image, unusable, segments)
        columns |= _sky_positions(exposure, columns["x"], columns["y"])
        saturated = exposure.mask.any(_known(exposure, ["SAT"]))
        outside = np.pad(exposure.mask.any(_known(exposure, ["NO_DATA"])), 1, constant_values=True)
        edge = binary_dilation(outside, np.ones((3, 3)))[1:-1, 1:-1]
        bad = binary_dilation(exposure.mask.any(_known(exposure, ["BAD", "CR"])), np.ones((3, 3)))
        columns["flags"] = (
            SATURATED * _touches(segments, saturated)
            + NEAR_EDGE * _touches(segments, edge)
            + HAS_BAD_PIXELS * _touches(segments, bad)
        )
        wide = columns["fwhm"] >= self.config.minWidth
        catalog = _catalog({name: values[wide] for name, values in columns.items()}, unit)
        catalog["id"][:] = np.arange(1, len(catalog) + 1)
        self.log.info("Found %d sources", len(catalog))
        return Struct(outputCatalog=catalog)

    def find_segments(
        self, image: npt.NDArray[np.floating], unusable: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.integer]:
        """Label connected pixels above the threshold, shape (ny, nx); 0 is no source."""
        from photutils.segmentation import deblend_sources, detect_sources
        from scipy.ndimage import gaussian_filter

        smooth = gaussian_filter(image, self.config.smoothing / 2.3548)
        sky = smooth[~unusable]
        if not len(sky):
            return np.zeros(image.shape, dtype=np.int32)
        sky = sky[np.abs(sky - np.median(sky)) <= 3 * _scatter(sky)]
        threshold = np.median(sky) + self.config.threshold * _scatter(sky)
        with warnings.catch_warnings():
            # that there are no sources, or that some were split on a linear scale, is nothing to warn of
            warnings.filterwarnings("ignore", message="No sources were found|The deblending mode")
            found = detect_sources(smooth, threshold, self.config.minPixels, mask=unusable)
            if found is None:
                return np.zeros(image.shape, dtype=np.int32)
            if self.config.doDeblend:
                found = deblend_sources(
                    smooth, found, self.config.minPixels, contrast=self.config.contrast, progress_bar=False
                )
        return np.asarray(found.data)

    def measure(
        self,
        image: npt.NDArray[np.floating],
        unusable: npt.NDArray[np.bool_],
        segments: npt.NDArray[np.integer],
    ) -> dict[str, npt.NDArray[Any]]:
        """Measure each segment: centre weighted by a Gaussian of its own width, size, flux, peak."""
        from photutils.segmentation import SegmentationImage, SourceCatalog

        if not segments.any():
            return {name: np.empty(0, dtype) for name, dtype, *_ in _COLUMNS}
        sources = SourceCatalog(image, SegmentationImage(segments), mask=unusable)
        x, y = np.asarray(sources.x_centroid_win), np.asarray(sources.y_centroid_win)
        plain_x, plain_y = np.asarray(sources.x_centroid), np.asarray(sources.y_centroid)
        lost = ~(np.hypot(x - plain_x, y - plain_y) < 2)  # also true of NaN
        return {
            "id": np.asarray(sources.labels, dtype=np.int64),
            "x": np.where(lost, plain_x, x),
            "y": np.where(lost, plain_y, y),
            "segmentFlux": np.asarray(sources.segment_flux),
            "peak": np.asarray(sources.max_value),
            "fwhm": np.nan_to_num(np.asarray(sources.fwhm.value)),
            "ellipticity": np.asarray(sources.ellipticity.value),
            "nPixels": np.asarray(sources.area.value).astype(np.int64),
        }


def _catalog(columns: Mapping[str, npt.ArrayLike], flux_unit: str | None) -> Table:
    """Make a table with the columns of the schema, in their order."""
    units = dict.fromkeys(_IN_UNIT_OF_IMAGE, flux_unit)
    return Table(
        [
            Column(columns[name], name=name, dtype=dtype, unit=units.get(name, unit), description=text)
            for name, dtype, unit, text in _COLUMNS
        ]
    )


def _sky_positions(
    exposure: Exposure, x: npt.NDArray[Any], y: npt.NDArray[Any]
) -> dict[str, npt.NDArray[Any]]:
    if exposure.wcs is None or not len(x):
        return {"ra": np.full(len(x), np.nan), "dec": np.full(len(x), np.nan)}
    sky = exposure.wcs.pixel_to_world(x, y).icrs
    return {"ra": sky.ra.deg, "dec": sky.dec.deg}


def _touches(segments: npt.NDArray[np.integer], where: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Tell for each segment, in the order of the labels, whether one of its pixels is in ``where``."""
    labels = np.unique(segments)
    return np.isin(labels[labels > 0], segments[where])


def _known(exposure: Exposure, planes: list[str]) -> list[str]:
    return [name for name in planes if name in exposure.mask.planes]


def _scatter(values: npt.NDArray[np.floating]) -> float:
    return float(1.4826 * np.median(np.abs(values - np.median(values))))
