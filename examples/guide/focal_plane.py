"""A whole focal plane at a time: every input is a list with one element per detector."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table, vstack
from lsst.pex.config import Field

from guide.area_mask import in_area
from guide.schemas import with_flux
from pipetask import (
    Background,
    Exposure,
    Mask,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    Struct,
    connectionTypes,
)
from pipetask.photometry import Annulus, aperture_photometry


class ApertureTaskConnections(
    PipelineTaskConnections,
    dimensions=("visit", "band"),
    defaultTemplates={"outputName": "customAperture"},
):
    inputSchema = connectionTypes.InitInput(
        doc="Columns of the input catalogs.", name="src_schema", storageClass="SourceCatalog"
    )
    outputSchema = connectionTypes.InitOutput(
        doc="Columns of the output catalog.", name="{outputName}_schema", storageClass="SourceCatalog"
    )
    areaMasks = connectionTypes.PrerequisiteInput(
        doc="Areas (pixels that aren't 0) where sources are not measured.",
        name="ApAreaMask",
        storageClass="Mask",
        dimensions=("visit", "detector", "band"),
        multiple=True,
    )
    exposures = connectionTypes.Input(
        doc="Images to measure.",
        name="calexp",
        storageClass="ExposureF",
        dimensions=("visit", "detector", "band"),
        multiple=True,
    )
    inputCatalogs = connectionTypes.Input(
        doc="Sources with their centres x, y [pixel].",
        name="src",
        storageClass="SourceCatalog",
        dimensions=("visit", "detector", "band"),
        multiple=True,
    )
    backgrounds = connectionTypes.Input(
        doc="What was subtracted from the images.",
        name="calexpBackground",
        storageClass="Background",
        dimensions=("visit", "detector", "band"),
        multiple=True,
    )
    outputCatalog = connectionTypes.Output(
        doc="The input catalogs, one after the other, with aperture fluxes.",
        name="{outputName}",
        storageClass="SourceCatalog",
        dimensions=("visit", "band"),
    )

    def __init__(self, *, config: Any = None) -> None:
        super().__init__(config=config)
        if not config.doLocalBackground:
            self.inputs.remove("backgrounds")


class ApertureTaskConfig(PipelineTaskConfig, pipelineConnections=ApertureTaskConnections):
    apRad = Field(doc="Radius of the aperture [pixel].", dtype=int, default=4)
    doLocalBackground = Field(
        doc="Put the backgrounds back, and subtract one measured around each source.",
        dtype=bool,
        default=False,
    )


class ApertureTask(PipelineTask):
    """Measure the sources of all detectors of a visit; put them into one catalog."""

    ConfigClass = ApertureTaskConfig
    _DefaultName = "focalPlane"

    def __init__(
        self, config: Any = None, *, initInputs: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(config, initInputs=initInputs, **kwargs)
        schema = Table() if initInputs is None else initInputs["inputSchema"]
        self.outputSchema = with_flux(schema[:0], np.empty(0))

    def run(
        self,
        exposures: Sequence[Exposure],
        inputCatalogs: Sequence[Table],
        areaMasks: Sequence[Mask],
        backgrounds: Sequence[Background] | None = None,
    ) -> Struct:
        """Measure detector by detector: the i-th elements of all lists belong together."""
        parts = [self.outputSchema]
        for i, (exposure, catalog, mask) in enumerate(zip(exposures, inputCatalogs, areaMasks, strict=True)):
            background = None if backgrounds is None else backgrounds[i]
            parts.append(self.measure(exposure.image, catalog, mask, background))
        return Struct(outputCatalog=vstack(parts, metadata_conflicts="silent"))

    def measure(
        self,
        image: npt.NDArray[np.floating],
        catalog: Table,
        areaMask: Mask,
        background: Background | None,
    ) -> Table:
        """Return the catalog of one detector with its fluxes."""
        ring = None
        if background is not None:
            image = image + background.image()
            ring = Annulus(1.5 * self.config.apRad, 2.5 * self.config.apRad)
        measured = aperture_photometry(image, catalog["x"], catalog["y"], self.config.apRad, annulus=ring)
        flux = np.where(in_area(areaMask, catalog), np.nan, measured.flux)
        return with_flux(catalog, flux)
