"""AssembleCoaddTask: the mean of the warps of a patch, without what only few of them show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.table import Table
from lsst.pex.config import Field

from pipetask import (
    Box,
    DeferredDatasetHandle,
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
from pipetask.tasks.clipped_mean import clipped_mean, strips


class AssembleCoaddConnections(PipelineTaskConnections, dimensions=("skymap", "tract", "patch", "band")):
    """Warps of one band in, a coadd out."""

    warps = connectionTypes.Input(
        doc="Visits on the pixels of the patch [nJy].",
        name="warp",
        storageClass="ExposureF",
        dimensions=("instrument", "visit", "skymap", "tract", "patch"),
        multiple=True,
        deferLoad=True,
    )
    coadd = connectionTypes.Output(
        doc="Their mean [nJy].",
        name="coadd",
        storageClass="ExposureF",
        dimensions=("skymap", "tract", "patch", "band"),
    )


class AssembleCoaddConfig(PipelineTaskConfig, pipelineConnections=AssembleCoaddConnections):
    """What is clipped."""

    sigma = Field(
        doc="Values beyond this many standard deviations are clipped.",
        dtype=float,
        default=5.0,
        check=lambda s: s > 0,
    )
    seeingSlack = Field(
        doc="Differences up to this part of the flux are no outliers: stars differ with the seeing.",
        dtype=float,
        default=0.3,
        check=lambda s: s >= 0,
    )
    memory = Field(
        doc="Most memory that the strips of all warps may take [MiB].",
        dtype=float,
        default=128.0,
        check=lambda m: m > 0,
    )


class AssembleCoaddTask(PipelineTask):
    """Average warps, each weighted by its typical variance; strip by strip, so that memory is bounded."""

    ConfigClass = AssembleCoaddConfig
    _DefaultName = "assembleCoadd"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """List the visits in the coadd."""
        result = self.run(butlerQC.get(inputRefs.warps))
        visits = [ref.dataId["visit"] for ref in inputRefs.warps]
        result.coadd.inputs = Table({"visit": np.array(visits, dtype=np.int64)})
        butlerQC.put(result, outputRefs)

    def run(self, warps: Sequence[DeferredDatasetHandle]) -> Struct:
        """Combine the warps of one patch.

        Parameters
        ----------
        warps : sequence of `DeferredDatasetHandle`
            All of the same pixels.

        Returns
        -------
        result : `Struct`
            ``coadd`` [nJy per pixel]; mask planes of the warps where they count, CLIPPED where values were
            taken out, INEXACT_PSF where not all warps count, NO_DATA (and NaN) where none does.
        """
        box = warps[0].get(component="bbox")
        weights = np.array([1 / np.nanmedian(warp.get(component="variance")) for warp in warps])
        coadd = Exposure(
            np.empty(box.shape, np.float32),
            variance=np.empty(box.shape, np.float32),
            wcs=warps[0].get(component="wcs"),
            photoCalib=PhotoCalib(1.0),
            unit="nJy",
            x0=box.x0,
            y0=box.y0,
        )
        inexact = np.zeros(box.shape, bool)
        for first, height in strips(box.height, box.width, len(warps), int(self.config.memory * 2**20)):
            rows = Box(box.x0, box.y0 + first, box.width, height)
            parts = [warp.get(parameters={"bbox": rows}) for warp in warps]
            values = np.stack([part.image for part in parts])
            variances = np.stack([part.variance for part in parts])
            slack = (self.config.seeingSlack * np.abs(np.nan_to_num(values)).max(axis=0)) ** 2
            mean = clipped_mean(
                values, variances, self.config.sigma, weights=weights, slack=slack / self.config.sigma**2
            )
            here = rows.slices(box)
            coadd.image[here], coadd.variance[here] = mean.image, mean.variance
            known = np.isfinite(values)
            for part, has_value in zip(parts, known, strict=True):
                for name in part.mask.planes:
                    coadd.mask.add_plane(name)
                    found = np.zeros(box.shape, bool)
                    found[here] = part.mask.any(name) & has_value
                    coadd.mask.set(name, found)
            clipped = np.zeros(box.shape, bool)
            clipped[here] = mean.count < known.sum(axis=0)
            coadd.mask.set("CLIPPED", clipped)
            inexact[here] = (mean.count > 0) & (mean.count < len(warps))
        coadd.mask.set("NO_DATA", ~np.isfinite(coadd.image))
        coadd.mask.set("INEXACT_PSF", inexact)
        return Struct(coadd=coadd)
