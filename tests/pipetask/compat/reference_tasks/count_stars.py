"""A task as users of the reference have it: many inputs, adjusted quanta, typed refs, a script on the butler."""

from collections.abc import Mapping
from contextlib import suppress

import lsst.pipe.base
import numpy as np
from lsst.daf.butler import Butler, CollectionType, DataId, DatasetRef, DatasetType, DeferredDatasetHandle
from lsst.daf.butler.registry import MissingCollectionError
from lsst.pex.config import Field
from lsst.pipe.base import (
    InMemoryDatasetHandle,
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
    connectionTypes,
)


class CountStarsConnections(
    PipelineTaskConnections, dimensions={"instrument"}, defaultTemplates={"prefix": "bright"}
):
    stars = connectionTypes.Input(
        doc="Stars of all detectors.",
        name="{prefix}_stars",
        storageClass="ArrowAstropy",
        dimensions=("instrument", "detector"),
        multiple=True,
        deferLoad=True,
    )
    summary = connectionTypes.Output(
        doc="How many there are.",
        name="{prefix}_summary",
        storageClass="StructuredDataDict",
        dimensions=("instrument",),
    )

    def adjustQuantum(self, inputs, outputs, label, data_id):
        connection, refs = inputs["stars"]
        odd = [ref for ref in refs if ref.dataId["detector"] % 2]
        if not odd:
            raise lsst.pipe.base.NoWorkFound(f"{label}: no odd detector")
        adjusted = {"stars": (connection, odd)}
        inputs.update(adjusted)
        super().adjustQuantum(inputs, outputs, label, data_id)
        return adjusted, {}


class CountStarsConfig(PipelineTaskConfig, pipelineConnections=CountStarsConnections):
    percentile = Field[float](doc="Which flux to tell.", default=50.0)


class CountStarsTask(PipelineTask):
    ConfigClass = CountStarsConfig
    _DefaultName = "countStars"
    config: CountStarsConfig

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        handles: list[DeferredDatasetHandle] = butlerQC.get(inputRefs.stars)
        assert all(isinstance(ref.datasetRef, DatasetRef) for ref in inputRefs.stars)
        by_detector = {handle.dataId["detector"]: handle for handle in handles}
        butlerQC.put(self.run(by_detector).summary, outputRefs.summary)

    def run(self, handles: Mapping[int, DeferredDatasetHandle | InMemoryDatasetHandle]) -> Struct:
        fluxes = {str(detector): np.asarray(handle.get()["flux"]) for detector, handle in handles.items()}
        counts = {detector: len(flux) for detector, flux in fluxes.items()}
        typical = float(np.percentile(np.concatenate(list(fluxes.values())), self.config.percentile))
        return Struct(summary={"counts": counts, "typical": typical})


def total(repo: str, collection: str, dataId: DataId | None = None) -> int:
    """What a script would do."""
    butler = Butler.from_config(repo, collections=collection)
    with suppress(MissingCollectionError):
        butler.collections.get_info("no/such/collection")
    summary_type: DatasetType = butler.get_dataset_type("bright_summary")
    assert summary_type.storageClass_name == "StructuredDataDict"
    assert collection in butler.collections.query("*", collection_types={CollectionType.CHAINED})
    ref = butler.find_dataset(summary_type, dataId or {"instrument": "Cam"})
    return sum(butler.get(ref)["counts"].values())
