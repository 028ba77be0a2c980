"""MakeWarpTask: the images of a visit on the pixels of a patch of the sky map."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from lsst.pex.config import ChoiceField, ListField

from pipetask import (
    DeferredDatasetHandle,
    Exposure,
    InputQuantizedConnection,
    NoWorkFound,
    OutputQuantizedConnection,
    PhotoCalib,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    PipetaskError,
    QuantumContext,
    Struct,
    UnprocessableDataError,
    connectionTypes,
)
from pipetask.observation.skymap import SkyMap

Pixels = npt.NDArray[np.float64]
Warp = Callable[[Pixels, str], Pixels]


class MakeWarpConnections(
    PipelineTaskConnections, dimensions=("instrument", "visit", "skymap", "tract", "patch")
):
    """Calibrated images and the sky map in, one resampled image out."""

    skyMap = connectionTypes.PrerequisiteInput(
        doc="Projection and patches.",
        name="skyMap",
        storageClass="StructuredDataDict",
        dimensions=("skymap",),
    )
    exposures = connectionTypes.Input(
        doc="Background-subtracted images with WCS and zero point.",
        name="calexp",
        storageClass="ExposureF",
        dimensions=("instrument", "visit", "detector"),
        multiple=True,
        deferLoad=True,
    )
    warp = connectionTypes.Output(
        doc="The visit on the pixels of the patch [nJy].",
        name="warp",
        storageClass="ExposureF",
        dimensions=("instrument", "visit", "skymap", "tract", "patch"),
    )


class MakeWarpConfig(PipelineTaskConfig, pipelineConnections=MakeWarpConnections):
    """How pixels are resampled."""

    method = ChoiceField(
        doc="Resampling.",
        dtype=str,
        default="interpolation",
        allowed={
            "interpolation": "between the four nearest pixels: fast",
            "exact": "by the area that pixels share on the sky: conserves flux, slow",
        },
    )
    badMaskPlanes = ListField(
        doc="Pixels that these touch have no value.", dtype=str, default=["BAD", "SAT", "CR", "NO_DATA"]
    )


class MakeWarpTask(PipelineTask):
    """Resample images, their variances and masks; images of a visit hardly overlap, the first one wins."""

    ConfigClass = MakeWarpConfig
    _DefaultName = "makeWarp"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Tell `run` the patch."""
        data_id = outputRefs.warp.dataId
        result = self.run(**butlerQC.get(inputRefs), tract=data_id["tract"], patch=data_id["patch"])
        result.warp.filter = data_id.get("physical_filter")
        butlerQC.put(result, outputRefs)

    def run(
        self, skyMap: Mapping[str, Any], exposures: Sequence[DeferredDatasetHandle], tract: int, patch: int
    ) -> Struct:
        """Resample one visit onto one patch.

        Parameters
        ----------
        skyMap : mapping
            The dataset ``skyMap``.
        exposures : sequence of `DeferredDatasetHandle`
            Images, loaded one after the other.
        tract, patch : `int`
            Which patch.

        Returns
        -------
        result : `Struct`
            ``warp`` [nJy per pixel]; NaN and NO_DATA where there is no light.

        Raises
        ------
        NoWorkFound
            If no pixel of the patch has a value.
        """
        sky = SkyMap.from_dict(skyMap)
        box = next(each.box for each in sky.patches(tract) if each.id == patch)
        wcs = sky.wcs(tract).slice(box.slices())
        warp = Exposure(
            np.full(box.shape, np.nan, np.float32),
            variance=np.full(box.shape, np.nan, np.float32),
            wcs=wcs,
            photoCalib=PhotoCalib(1.0),
            unit="nJy",
            x0=box.x0,
            y0=box.y0,
        )
        for handle in exposures:
            self.add(warp, handle.get())
        empty = ~np.isfinite(warp.image)
        if empty.all():
            raise NoWorkFound("no usable pixel of the visit lies on the patch")
        warp.mask.set("NO_DATA", empty)
        return Struct(warp=warp)

    def add(self, warp: Exposure, exposure: Exposure) -> None:
        """Resample one image into the pixels that are still empty."""
        if exposure.wcs is None or exposure.photoCalib is None:
            raise UnprocessableDataError("An image has no WCS or no zero point: calibrate it first")
        from astropy.wcs.utils import proj_plane_pixel_area

        resample = resampler(exposure.wcs, warp.wcs, warp.shape)
        planes = [name for name in self.config.badMaskPlanes if name in exposure.mask.planes]
        bad = exposure.mask.any(planes) | ~np.isfinite(exposure.image)
        share = resample((~bad).astype(np.float64), self.config.method)
        new = np.isnan(warp.image) & (share > 0.999)
        # Resampling keeps the surface brightness; a pixel of another size holds another flux. Variances are
        # such that their sum over an area is that of the image: pixels scatter less, but share their noise.
        area = proj_plane_pixel_area(warp.wcs) / proj_plane_pixel_area(exposure.wcs)
        scale = exposure.photoCalib.calibration
        image = resample(np.where(bad, 0, exposure.image).astype(np.float64), self.config.method)
        variance = resample(np.where(bad, 0, exposure.variance).astype(np.float64), self.config.method)
        bits = resample(exposure.mask.array.astype(np.float64), "nearest")
        warp.image[new] = image[new] * area * scale
        warp.variance[new] = variance[new] * area * scale**2
        for name in exposure.mask.planes:
            warp.mask.add_plane(name)
            here = (np.nan_to_num(bits).astype(np.int64) & exposure.mask.bits(name)) != 0
            warp.mask.set(name, here & new)


def resampler(source: Any, target: Any, shape: tuple[int, int]) -> Warp:  # astropy WCS
    """Return the function that resamples a plane by a method: exact, interpolation or nearest."""
    try:
        from reproject import reproject_exact, reproject_interp
    except ImportError as err:
        raise PipetaskError("Warps need reproject, which is missing: pip install 'pipetask[coadd]'") from err

    def resample(plane: Pixels, how: str) -> Pixels:
        if how == "exact":
            values, footprint = reproject_exact((plane, source), target, shape_out=shape)
            return np.where(footprint > 0.999, values, np.nan)
        order = "nearest-neighbor" if how == "nearest" else "bilinear"
        values, _ = reproject_interp(
            (plane, source), target, shape_out=shape, order=order, roundtrip_coords=False
        )
        return np.asarray(values)

    return resample
