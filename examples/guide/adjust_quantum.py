"""Leaving detectors out before anything runs: adjustQuantum with one argument."""

from guide import deferred
from pipetask import InputQuantizedConnection, NoWorkFound


class ApertureTaskConnections(deferred.ApertureTaskConnections):
    def adjustQuantum(self, inputRefs: InputQuantizedConnection) -> InputQuantizedConnection:
        """Keep the detectors for which there is a dataset of every input."""
        complete = set.intersection(*({ref.dataId for ref in refs} for _, refs in inputRefs))
        if not complete:
            raise NoWorkFound("no detector of the visit has all inputs")
        for name, refs in inputRefs:
            setattr(inputRefs, name, [ref for ref in refs if ref.dataId in complete])
        return inputRefs


class ApertureTaskConfig(deferred.ApertureTaskConfig, pipelineConnections=ApertureTaskConnections):
    """The same fields."""


class ApertureTask(deferred.ApertureTask):
    """The same work, on the detectors that are complete."""

    ConfigClass = ApertureTaskConfig
