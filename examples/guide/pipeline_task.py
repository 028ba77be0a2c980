"""The same measurement as a PipelineTask: connections say what it reads and writes."""

from typing import Any

import numpy as np
from astropy.table import Table
from lsst.pex.config import Field

from pipetask import (
    Exposure,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    Struct,
    connectionTypes,
)


class ApertureTaskConnections(PipelineTaskConnections, dimensions=("visit", "detector", "band")):
    exposure = connectionTypes.Input(
        doc="Image to measure.",
        name="calexp",
        storageClass="ExposureF",
        dimensions=("visit", "detector", "band"),
    )
    inputCatalog = connectionTypes.Input(
        doc="Sources with their centres x, y [pixel].",
        name="src",
        storageClass="SourceCatalog",
        dimensions=("visit", "detector", "band"),
    )
    outputCatalog = connectionTypes.Output(
        doc="Aperture fluxes.",
        name="customAperture",
        storageClass="SourceCatalog",
        dimensions=("visit", "detector", "band"),
    )


class ApertureTaskConfig(PipelineTaskConfig, pipelineConnections=ApertureTaskConnections):
    apRad = Field(doc="Radius of the aperture [pixel].", dtype=int, default=4)


class ApertureTask(PipelineTask):
    """Sum the pixels around each source."""

    ConfigClass = ApertureTaskConfig
    _DefaultName = "aperture"

    def __init__(self, config: Any = None, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.apRad = self.config.apRad

    def run(self, exposure: Exposure, inputCatalog: Table) -> Struct:
        """Return the output catalog as a field of a Struct."""
        row, column = np.indices(exposure.shape)
        fluxes = []
        for source in inputCatalog:
            inside = np.hypot(row - source["y"], column - source["x"]) < self.apRad
            fluxes.append(exposure.image[inside].sum(dtype=float))
        return Struct(outputCatalog=Table({"apFlux": np.array(fluxes)}))
