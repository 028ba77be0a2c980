"""An input that the task does without unless its configuration asks for it: the background."""

from typing import Any

from astropy.table import Table
from lsst.pex.config import Field

from guide import schemas
from pipetask import Background, Exposure, Struct, connectionTypes
from pipetask.photometry import Annulus, aperture_photometry


class ApertureTaskConnections(schemas.ApertureTaskConnections):
    background = connectionTypes.Input(
        doc="What was subtracted from the image.",
        name="calexpBackground",
        storageClass="Background",
        dimensions=("visit", "detector", "band"),
    )

    def __init__(self, *, config: Any = None) -> None:
        super().__init__(config=config)
        if not config.doLocalBackground:
            self.inputs.remove("background")


class ApertureTaskConfig(schemas.ApertureTaskConfig, pipelineConnections=ApertureTaskConnections):
    doLocalBackground = Field(
        doc="Put the background back, and subtract one measured around each source.",
        dtype=bool,
        default=False,
    )


class ApertureTask(schemas.ApertureTask):
    """Add a column with the flux of each source, above a local background if wanted."""

    ConfigClass = ApertureTaskConfig

    def run(self, exposure: Exposure, inputCatalog: Table, background: Background | None = None) -> Struct:
        """Measure all sources of an image; with its background, above the mean of a ring around each."""
        image, ring = exposure.image, None
        if background is not None:
            image = image + background.image()
            ring = Annulus(1.5 * self.apRad, 2.5 * self.apRad)
        measured = aperture_photometry(image, inputCatalog["x"], inputCatalog["y"], self.apRad, annulus=ring)
        return Struct(outputCatalog=schemas.with_flux(inputCatalog, measured.flux))
