"""ConsolidateVisitTask: the catalogs of all detectors of a visit as one table, with magnitudes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy.table import Column, Table, vstack
from lsst.pex.config import Field

from pipetask import (
    DeferredDatasetHandle,
    InputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
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

    doMagnitudes = Field(doc="Add a column of magnitudes.", dtype=bool, default=True)
    fluxName = Field(doc="Column of fluxes that the magnitudes are made of.", dtype=str, default="apFlux")
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
                flux = np.asarray(catalog[self.config.fluxName], dtype=np.float64)
                calib = photoCalibs[index].get()
                catalog[self.config.magnitudeName] = Column(
                    np.full(len(flux), np.nan) if calib is None else calib.magnitude(flux),
                    unit="mag",
                    description=f"Magnitude of {self.config.fluxName}; NaN if it isn't positive or has no "
                    "calibration.",
                )
            catalog.meta.clear()
            parts.append(catalog)
        output = vstack(parts, join_type="exact")
        self.log.info("Put %d rows of %d detectors together", len(output), len(parts))
        return Struct(outputCatalog=output)
