"""A prerequisite: a mask that somebody made by hand, and that no pipeline makes."""

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from guide import templates
from pipetask import Background, Exposure, Mask, Struct, connectionTypes


class ApertureTaskConnections(templates.ApertureTaskConnections):
    areaMask = connectionTypes.PrerequisiteInput(
        doc="Areas (pixels that aren't 0) where sources are not measured.",
        name="ApAreaMask",
        storageClass="Mask",
        dimensions=("visit", "detector", "band"),
    )


class ApertureTaskConfig(templates.ApertureTaskConfig, pipelineConnections=ApertureTaskConnections):
    """The same fields; `connections` has one more, `areaMask`."""


class ApertureTask(templates.ApertureTask):
    """Add a column with the flux of each source, NaN in masked areas."""

    ConfigClass = ApertureTaskConfig

    def run(
        self,
        exposure: Exposure,
        inputCatalog: Table,
        areaMask: Mask,
        background: Background | None = None,
    ) -> Struct:
        """Measure the sources whose centre is not in a masked area; the others get NaN."""
        result = super().run(exposure, inputCatalog, background)
        result.outputCatalog["apFlux"][in_area(areaMask, inputCatalog)] = np.nan
        return result


def in_area(areaMask: Mask, catalog: Table) -> npt.NDArray[np.bool_]:
    """Tell which sources have their centre on a masked pixel; the pixel (0, 0) ends at 0.5."""
    row, column = (np.floor(np.asarray(catalog[name]) + 0.5).astype(int) for name in ("y", "x"))
    return areaMask.array[row, column] != 0
