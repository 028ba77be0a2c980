"""SubtractBackgroundTask: model the sky of an image and subtract it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from lsst.pex.config import Field, ListField

from pipetask import (
    Background,
    BackgroundMesh,
    Exposure,
    NoWorkFound,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    Struct,
    connectionTypes,
)

# Where sources cover more, hardly a box has enough sky; the estimate that allows for sources is better then.
_MOST_SOURCES = 0.9
_PLANE_STEP = 16  # pixels between the values of a tilted plane: at borders it is flat for half of that


class SubtractBackgroundConnections(PipelineTaskConnections, dimensions=("instrument", "visit", "detector")):
    """The exposures of a visit in; their sum without sky, and the sky, out."""

    exposures = connectionTypes.Input(
        doc="Images of the visit, without instrument signature.",
        name="postISRCCD",
        storageClass="ExposureF",
        dimensions=("instrument", "exposure", "detector"),
        multiple=True,
    )
    outputExposure = connectionTypes.Output(
        doc="Background-subtracted image.",
        name="calexp",
        storageClass="ExposureF",
        dimensions=("instrument", "visit", "detector"),
    )
    background = connectionTypes.Output(
        doc="What was subtracted.",
        name="calexpBackground",
        storageClass="Background",
        dimensions=("instrument", "visit", "detector"),
    )


class SubtractBackgroundConfig(PipelineTaskConfig, pipelineConnections=SubtractBackgroundConnections):
    """How finely the sky is modelled, and what is left out of it."""

    boxSize = Field(
        doc="Size of a background box; at most a fifth of the image [pixel].", dtype=int, default=64
    )
    filterSize = Field(doc="Boxes in the median filter over the mesh, odd.", dtype=int, default=3)
    sigma = Field(doc="Pixels beyond this many standard deviations are clipped.", dtype=float, default=3.0)
    sourceSigma = Field(doc="Pixels of sources above this many sigma are left out.", dtype=float, default=2.0)
    growSources = Field(doc="By how much sources are grown before [pixel].", dtype=int, default=7)
    badMaskPlanes = ListField(
        doc="Mask planes that are left out.", dtype=str, default=["BAD", "SAT", "CR", "NO_DATA"]
    )


class SubtractBackgroundTask(PipelineTask):
    """Subtract a smooth sky: a plane, then a mesh that finds the sources, then a mesh without them.

    The plane comes first because a mesh is flat between the centres of its outermost boxes and the border.
    """

    ConfigClass = SubtractBackgroundConfig
    _DefaultName = "subtractBackground"

    def run(self, exposures: Sequence[Exposure]) -> Struct:
        """Add the exposures of a visit up and subtract the sky.

        Parameters
        ----------
        exposures : sequence of `Exposure`
            Of equal shape. Not modified.

        Returns
        -------
        result : `Struct`
            ``outputExposure`` and ``background``.

        Raises
        ------
        NoWorkFound
            If no pixel is usable.
        """
        exposure = _sum(exposures)
        unusable = exposure.mask.any(self.config.badMaskPlanes) | ~np.isfinite(exposure.image)
        if unusable.all():
            raise NoWorkFound("no pixel of the image is usable")
        slope = _plane(self.model(exposure.image, unusable, with_sources=True))
        flattened = exposure.image - slope.image()
        first = self.model(flattened, unusable, with_sources=True)
        left_out = unusable | self.find_sources(flattened - first.image(), unusable)
        is_sky_left = left_out.mean() < _MOST_SOURCES
        second = self.model(flattened, left_out, with_sources=False) if is_sky_left else first
        background = slope + second
        exposure.image -= background.image().astype(exposure.image.dtype)
        return Struct(outputExposure=exposure, background=background)

    def model(
        self, image: npt.NDArray[np.floating], left_out: npt.NDArray[np.bool_], *, with_sources: bool
    ) -> Background:
        """Model the sky of an image on a mesh of boxes.

        Parameters
        ----------
        image : `numpy.ndarray`, shape (ny, nx)
            Pixels; may hold NaN where ``left_out``.
        left_out : `numpy.ndarray`, shape (ny, nx), bool
            True where a pixel doesn't count.
        with_sources : `bool`
            Whether sources are still among the pixels: then a box has SExtractor's estimate of the mode, that
            they hardly move; else the clipped mean, which has no bias from the skewness of photon noise.
        """
        from astropy.stats import SigmaClip
        from photutils.background import Background2D, MeanBackground, SExtractorBackground

        box = tuple(max(4, min(self.config.boxSize, n // 5)) for n in image.shape)
        mesh = Background2D(
            np.where(left_out, 0, image),
            box,
            mask=left_out,
            filter_size=self.config.filterSize,
            sigma_clip=SigmaClip(self.config.sigma),
            bkg_estimator=SExtractorBackground() if with_sources else MeanBackground(),
            exclude_percentile=95,
        )
        return Background(image.shape, (BackgroundMesh(np.asarray(mesh.background_mesh, float), box),))

    def find_sources(
        self, image: npt.NDArray[np.floating], unusable: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.bool_]:
        """Return where sources are, grown: smoothed pixels above the noise."""
        from scipy.ndimage import binary_dilation, gaussian_filter

        smooth = gaussian_filter(np.where(unusable, 0, image), 1.5)
        noise = 1.4826 * np.median(np.abs(smooth[~unusable]))
        found = (smooth > self.config.sourceSigma * noise) & ~unusable
        opened = _without_specks(found)
        return np.asarray(binary_dilation(opened, iterations=self.config.growSources))


def _plane(background: Background) -> Background:
    """Return the plane that fits a mesh best, as a finer mesh."""
    (mesh,) = background.meshes
    rows, columns = (
        (np.arange(n) + 0.5) * size for n, size in zip(mesh.values.shape, mesh.box_size, strict=True)
    )
    middle = rows.mean(), columns.mean()
    terms = np.stack(
        np.broadcast_arrays(np.ones(mesh.values.shape), (rows - middle[0])[:, None], columns - middle[1]),
        axis=-1,
    )
    level, tilt_y, tilt_x = np.linalg.lstsq(terms.reshape(-1, 3), mesh.values.ravel(), rcond=None)[0]
    fine_rows, fine_columns = (
        (np.arange(-(-n // _PLANE_STEP)) + 0.5) * _PLANE_STEP - centre
        for n, centre in zip(background.shape, middle, strict=True)
    )
    values = level + tilt_y * fine_rows[:, None] + tilt_x * fine_columns
    return Background(background.shape, (BackgroundMesh(values, (_PLANE_STEP, _PLANE_STEP), 1),))


def _without_specks(found: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Drop groups of a few pixels, which are noise."""
    from scipy.ndimage import binary_opening

    return np.asarray(binary_opening(found, np.ones((3, 3), bool)))


def _sum(exposures: Sequence[Exposure]) -> Exposure:
    """Add exposures pixel by pixel; the first lends its description."""
    total = exposures[0].copy()
    for exposure in exposures[1:]:
        total.image += exposure.image
        total.variance += exposure.variance
        total.mask.array |= exposure.mask.array
    return total
