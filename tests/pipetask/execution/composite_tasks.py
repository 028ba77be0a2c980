"""Tasks that read and make composites: a calibration fitted per tract, exposures seen with it, visits."""

import os
from pathlib import Path
from types import SimpleNamespace

from astropy.table import Table
from lsst.pex.config import Field, ListField

from pipetask import PipelineTask, PipelineTaskConfig, PipelineTaskConnections, Struct, connectionTypes
from pipetask.butler import Exposure, PhotoCalib

DETECTOR = ("instrument", "visit", "detector")


class FitConnections(PipelineTaskConnections, dimensions=(*DETECTOR, "tract")):
    exposure = connectionTypes.Input(name="calexp", storageClass="ExposureF", dimensions=DETECTOR)
    fitted = connectionTypes.Output(
        name="jointcal_calib", storageClass="PhotoCalib", dimensions=(*DETECTOR, "tract")
    )


class FitConfig(PipelineTaskConfig, pipelineConnections=FitConnections):
    no_work_on = ListField(dtype=int, default=[], doc="Detectors without a result.")


class FitTask(PipelineTask):
    """The calibration of visit v, detector d, tract t is 100 v + 10 d + t."""

    ConfigClass = FitConfig
    _DefaultName = "fit"

    def runQuantum(self, butlerQC, inputRefs, outputRefs):
        data_id = butlerQC.quantum.dataId
        if data_id["detector"] in self.config.no_work_on:
            return
        value = 100.0 * data_id["visit"] + 10 * data_id["detector"] + data_id["tract"]
        butlerQC.put(Struct(fitted=PhotoCalib(value)), outputRefs)


class LookConnections(PipelineTaskConnections, dimensions=(*DETECTOR, "tract")):
    exposure = connectionTypes.Input(
        name="jointcal_calexp", storageClass="ExposureF", dimensions=(*DETECTOR, "tract")
    )
    seen = connectionTypes.Output(
        name="seen", storageClass="StructuredDataDict", dimensions=(*DETECTOR, "tract")
    )


class LookConfig(PipelineTaskConfig, pipelineConnections=LookConnections):
    kill_on = Field(dtype=int, default=-1, doc="Visit on which the worker is lost, once.")
    mark = Field(dtype=str, default="", doc="File that says that a worker was lost.")


class LookTask(PipelineTask):
    """Notes the calibration and the first pixel of what it reads."""

    ConfigClass = LookConfig
    _DefaultName = "look"

    def runQuantum(self, butlerQC, inputRefs, outputRefs):
        if butlerQC.quantum.dataId["visit"] == self.config.kill_on and not Path(self.config.mark).exists():
            Path(self.config.mark).touch()
            os.kill(os.getpid(), 9)
        exposure = butlerQC.get(inputRefs.exposure)
        seen = {"calib": exposure.photoCalib.calibration, "pixel": float(exposure.image[0, 0])}
        butlerQC.put(Struct(seen=seen), outputRefs)


class GatherConnections(PipelineTaskConnections, dimensions=("skymap", "tract")):
    exposures = connectionTypes.Input(
        name="jointcal_calexp",
        storageClass="ExposureF",
        dimensions=(*DETECTOR, "tract"),
        multiple=True,
        deferLoad=True,
    )
    total = connectionTypes.Output(
        name="gathered", storageClass="StructuredDataDict", dimensions=("skymap", "tract")
    )


class GatherConfig(PipelineTaskConfig, pipelineConnections=GatherConnections):
    pass


class GatherTask(PipelineTask):
    """Notes the calibration of each exposure of a tract."""

    ConfigClass = GatherConfig
    _DefaultName = "gather"

    def runQuantum(self, butlerQC, inputRefs, outputRefs):
        found = {
            f"{handle.dataId['visit']}-{handle.dataId['detector']}": handle.get(
                component="photoCalib"
            ).calibration
            for handle in butlerQC.get(inputRefs.exposures)
        }
        butlerQC.put(Struct(total=found), outputRefs)


class CalibOnlyConnections(PipelineTaskConnections, dimensions=(*DETECTOR, "tract")):
    calib = connectionTypes.Input(
        name="jointcal_calexp.photoCalib", storageClass="PhotoCalib", dimensions=(*DETECTOR, "tract")
    )
    seen = connectionTypes.Output(
        name="calib_seen", storageClass="StructuredDataDict", dimensions=(*DETECTOR, "tract")
    )


