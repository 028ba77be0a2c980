"""ConsolidateVisitTask: one catalog per visit from those of its detectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.table import Column, Table, vstack

from pipetask import (
    DeferredDatasetHandle,
    InputQuantizedConnection,
    NoWorkFound,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    Struct,
    connectionTypes,
)


class ConsolidateVisitConnections(
    PipelineTaskConnections,
    dimensions=("instrument", "visit"),
    defaultTemplates={"inputName": "customAperture", "outputName": "customAperture_visit"},
):
    """Catalogs and images of a visit's detectors in, one catalog out."""

    catalogs = connectionTypes.Input(
        doc="Catalogs of the detectors.",
        name="{inputName}",
        storageClass="SourceCatalog",
        dimensions=("instrument", "visit", "detector"),
        multiple=True,
        deferLoad=True,
    )
    exposures = connectionTypes.Input(
        doc="Images of the detectors; of these only the photometric calibration is read.",
        name="calexp",
        storageClass="ExposureF",
        dimensions=("instrument", "visit", "detector"),
        multiple=True,
        deferLoad=True,
    )
    outputCatalog = connectionTypes.Output(
        doc="All sources of the visit.",
        name="{outputName}",
        storageClass="SourceCatalog",
        dimensions=("instrument", "visit"),
    )

    def adjustQuantum(  # type: ignore[override]  # the guide's form; both are allowed
        self, datasetRefMap: InputQuantizedConnection
    ) -> InputQuantizedConnection:
        """Keep the detectors that have all inputs."""
        common = set.intersection(*({ref.dataId for ref in refs} for _, refs in datasetRefMap))
        if not common:
            raise NoWorkFound("no detector of the visit has both a catalog and an image")
        for name, refs in datasetRefMap:
            setattr(datasetRefMap, name, [ref for ref in refs if ref.dataId in common])
        return datasetRefMap


class ConsolidateVisitConfig(PipelineTaskConfig, pipelineConnections=ConsolidateVisitConnections):
    """Nothing to configure but the names of the datasets."""


class ConsolidateVisitTask(PipelineTask):
    """Stack the catalogs of a visit's detectors and add magnitudes."""

    ConfigClass = ConsolidateVisitConfig
    _DefaultName = "consolidateVisit"

    def run(
        self, catalogs: Sequence[DeferredDatasetHandle], exposures: Sequence[DeferredDatasetHandle]
    ) -> Struct:
        """Stack catalogs, which are loaded one after the other.

        Parameters
        ----------
        catalogs, exposures : sequence of `DeferredDatasetHandle`
            Of the same detectors, in the same order.

        Returns
        -------
        result : `Struct`
            ``outputCatalog``: the rows of all, with ``detector`` in front and, where an image has a
            photometric calibration, ``apMag`` [mag].
        """
        parts = []
        for catalog, exposure in zip(catalogs, exposures, strict=True):
            part = catalog.get()
            detector = np.full(len(part), catalog.dataId["detector"])
            part.add_column(Column(detector, name="detector", description="Number of the detector."), index=0)
            part["apMag"] = Column(
                self.magnitudes(part, exposure), unit="mag", description="AB magnitude of apFlux."
            )
            parts.append(part)
        return Struct(outputCatalog=vstack(parts, metadata_conflicts="silent"))

    def magnitudes(self, catalog: Table, exposure: DeferredDatasetHandle) -> np.ndarray:
        """Return magnitudes, shape (n,); NaN where the flux isn't positive or the image not calibrated."""
        calibration = exposure.get(component="photoCalib")
        flux = np.asarray(catalog["apFlux"], float)
        if calibration is None:
            return np.full(len(flux), np.nan)
        return np.asarray(calibration.magnitude(np.where(flux > 0, flux, np.nan)))
