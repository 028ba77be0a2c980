"""ApertureTask: fluxes inside circles around the sources of a catalog, with a local background if wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from astropy.table import Column, Table
from lsst.pex.config import ChoiceField, Field, ListField

from pipetask import (
    Background,
    Exposure,
    Mask,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    PipetaskError,
    Struct,
    connectionTypes,
)
from pipetask.photometry import Annulus, ApertureFlag, aperture_photometry
from pipetask.tasks.flux_unit import checked_unit, flux_unit_field

_DIMENSIONS: Final = ("instrument", "visit", "detector")

# Name, type, whether in the unit of the image, other unit, meaning.
_COLUMNS: Final = (
    ("apFlux", np.float64, True, None, "Flux in the aperture; NaN if not measurable"),
    (
        "apFluxErr",
        np.float64,
        True,
        None,
        "Standard error of the flux, that of a local background included; NaN without a variance plane",
    ),
    ("apArea", np.float64, False, "pix2", "Area of the usable pixels in the aperture"),
    ("apBackground", np.float64, True, None, "Local background per pixel that was subtracted"),
    ("apFlags", np.int64, False, None, "Bits of pipetask.photometry.ApertureFlag; 0 is good"),
)


class ApertureTaskConnections(
    PipelineTaskConnections, defaultTemplates={"outputName": "customAperture"}, dimensions=_DIMENSIONS
):
    """An image and its sources in; the same sources with fluxes out."""

    inputSchema = connectionTypes.InitInput(
        doc="Columns of the input catalog, without rows.", name="src_schema", storageClass="SourceCatalog"
    )
    outputSchema = connectionTypes.InitOutput(
        doc="Columns of the output catalog, without rows.",
        name="{outputName}_schema",
        storageClass="SourceCatalog",
    )
    areaMask = connectionTypes.PrerequisiteInput(
        doc="Areas (pixels that aren't 0) where sources are not measured; made by a human.",
        name="ApAreaMask",
        storageClass="Mask",
        dimensions=_DIMENSIONS,
    )
    exposure = connectionTypes.Input(
        doc="Background-subtracted image.", name="calexp", storageClass="ExposureF", dimensions=_DIMENSIONS
    )
    inputCatalog = connectionTypes.Input(
        doc="Sources with their centres x, y [pixel].",
        name="src",
        storageClass="SourceCatalog",
        dimensions=_DIMENSIONS,
    )
    background = connectionTypes.Input(
        doc="What was subtracted from the image.",
        name="calexpBackground",
        storageClass="Background",
        dimensions=_DIMENSIONS,
    )
    outputCatalog = connectionTypes.Output(
        doc="The input catalog with aperture measurements.",
        name="{outputName}",
        storageClass="SourceCatalog",
        dimensions=_DIMENSIONS,
    )

    def __init__(self, *, config: Any = None) -> None:  # an ApertureTaskConfig
        super().__init__(config=config)
        if not config.doLocalBackground:
            self.inputs.remove("background")
        if not config.doAreaMask:
            self.prerequisiteInputs.remove("areaMask")


class ApertureTaskConfig(PipelineTaskConfig, pipelineConnections=ApertureTaskConnections):
    """Radii, background, and which pixels count."""

    apRad = Field(doc="Radius of the aperture [pixel].", dtype=float, default=4.0, check=lambda r: r > 0)
    extraRadii = ListField(
        doc="Further radii [pixel]; the names of their columns end in the radius: apFlux_6, apFlux_2_5.",
        dtype=float,
        default=[],
        itemCheck=lambda r: r > 0,
    )
    doLocalBackground = Field(
        doc="Add the subtracted background back, and subtract the mean of a ring around each source.",
        dtype=bool,
        default=False,
    )
    innerFactor = Field(doc="Inner radius of the ring, in units of the aperture's.", dtype=float, default=1.5)
    outerFactor = Field(doc="Outer radius of the ring, in units of the aperture's.", dtype=float, default=2.5)
    doAreaMask = Field(
        doc="Don't measure sources whose centre lies in a masked area (ApAreaMask).",
        dtype=bool,
        default=False,
    )
    method = ChoiceField(
        doc="Weight of a pixel.",
        dtype=str,
        default="exact",
        allowed={
            "exact": "the area that the circle covers",
            "center": "1 if the pixel's centre is inside, else 0",
            "subpixel": "the part of 5 x 5 sub-pixel centres that is inside",
        },
    )
    fluxUnit = flux_unit_field()
    badMaskPlanes = ListField(
        doc="Pixels with any of these planes set are left out of sums and areas.",
        dtype=str,
        default=["BAD", "SAT", "CR", "NO_DATA"],
    )

    def validate(self) -> None:
        """Check that the ring is one."""
        super().validate()
        if not 0 <= self.innerFactor < self.outerFactor:
            raise ValueError(
                f"innerFactor={self.innerFactor}, outerFactor={self.outerFactor}: wanted 0 <= inner < outer"
            )

    def radii(self) -> dict[str, float]:
        """Return each radius by the end of its columns' names."""
        return {"": self.apRad} | {f"_{radius:g}".replace(".", "_"): radius for radius in self.extraRadii}