class CalibOnlyConfig(PipelineTaskConfig, pipelineConnections=CalibOnlyConnections):
    pass


class CalibOnlyTask(PipelineTask):
    """Reads one component of a composite."""

    ConfigClass = CalibOnlyConfig
    _DefaultName = "calib_only"

    def runQuantum(self, butlerQC, inputRefs, outputRefs):
        calib = butlerQC.get(inputRefs.calib)
        butlerQC.put(Struct(seen={"calib": calib.calibration}), outputRefs)


class MakeConnections(PipelineTaskConnections, dimensions=DETECTOR):
    exposure = connectionTypes.Input(name="calexp", storageClass="ExposureF", dimensions=DETECTOR)
    made = connectionTypes.Output(name="final_calexp", storageClass="ExposureF", dimensions=DETECTOR)


class MakeConfig(PipelineTaskConfig, pipelineConnections=MakeConnections):
    calib = Field(dtype=float, default=7.0, doc="Calibration of the whole visit.")
    differ = Field(dtype=bool, default=False, doc="Whether detectors disagree on that of the visit.")
    differ_while = Field(dtype=str, default="", doc="File as long as which exists they do.")
    brighten = Field(dtype=bool, default=False, doc="Whether pixels are changed too.")


class MakeTask(PipelineTask):
    """Makes an exposure with a calibration that all detectors of a visit share."""

    ConfigClass = MakeConfig
    _DefaultName = "make"

    def runQuantum(self, butlerQC, inputRefs, outputRefs):
        exposure = butlerQC.get(inputRefs.exposure)
        detector = butlerQC.quantum.dataId["detector"]
        differ = self.config.differ or Path(self.config.differ_while).is_file()
        exposure.photoCalib = PhotoCalib(self.config.calib + detector * differ)
        if self.config.brighten:
            exposure.image[...] += 1
        butlerQC.put(Struct(made=exposure), outputRefs)


class UseConnections(PipelineTaskConnections, dimensions=DETECTOR):
    exposure = connectionTypes.Input(name="final_calexp", storageClass="ExposureF", dimensions=DETECTOR)
    used = connectionTypes.Output(name="used", storageClass="StructuredDataDict", dimensions=DETECTOR)


class UseConfig(PipelineTaskConfig, pipelineConnections=UseConnections):
    pass


class UseTask(PipelineTask):
    """Reads what `MakeTask` makes."""

    ConfigClass = UseConfig
    _DefaultName = "use"

    def runQuantum(self, butlerQC, inputRefs, outputRefs):
        exposure = butlerQC.get(inputRefs.exposure)
        butlerQC.put(Struct(used={"calib": exposure.photoCalib.calibration}), outputRefs)


class NearConnections(GatherConnections, dimensions=("skymap", "tract")):
    def adjustQuantum(self, inputs, outputs, label, data_id):
        connection, refs = inputs["exposures"]
        return {"exposures": (connection, [ref for ref in refs if ref.dataId["detector"] == 0])}, {}


class NearConfig(PipelineTaskConfig, pipelineConnections=NearConnections):
    pass


class NearTask(GatherTask):
    """Takes the exposures of detector 0 only."""

    ConfigClass = NearConfig
    _DefaultName = "near"


class VisitConnections(PipelineTaskConnections, dimensions=("instrument", "visit")):
    whole = connectionTypes.Input(
        name="visit_whole", storageClass="Composite", dimensions=("instrument", "visit")
    )
    noted = connectionTypes.Output(
        name="noted", storageClass="StructuredDataDict", dimensions=("instrument", "visit")
    )


class VisitConfig(PipelineTaskConfig, pipelineConnections=VisitConnections):
    pass


class VisitTask(PipelineTask):
    """Notes the first pixels of the exposures of a visit, and what else the composite holds."""

    ConfigClass = VisitConfig
    _DefaultName = "visits"

    def runQuantum(self, butlerQC, inputRefs, outputRefs):
        whole = butlerQC.get(inputRefs.whole)
        noted = {"pixels": [float(exposure.image[0, 0]) for exposure in whole.exposures]}
        if hasattr(whole, "first"):
            noted["first"] = float(whole.first.image[0, 0])
        butlerQC.put(Struct(noted=noted), outputRefs)


class StackConnections(PipelineTaskConnections, dimensions=("instrument", "visit")):
    exposures = connectionTypes.Input(
        name="calexp", storageClass="ExposureF", dimensions=DETECTOR, multiple=True
    )
    stack = connectionTypes.Output(name="stack", storageClass="ExposureF", dimensions=("instrument", "visit"))


