"""Deferred loading: the task gets handles, and loads one detector after the other, and only what it needs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from astropy.table import vstack
from lsst.pex.config import ListField

from guide import focal_plane
from guide.schemas import with_flux
from pipetask import DeferredDatasetHandle, Struct, connectionTypes


class ApertureTaskConnections(focal_plane.ApertureTaskConnections):
    exposures = connectionTypes.Input(
        doc="Images to measure.",
        name="calexp",
        storageClass="ExposureF",
        dimensions=("visit", "detector", "band"),
        multiple=True,
        deferLoad=True,
    )
    areaMasks = replace(focal_plane.ApertureTaskConnections.areaMasks, deferLoad=True)
    inputCatalogs = replace(focal_plane.ApertureTaskConnections.inputCatalogs, deferLoad=True)
    backgrounds = replace(focal_plane.ApertureTaskConnections.backgrounds, deferLoad=True)


class ApertureTaskConfig(focal_plane.ApertureTaskConfig, pipelineConnections=ApertureTaskConnections):
    columns = ListField(
        doc="Columns of the input catalogs to load and keep.",
        dtype=str,
        default=["id", "x", "y", "ra", "dec"],
    )


class ApertureTask(focal_plane.ApertureTask):
    """Measure the sources of a visit in the memory that one detector takes."""

    ConfigClass = ApertureTaskConfig

    def __init__(
        self, config: Any = None, *, initInputs: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(config, initInputs=initInputs, **kwargs)
        if initInputs is not None:
            self.outputSchema = with_flux(initInputs["inputSchema"][list(self.config.columns)], np.empty(0))

    def run(
        self,
        exposures: Sequence[DeferredDatasetHandle],
        inputCatalogs: Sequence[DeferredDatasetHandle],
        areaMasks: Sequence[DeferredDatasetHandle],
        backgrounds: Sequence[DeferredDatasetHandle] | None = None,
    ) -> Struct:
        """Measure detector by detector; each is gone from memory before the next is loaded."""
        parts = [self.outputSchema]
        for i, handle in enumerate(exposures):
            if inputCatalogs[i].get(component="rowcount") == 0:
                self.log.info("Detector %d has no sources", handle.dataId["detector"])
                continue
            catalog = inputCatalogs[i].get(parameters={"columns": list(self.config.columns)})
            image = handle.get(component="image")
            background = None if backgrounds is None else backgrounds[i].get()
            parts.append(self.measure(image, catalog, areaMasks[i].get(), background))
        return Struct(outputCatalog=vstack(parts, metadata_conflicts="silent"))
