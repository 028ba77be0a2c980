"""A configuration and a task that know nothing of repositories: they work on objects in memory."""

from typing import Any

import numpy as np
from astropy.table import Table
from lsst.pex.config import Field

from pipetask import Config, Exposure, Task


class ApertureTaskConfig(Config):
    apRad = Field(doc="Radius of the aperture [pixel].", dtype=int, default=4)


class ApertureTask(Task):
    """Sum the pixels around each source."""

    ConfigClass = ApertureTaskConfig
    _DefaultName = "aperture"

    def __init__(self, config: Any = None, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.apRad = self.config.apRad

    def run(self, exposure: Exposure, inputCatalog: Table) -> Table:
        """Return a catalog with the flux of every source."""
        row, column = np.indices(exposure.shape)
        fluxes = []
        for source in inputCatalog:
            inside = np.hypot(row - source["y"], column - source["x"]) < self.apRad
            fluxes.append(exposure.image[inside].sum(dtype=float))
        return Table({"apFlux": np.array(fluxes)})