class StackConfig(PipelineTaskConfig, pipelineConnections=StackConnections):
    pass


class StackTask(PipelineTask):
    """Adds the exposures of a visit up, and notes which they were."""

    ConfigClass = StackConfig
    _DefaultName = "stack"

    def runQuantum(self, butlerQC, inputRefs, outputRefs):
        stack = Exposure(sum(exposure.image for exposure in butlerQC.get(inputRefs.exposures)))
        stack.inputs = Table({"id": [str(ref.id) for ref in inputRefs.exposures]})
        butlerQC.put(Struct(stack=stack), outputRefs)


class RequireConnections(LookConnections, dimensions=(*DETECTOR, "tract")):
    exposure = connectionTypes.PrerequisiteInput(
        name="jointcal_calexp", storageClass="ExposureF", dimensions=(*DETECTOR, "tract")
    )
    there = connectionTypes.Input(name="calexp", storageClass="ExposureF", dimensions=DETECTOR)


class RequireConfig(LookConfig, pipelineConnections=RequireConnections):
    pass


class RequireTask(LookTask):
    """Takes the composite as a prerequisite."""

    ConfigClass = RequireConfig
    _DefaultName = "require"


def find_none(datasetType, registry, dataId, collections):
    return []


class RequireFoundConnections(RequireConnections, dimensions=(*DETECTOR, "tract")):
    exposure = connectionTypes.PrerequisiteInput(
        name="jointcal_calexp",
        storageClass="ExposureF",
        dimensions=(*DETECTOR, "tract"),
        lookupFunction=find_none,
    )


class RequireFoundConfig(LookConfig, pipelineConnections=RequireFoundConnections):
    pass


class RequireFoundTask(LookTask):
    """Would find the composite with a function of its own."""

    ConfigClass = RequireFoundConfig
    _DefaultName = "require_found"


class RequireMoreConnections(PipelineTaskConnections, dimensions=DETECTOR):
    exposure = connectionTypes.PrerequisiteInput(
        name="jointcal_calexp", storageClass="ExposureF", dimensions=(*DETECTOR, "tract"), multiple=True
    )
    seen = connectionTypes.Output(name="seen", storageClass="StructuredDataDict", dimensions=DETECTOR)


class RequireMoreConfig(PipelineTaskConfig, pipelineConnections=RequireMoreConnections):
    pass


class RequireMoreTask(PipelineTask):
    """Would take the composites of all tracts as prerequisites."""

    ConfigClass = RequireMoreConfig
    _DefaultName = "require_more"

    def runQuantum(self, butlerQC, inputRefs, outputRefs):
        raise NotImplementedError


class BeginConnections(PipelineTaskConnections, dimensions=DETECTOR):
    begin = connectionTypes.InitInput(name="begin_whole", storageClass="Composite")
    seen = connectionTypes.Output(name="seen", storageClass="StructuredDataDict", dimensions=DETECTOR)


class BeginConfig(PipelineTaskConfig, pipelineConnections=BeginConnections):
    pass


class BeginTask(PipelineTask):
    """Would be constructed with a composite."""

    ConfigClass = BeginConfig
    _DefaultName = "begin"

    def runQuantum(self, butlerQC, inputRefs, outputRefs):
        raise NotImplementedError


class NestConnections(PipelineTaskConnections, dimensions=DETECTOR):
    exposure = connectionTypes.Input(name="calexp", storageClass="ExposureF", dimensions=DETECTOR)
    made = connectionTypes.Output(name="annotated", storageClass="Composite", dimensions=DETECTOR)


class NestConfig(PipelineTaskConfig, pipelineConnections=NestConnections):
    brighten = Field(dtype=bool, default=False, doc="Whether pixels are changed too.")


class NestTask(PipelineTask):
    """Makes a composite of which one part is a composite."""

    ConfigClass = NestConfig
    _DefaultName = "nest"

    def runQuantum(self, butlerQC, inputRefs, outputRefs):
        exposure = butlerQC.get(inputRefs.exposure)
        exposure.photoCalib = PhotoCalib(7.0)
        if self.config.brighten:
            exposure.image[...] += 1
        note = {"detector": butlerQC.quantum.dataId["detector"]}
        butlerQC.put(Struct(made=SimpleNamespace(exposure=exposure, note=note)), outputRefs)
