"""ConsolidateVisitTask: the catalogs of all detectors of a visit as one table, with magnitudes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Column, Table, vstack
from lsst.pex.config import Field

from pipetask import (
    DeferredDatasetHandle,
    InputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    PipetaskError,
    Struct,
    connectionTypes,
)


class ConsolidateVisitConnections(
    PipelineTaskConnections,
    defaultTemplates={"inputName": "customAperture"},
    dimensions=("instrument", "visit"),
):
    """Catalogs and calibrations of the detectors in, one catalog out."""

    catalogs = connectionTypes.Input(
        doc="Catalogs of the detectors, all with the same columns.",
        name="{inputName}",
        storageClass="SourceCatalog",
        dimensions=("instrument", "visit", "detector"),
        multiple=True,
        deferLoad=True,
    )
    photoCalibs = connectionTypes.Input(
        doc="What one unit of the images is worth.",
        name="calexp.photoCalib",
        storageClass="PhotoCalib",
        dimensions=("instrument", "visit", "detector"),
        multiple=True,
        deferLoad=True,
    )
    outputCatalog = connectionTypes.Output(
        doc="All rows, ordered by detector.",
        name="{inputName}_visit",
        storageClass="SourceCatalog",
        dimensions=("instrument", "visit"),
    )

    def __init__(self, *, config: Any = None) -> None:  # a ConsolidateVisitConfig
        super().__init__(config=config)
        if not config.doMagnitudes:
            self.inputs.remove("photoCalibs")

    def adjustQuantum(  # type: ignore[override]  # the guide's form; both are allowed
        self, datasetRefMap: InputQuantizedConnection
    ) -> InputQuantizedConnection:
        """Drop detectors that lack one of the inputs: what is complete is consolidated."""
        complete = set.intersection(*({ref.dataId for ref in refs} for _, refs in datasetRefMap))
        for name, refs in datasetRefMap:
            setattr(datasetRefMap, name, [ref for ref in refs if ref.dataId in complete])
        return datasetRefMap


class ConsolidateVisitConfig(PipelineTaskConfig, pipelineConnections=ConsolidateVisitConnections):
    """What is added to the rows."""

    doMagnitudes = Field(doc="Add columns of magnitudes and their errors.", dtype=bool, default=True)
    fluxName = Field(
        doc="Column of fluxes that the magnitudes are made of; that of their errors ends in Err.",
        dtype=str,
        default="apFlux",
    )
    magnitudeName = Field(doc="Name of the column of magnitudes.", dtype=str, default="apMag")


class ConsolidateVisitTask(PipelineTask):
    """Stack catalogs, which are loaded one after the other."""

    ConfigClass = ConsolidateVisitConfig
    _DefaultName = "consolidateVisit"

    def run(
        self,
        catalogs: Sequence[DeferredDatasetHandle],
        photoCalibs: Sequence[DeferredDatasetHandle] | None = None,
    ) -> Struct:
        """Stack the catalogs of one visit.

        Parameters
        ----------
        catalogs : sequence of `DeferredDatasetHandle`
            One per detector.
        photoCalibs : sequence of `DeferredDatasetHandle`, optional
            Of the same detectors, in the same order. A detector without calibration gets magnitudes of NaN.

        Returns
        -------
        result : `Struct`
            ``outputCatalog``: the rows of all catalogs with the column ``detector`` in front.
        """
        parts = []
        for index, handle in enumerate(catalogs):
            catalog = Table(handle.get(), copy=True)
            detector = np.full(len(catalog), handle.dataId["detector"], dtype=np.int64)
            catalog.add_column(Column(detector, name="detector", description="Number of the detector."), 0)
            if photoCalibs is not None:
                flux, error = (
                    self.column(catalog, name)
                    for name in (self.config.fluxName, self.config.fluxName + "Err")
                )
                calib, unknown = photoCalibs[index].get(), np.full(len(flux), np.nan)
                catalog[self.config.magnitudeName] = Column(
                    unknown if calib is None else calib.magnitude(flux),
                    unit="mag",
                    description=f"AB magnitude of {self.config.fluxName}; NaN if it isn't positive or has no "
                    "calibration.",
                )
                catalog[self.config.magnitudeName + "Err"] = Column(
                    unknown if calib is None else calib.magnitude_error(flux, error),
                    unit="mag",
                    description="Standard error of the magnitude, that of the zero point included.",
                )
            catalog.meta.clear()
            parts.append(catalog)
        output = vstack(parts, join_type="exact")
        self.log.info("Put %d rows of %d detectors together", len(output), len(parts))
        return Struct(outputCatalog=output)

    def column(self, catalog: Table, name: str) -> npt.NDArray[np.float64]:
        """Return a column of the catalogs that magnitudes are made of.

        Raises
        ------
        PipetaskError
            If there is none of the name.
        """
        if name not in catalog.colnames:
            raise PipetaskError(
                f"The catalogs have no column {name!r}, of which task {self.getName()!r} makes magnitudes; "
                f"they have {', '.join(catalog.colnames)}. Set fluxName, or doMagnitudes=False"
            )
        return np.asarray(catalog[name], dtype=np.float64)