class ApertureTask(PipelineTask):
    """Measure all sources of a catalog at once; each row gets its fluxes, none is dropped."""

    ConfigClass = ApertureTaskConfig
    _DefaultName = "aperture"

    def __init__(
        self,
        config: Any = None,  # an ApertureTaskConfig
        *,
        initInputs: Mapping[str, Any] | None = None,  # what the datasets hold
        **kwargs: Any,  # as PipelineTask
    ) -> None:
        super().__init__(config, initInputs=initInputs, **kwargs)
        schema = Table() if initInputs is None else initInputs["inputSchema"][:0]
        self.outputSchema = self._with_columns(schema, {}, self.config.fluxUnit or None)

    def run(
        self,
        exposure: Exposure,
        inputCatalog: Table,
        areaMask: Mask | None = None,
        background: Background | None = None,
    ) -> Struct:
        """Measure the sources of one image. Nothing that is handed in is modified.

        Parameters
        ----------
        exposure : `Exposure`
            Background-subtracted image.
        inputCatalog : `astropy.table.Table`
            One row per source; columns ``x`` and ``y`` [pixel of the exposure's arrays, 0-based].
        areaMask : `Mask`, optional
            Sources whose centre lies on a pixel that isn't 0 get a flux of NaN. Of the exposure's shape.
        background : `Background`, optional
            Added back to the image; then the mean of a ring about each source is subtracted.

        Returns
        -------
        result : `Struct`
            ``outputCatalog``: every row and column of ``inputCatalog``, and per radius ``apFlux``,
            ``apFluxErr`` [unit of the image], ``apArea`` [pixel²], ``apBackground`` [unit of the image per
            pixel] and ``apFlags``.
        """
        unit = checked_unit(exposure, self.config.fluxUnit, self.getName())
        x, y = (_numbers(inputCatalog[name]) for name in ("x", "y"))
        image = exposure.image if background is None else exposure.image + background.image()
        variance = exposure.variance if exposure.variance.any() else None
        planes = [name for name in self.config.badMaskPlanes if name in exposure.mask.planes]
        mask = exposure.mask.any(planes)
        dropped = np.zeros(len(x), dtype=bool) if areaMask is None else _in_area(areaMask, exposure, x, y)
        columns: dict[str, npt.NDArray[Any]] = {}
        # one pass over the image measures all radii; but each has a ring of its own
        radii = self.config.radii()
        passes = [list(radii)] if background is None else [[suffix] for suffix in radii]
        for suffixes in passes:
            first = radii[suffixes[0]]
            measured = aperture_photometry(
                image,
                x,
                y,
                [radii[suffix] for suffix in suffixes],
                variance=variance,
                mask=mask,
                method=self.config.method,
                annulus=None
                if background is None
                else Annulus(
                    self.config.innerFactor * first,
                    self.config.outerFactor * first,
                    method=self.config.method,
                ),
            )
            errors = np.full(measured.flux.shape, np.nan) if measured.flux_err is None else measured.flux_err
            if measured.background_err is not None:
                errors = np.hypot(errors, measured.area * measured.background_err[:, None])
            level = np.zeros(len(x)) if measured.background is None else measured.background
            flags = measured.flags | np.where(dropped, ApertureFlag.CENTRE_MASKED.value, 0)[:, None]
            for place, suffix in enumerate(suffixes):
                columns |= {
                    "apFlux" + suffix: np.where(dropped, np.nan, measured.flux[:, place]),
                    "apFluxErr" + suffix: np.where(dropped, np.nan, errors[:, place]),
                    "apArea" + suffix: measured.area[:, place],
                    "apBackground" + suffix: level,
                    "apFlags" + suffix: flags[:, place],
                }
        lost = int(np.isnan(columns["apFlux"]).sum())
        self.log.info("Measured %d sources, %d of them without a flux", len(x), lost)
        return Struct(outputCatalog=self._with_columns(inputCatalog, columns, unit))

    def _with_columns(
        self, catalog: Table, columns: Mapping[str, npt.NDArray[Any]], unit: str | None
    ) -> Table:
        """Copy a catalog and add the columns of measurements; empty ones where none are given."""
        output = Table(catalog, copy=True)
        for suffix, radius in self.config.radii().items():
            for stem, dtype, in_unit_of_image, other_unit, text in _COLUMNS:
                name = stem + suffix
                if name in output.colnames:
                    raise PipetaskError(
                        f"The input catalog of task {self.getName()!r} has a column {name!r} already; "
                        "measure another catalog, or rename that column"
                    )
                output[name] = Column(
                    columns.get(name, ()),
                    dtype=dtype,
                    unit=unit if in_unit_of_image else other_unit,
                    description=f"{text} (radius {radius:g} pixels).",
                )
        return output


def _numbers(column: Any) -> npt.NDArray[np.float64]:  # a Column, MaskedColumn or Quantity
    """Return plain numbers; missing ones are NaN, which is flagged."""
    return np.asarray(np.ma.filled(np.ma.asarray(column, dtype=np.float64), np.nan))


def _in_area(
    areaMask: Mask, exposure: Exposure, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """Tell which centres lie on a masked pixel; those off the image don't."""
    if areaMask.array.shape != exposure.shape:
        raise PipetaskError(
            f"The area mask has shape {areaMask.array.shape}, the image {exposure.shape}; make one that fits"
        )
    column, row = np.floor(x + 0.5), np.floor(y + 0.5)
    inside = (column >= 0) & (column < exposure.shape[1]) & (row >= 0) & (row < exposure.shape[0])
    masked = np.zeros(len(x), dtype=bool)
    masked[inside] = areaMask.array[row[inside].astype(int), column[inside].astype(int)] != 0
    return masked
