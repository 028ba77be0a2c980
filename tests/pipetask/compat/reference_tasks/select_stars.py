"""A task as users of the reference have it: a subtask, a deferred input, an optional one, a schema."""

import logging

import astropy.table
import lsst.pex.config as pexConfig
import lsst.pipe.base as pipeBase
import lsst.pipe.base.connectionTypes as cT
import numpy as np
from lsst.pipe.base import AlgorithmError, NoWorkFound, Struct, TaskError
from lsst.utils.timer import timeMethod

_LOG = logging.getLogger(__name__)


class TooFaintError(AlgorithmError):
    def __init__(self, limit):
        super().__init__(f"No star is brighter than {limit}")
        self.limit = limit

    @property
    def metadata(self):
        return {"limit": self.limit}


class CutConfig(pexConfig.Config):
    minimum = pexConfig.Field(dtype=float, default=100.0, doc="Least flux of a star.")


class CutTask(pipeBase.Task):
    ConfigClass = CutConfig
    _DefaultName = "cut"

    @timeMethod
    def run(self, flux):
        chosen = flux >= self.config.minimum
        self.metadata["n_chosen"] = int(np.count_nonzero(chosen))
        return Struct(chosen=chosen)


class SelectStarsConnections(
    pipeBase.PipelineTaskConnections,
    dimensions=("instrument", "detector"),
    defaultTemplates={"prefix": "bright"},
):
    schema = cT.InitOutput(doc="Columns of the stars.", name="{prefix}_schema", storageClass="ArrowAstropy")
    catalog = cT.Input(
        doc="All sources.",
        name="sources",
        storageClass="ArrowAstropy",
        dimensions=("instrument", "detector"),
        deferLoad=True,
    )
    limits = cT.PrerequisiteInput(
        doc="Limit of each detector.",
        name="limits",
        storageClass="StructuredDataDict",
        dimensions=("instrument",),
        minimum=0,
    )
    stars = cT.Output(
        doc="The bright ones.",
        name="{prefix}_stars",
        storageClass="ArrowAstropy",
        dimensions=("instrument", "detector"),
    )

    def __init__(self, *, config=None):
        super().__init__(config=config)
        if not config.useLimits:
            del self.limits


class SelectStarsConfig(pipeBase.PipelineTaskConfig, pipelineConnections=SelectStarsConnections):
    cut = pexConfig.ConfigurableField(target=CutTask, doc="How to select.")
    useLimits = pexConfig.Field(dtype=bool, default=False, doc="Whether each detector has its own limit.")


class SelectStarsTask(pipeBase.PipelineTask):
    ConfigClass = SelectStarsConfig
    _DefaultName = "selectStars"

    def __init__(self, *, initInputs=None, **kwargs):
        super().__init__(initInputs=initInputs, **kwargs)
        self.makeSubtask("cut")
        self.schema = astropy.table.Table({"id": np.empty(0, int), "flux": np.empty(0)})

    def runQuantum(self, butlerQC, inputRefs, outputRefs):
        inputs = butlerQC.get(inputRefs)
        if butlerQC.quantum.dataId["detector"] < 0:
            raise TaskError("no such detector")
        self.log.info("Detector %d", inputs["catalog"].dataId["detector"])
        self.log.verbose("Its catalog is not loaded yet")
        butlerQC.put(self.run(**inputs), outputRefs)

    @timeMethod
    def run(self, catalog, limits=None):
        sources = catalog.get(parameters={"columns": ["id", "flux"]})
        if len(sources) == 0:
            raise NoWorkFound("The catalog is empty.")
        chosen = self.cut.run(np.asarray(sources["flux"])).chosen
        if not chosen.any():
            raise TooFaintError(self.config.cut.minimum)
        return Struct(stars=sources[chosen])
