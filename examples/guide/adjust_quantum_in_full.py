"""Leaving detectors out before anything runs: adjustQuantum with four arguments."""

from collections.abc import Mapping, Sequence

from guide import deferred
from pipetask import DataCoordinate, DatasetRef, NoWorkFound, connectionTypes

Refs = Mapping[str, tuple[connectionTypes.BaseConnection, Sequence[DatasetRef]]]


class ApertureTaskConnections(deferred.ApertureTaskConnections):
    def adjustQuantum(
        self, inputs: Refs, outputs: Refs, label: str, data_id: DataCoordinate
    ) -> tuple[Refs, Refs]:
        """Return the inputs that change; the outputs stay as they are."""
        complete = set.intersection(*({ref.dataId for ref in refs} for _, refs in inputs.values()))
        if not complete:
            raise NoWorkFound(f"no detector of visit {data_id['visit']} has all inputs of {label}")
        changed = {
            name: (connection, [ref for ref in refs if ref.dataId in complete])
            for name, (connection, refs) in inputs.items()
        }
        return changed, {}


class ApertureTaskConfig(deferred.ApertureTaskConfig, pipelineConnections=ApertureTaskConnections):
    """The same fields."""


class ApertureTask(deferred.ApertureTask):
    """The same work, on the detectors that are complete."""

    ConfigClass = ApertureTaskConfig
