"""Schemas: the task knows the columns that come in when it is made, and says which go out."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Column, Table
from lsst.pex.config import Field

from pipetask import (
    Exposure,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    Struct,
    connectionTypes,
)
from pipetask.photometry import aperture_photometry


class ApertureTaskConnections(PipelineTaskConnections, dimensions=("visit", "detector", "band")):
    inputSchema = connectionTypes.InitInput(
        doc="Columns of the input catalog.", name="src_schema", storageClass="SourceCatalog"
    )
    outputSchema = connectionTypes.InitOutput(
        doc="Columns of the output catalog.", name="customAperture_schema", storageClass="SourceCatalog"
    )
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
        doc="The input catalog with aperture fluxes.",
        name="customAperture",
        storageClass="SourceCatalog",
        dimensions=("visit", "detector", "band"),
    )


class ApertureTaskConfig(PipelineTaskConfig, pipelineConnections=ApertureTaskConnections):
    apRad = Field(doc="Radius of the aperture [pixel].", dtype=int, default=4)


class ApertureTask(PipelineTask):
    """Add a column with the flux of each source to a catalog."""

    ConfigClass = ApertureTaskConfig
    _DefaultName = "aperture"

    def __init__(
        self, config: Any = None, *, initInputs: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(config, initInputs=initInputs, **kwargs)
        self.apRad = self.config.apRad
        schema = Table() if initInputs is None else initInputs["inputSchema"]
        self.outputSchema = with_flux(schema[:0], np.empty(0))

    def run(self, exposure: Exposure, inputCatalog: Table) -> Struct:
        """Measure all sources at once."""
        measured = aperture_photometry(exposure.image, inputCatalog["x"], inputCatalog["y"], self.apRad)
        return Struct(outputCatalog=with_flux(inputCatalog, measured.flux))


def with_flux(catalog: Table, flux: npt.NDArray[np.float64]) -> Table:
    """Return a copy of a catalog with the column apFlux."""
    output = Table(catalog, copy=True)
    output["apFlux"] = Column(flux, description="Flux in the aperture, in the unit of the image.")
    return output
