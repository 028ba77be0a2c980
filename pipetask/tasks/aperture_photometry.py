"""AperturePhotometryTask: fluxes of catalogued sources in circular apertures."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.table import Column, Table
from lsst.pex.config import Field, ListField

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
from pipetask.photometry import Annulus, ApertureFlag, aperture_photometry

_DIMENSIONS = ("instrument", "visit", "detector")


class AperturePhotometryConnections(
    PipelineTaskConnections, dimensions=_DIMENSIONS, defaultTemplates={"outputName": "customAperture"}
):
    """An image and its catalog in; the catalog with aperture fluxes, and its schema, out."""

    inputSchema = connectionTypes.InitInput(
        doc="Columns of the input catalog.", name="src_schema", storageClass="SourceCatalog"
    )
    outputSchema = connectionTypes.InitOutput(
        doc="Columns of the output catalog.", name="{outputName}_schema", storageClass="SourceCatalog"
    )
    areaMask = connectionTypes.PrerequisiteInput(
        doc="Areas to ignore: no photometry of sources whose centre lies on a pixel that isn't 0.",
        name="ApAreaMask",
        storageClass="Mask",
        dimensions=_DIMENSIONS,
    )
    exposure = connectionTypes.Input(
        doc="Background-subtracted image.", name="calexp", storageClass="ExposureF", dimensions=_DIMENSIONS
    )
    inputCatalog = connectionTypes.Input(
        doc="Sources to measure.", name="src", storageClass="SourceCatalog", dimensions=_DIMENSIONS
    )
    background = connectionTypes.Input(
        doc="Background that was subtracted from the image.",
        name="calexpBackground",
        storageClass="Background",
        dimensions=_DIMENSIONS,
    )
    outputCatalog = connectionTypes.Output(
        doc="The sources with aperture fluxes.",
        name="{outputName}",
        storageClass="SourceCatalog",
        dimensions=_DIMENSIONS,
    )

    def __init__(self, *, config: Any = None) -> None:  # an AperturePhotometryConfig
        super().__init__(config=config)
        if not config.doAreaMask:
            self.prerequisiteInputs.remove("areaMask")
        if not config.doLocalBackground:
            self.inputs.remove("background")


class AperturePhotometryConfig(PipelineTaskConfig, pipelineConnections=AperturePhotometryConnections):
    """Radii, and what is done about background and masked areas."""

    apRad = Field(doc="Radius of the aperture [pixel].", dtype=float, default=4.0, check=lambda r: r > 0)
    moreRadii = ListField(
        doc="Further radii, each with columns of its own, as in apFlux_6 [pixel].",
        dtype=float,
        default=[],
        itemCheck=lambda r: r > 0,
    )
    doLocalBackground = Field(
        doc="Add the background back, and subtract the mean in a ring of 1.5 to 2.5 radii instead.",
        dtype=bool,
        default=False,
    )
    doAreaMask = Field(doc="Leave out sources on masked areas (ApAreaMask).", dtype=bool, default=False)
    ignore = ListField(
        doc="Mask planes whose pixels are left out.", dtype=str, default=["BAD", "SAT", "CR", "NO_DATA"]
    )

    def radii(self) -> dict[str, float]:
        """Return each radius by the suffix of its columns."""
        return {"": self.apRad} | {f"_{radius:g}".replace(".", "p"): radius for radius in self.moreRadii}


class AperturePhotometryTask(PipelineTask):
    """Measure every source of a catalog, keeping its columns."""

    ConfigClass = AperturePhotometryConfig
    _DefaultName = "aperture"

    def __init__(
        self, config: Any = None, *, initInputs: Any = None, **kwargs: Any
    ) -> None:  # as PipelineTask
        super().__init__(config, initInputs=initInputs, **kwargs)
        schema = Table() if initInputs is None else initInputs["inputSchema"]
        self.outputSchema = self.with_apertures(schema, {})

    def run(
        self,
        exposure: Exposure,
        inputCatalog: Table,
        areaMask: Mask | None = None,
        background: Background | None = None,
    ) -> Struct:
        """Measure the sources of one image.

        Parameters
        ----------
        exposure : `Exposure`
            Background-subtracted. Not modified.
        inputCatalog : `astropy.table.Table`
            With centres ``x``, ``y`` [pixel]. Not modified.
        areaMask : `Mask`, optional
            Areas to ignore; of the shape of the image.
        background : `Background`, optional
            Given if the local background is to be subtracted.

        Returns
        -------
        result : `Struct`
            ``outputCatalog``: all columns of ``inputCatalog``, and per radius ``apFlux``, ``apFluxErr``
            [unit of the image], ``apArea`` [pixel²], ``apBackground`` [unit of the image per pixel] and
            ``apFlags`` (see `pipetask.photometry.flags`). Fluxes are NaN where a centre lies on an ignored
            area.
        """
        image = exposure.image if background is None else exposure.image + background.image()
        mask = exposure.mask.any([name for name in self.config.ignore if name in exposure.mask.planes])
        x, y = np.asarray(inputCatalog["x"], float), np.asarray(inputCatalog["y"], float)
        ignored = np.zeros(len(x), bool) if areaMask is None else _on_mask(areaMask, x, y)
        columns: dict[str, np.ndarray] = {}
        for suffix, radius in self.config.radii().items():
            annulus = None if background is None else Annulus(1.5 * radius, 2.5 * radius)
            result = aperture_photometry(
                image, x, y, radius, variance=exposure.variance, mask=mask, annulus=annulus
            )
            assert result.flux_err is not None
            columns |= {
                f"apFlux{suffix}": np.where(ignored, np.nan, result.flux),
                f"apFluxErr{suffix}": np.where(ignored, np.nan, result.flux_err),
                f"apArea{suffix}": result.area,
                f"apBackground{suffix}": np.zeros(len(x)) if result.background is None else result.background,
                f"apFlags{suffix}": result.flags | np.where(ignored, int(ApertureFlag.CENTRE_MASKED), 0),
            }
        return Struct(outputCatalog=self.with_apertures(inputCatalog, columns, unit=exposure.unit))

    def with_apertures(self, catalog: Table, columns: dict[str, np.ndarray], unit: str = "") -> Table:
        """Return a copy of a catalog with the columns of each aperture; empty ones where none are given."""
        table = catalog.copy()
        for suffix, radius in self.config.radii().items():
            for name, dtype, of_image, area, text in _COLUMNS:
                column = Column(
                    columns.get(name + suffix, ()),
                    name=name + suffix,
                    dtype=dtype,
                    unit=area or (unit if of_image else None) or None,
                    description=f"{text} (radius {radius:g} pixels)",
                )
                table[name + suffix] = column
        return table


_COLUMNS = (
    ("apFlux", np.float64, True, None, "Flux in the aperture, background subtracted"),
    ("apFluxErr", np.float64, True, None, "Standard deviation of the flux: sqrt(sum of w² variance)"),
    ("apArea", np.float64, False, "pix2", "Area of the usable pixels in the aperture"),
    ("apBackground", np.float64, True, None, "Local background per pixel that was subtracted"),
    ("apFlags", np.int64, False, None, "Bits of pipetask.photometry.ApertureFlag; 0 is good"),
)


def _on_mask(areas: Mask, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Tell which centres lie on a pixel that isn't 0; the pixel of a position is floor(x + 0.5)."""
    ny, nx = areas.array.shape
    column, row = np.floor(np.nan_to_num(x, nan=-9) + 0.5), np.floor(np.nan_to_num(y, nan=-9) + 0.5)
    inside = (column >= 0) & (column < nx) & (row >= 0) & (row < ny)
    found = np.zeros(len(x), bool)
    found[inside] = areas.array[row[inside].astype(int), column[inside].astype(int)] != 0
    return found
