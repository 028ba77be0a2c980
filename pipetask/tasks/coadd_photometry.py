"""CoaddPhotometryTask: sources of a coadd and their magnitudes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
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


class CoaddPhotometryTask(PipelineTask):
    """Find sources and measure them in a circle."""

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
        measured = aperture_photometry(
            coadd.image,
            catalog["x"],
            catalog["y"],
            self.config.apRad,
            variance=coadd.variance,
            mask=coadd.mask.any("NO_DATA"),
        )
        catalog["flux"] = Column(measured.flux, unit="nJy", description="Flux in the aperture.")
        catalog["fluxErr"] = Column(measured.flux_err, unit="nJy", description="Its standard error.")
        catalog["mag"] = Column(
            PhotoCalib(1.0).magnitude(measured.flux), unit="mag", description="AB magnitude of flux."
        )
        catalog["apFlags"] = Column(measured.flags, description="Bits of pipetask.photometry.ApertureFlag.")
        catalog["isPrimary"] = Column(
            _own(SkyMap.from_dict(skyMap), tract, patch, coadd, catalog),
            description="Whether the centre is on the patch without its border.",
        )
        return Struct(catalog=catalog)


def _own(sky: SkyMap, tract: int, patch: int, coadd: Exposure, catalog: Table) -> np.ndarray[Any, Any]:
    found = next(each for each in sky.patches(tract) if each.id == patch)
    column = np.floor((np.asarray(catalog["x"]) + coadd.x0 + 0.5) / sky.patch_size)
    row = np.floor((np.asarray(catalog["y"]) + coadd.y0 + 0.5) / sky.patch_size)
    return np.asarray((column == found.cell_x) & (row == found.cell_y))
