"""A runQuantum of its own: it loads and stores one connection at a time, and calls run as it likes."""

from collections.abc import Sequence

from astropy.table import Table, vstack

from guide import adjust_quantum
from pipetask import (
    DeferredDatasetHandle,
    InputQuantizedConnection,
    OutputQuantizedConnection,
    QuantumContext,
    Struct,
)


class ApertureTask(adjust_quantum.ApertureTask):
    """Measure the sources of a visit, which come as one catalog."""

    ConfigClass = adjust_quantum.ApertureTaskConfig

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Put the catalogs together before the work, and say how long each is."""
        inputs = {name: butlerQC.get(refs) for name, refs in inputRefs}
        columns = {"columns": list(self.config.columns)}
        catalogs = [handle.get(parameters=columns) for handle in inputs.pop("inputCatalogs")]
        inputs["sources"] = vstack(catalogs, metadata_conflicts="silent")
        inputs["lengths"] = [len(catalog) for catalog in catalogs]
        result = self.run(**inputs)
        butlerQC.put(result.outputCatalog, outputRefs.outputCatalog)

    def run(
        self,
        exposures: Sequence[DeferredDatasetHandle],
        sources: Table,
        lengths: Sequence[int],
        areaMasks: Sequence[DeferredDatasetHandle],
        backgrounds: Sequence[DeferredDatasetHandle] | None = None,
    ) -> Struct:
        """Measure the first ``lengths[0]`` sources on the first image, and so on."""
        parts, begin = [self.outputSchema], 0
        for i, length in enumerate(lengths):
            catalog = sources[begin : begin + length]
            background = None if backgrounds is None else backgrounds[i].get()
            image = exposures[i].get(component="image")
            parts.append(self.measure(image, catalog, areaMasks[i].get(), background))
            begin += length
        return Struct(outputCatalog=vstack(parts, metadata_conflicts="silent"))
