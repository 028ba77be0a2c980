"""Tasks for pipelines in tests; conftest.py makes this module importable as ``sample_tasks``."""

from dataclasses import replace

from lsst.pex.config import ChoiceField, ConfigurableField, DictField, Field, ListField, RangeField

import pipetask as pt
from pipetask import connectionTypes as ct

DETECTOR = ("instrument", "visit", "detector")


class IsrConnections(pt.PipelineTaskConnections, dimensions=DETECTOR):
    raw = ct.Input("raw", "Exposure", dimensions=("instrument", "exposure", "detector"))
    bias = ct.PrerequisiteInput(
        "bias", "ExposureF", dimensions=("instrument", "detector"), isCalibration=True
    )
    postIsr = ct.Output("postISR", "ExposureF", dimensions=DETECTOR)


class IsrConfig(pt.PipelineTaskConfig, pipelineConnections=IsrConnections):
    doBias = Field(doc="Whether to subtract the bias", dtype=bool, default=True)


class IsrTask(pt.PipelineTask):
    """Removes what the detector added."""

    ConfigClass = IsrConfig
    _DefaultName = "isr"

    def run(self, raw, bias):
        return pt.Struct(postIsr=raw)


class MeasureSubConfig(pt.Config):
    radius = Field(doc="Radius [pixel]", dtype=float, default=3.0)


class MeasureSub(pt.Task):
    ConfigClass = MeasureSubConfig


class CalibrateConnections(
    pt.PipelineTaskConnections, dimensions=DETECTOR, defaultTemplates={"outputName": "src"}
):
    exposure = ct.Input("postISR", "ExposureF", dimensions=DETECTOR)
    schema = ct.InitOutput("{outputName}_schema", "SourceCatalog")
    calexp = ct.Output("calexp", "ExposureF", dimensions=DETECTOR)
    catalog = ct.Output("{outputName}", "SourceCatalog", dimensions=DETECTOR)


class CalibrateConfig(pt.PipelineTaskConfig, pipelineConnections=CalibrateConnections):
    apRad = Field(doc="Radius of aperture", dtype=int, default=4)
    threshold = RangeField(doc="Detection threshold", dtype=float, default=5.0, min=0.0)
    mode = ChoiceField(doc="Mode", dtype=str, default="fast", allowed={"fast": "quick", "good": "slow"})
    planes = ListField(doc="Mask planes", dtype=str, default=["SAT"])
    radii = ListField(doc="More radii", dtype=float, default=[3.0])
    limits = DictField(doc="Limits", keytype=str, itemtype=float, default={})
    note = Field(doc="A note", dtype=str, optional=True, default="none yet")
    measure = ConfigurableField(doc="Measurement", target=MeasureSub)


class CalibrateTask(pt.PipelineTask):
    ConfigClass = CalibrateConfig
    _DefaultName = "calibrate"

    def run(self, exposure):
        return pt.Struct(calexp=exposure, catalog=None)


class FocalPlaneConnections(pt.PipelineTaskConnections, dimensions=("instrument", "visit")):
    schema = ct.InitInput("src_schema", "SourceCatalog")
    wcs = ct.Input("calexp.wcs", "Wcs", dimensions=DETECTOR, multiple=True)
    catalogs = ct.Input("src", "SourceCatalog", dimensions=DETECTOR, multiple=True, deferLoad=True, minimum=2)
    table = ct.Output("visitTable", "ArrowAstropy", dimensions=("instrument", "visit"))

    def __init__(self, *, config=None):
        super().__init__(config=config)
        if config.wide:
            self.catalogs = replace(self.catalogs, dimensions=("instrument", "visit"))


class FocalPlaneConfig(pt.PipelineTaskConfig, pipelineConnections=FocalPlaneConnections):
    wide = Field(doc="Whether there is one catalog per visit", dtype=bool, default=False)


class FocalPlaneTask(pt.PipelineTask):
    ConfigClass = FocalPlaneConfig

    def run(self, wcs, catalogs):
        return pt.Struct(table=None)


class CopyConnections(pt.PipelineTaskConnections, dimensions=DETECTOR):
    """Reads one dataset type and writes another, both nameable by configuration."""

    source = ct.Input("a", "ExposureF", dimensions=DETECTOR)
    target = ct.Output("b", "ExposureF", dimensions=DETECTOR)

    def __init__(self, *, config=None):
        super().__init__(config=config)
        if config.prerequisite:
            self.source = ct.PrerequisiteInput(self.source.name, "ExposureF", dimensions=DETECTOR)
        if config.storageClass:
            self.source = replace(self.source, storageClass=config.storageClass)
        if config.source_dimensions:
            self.source = replace(self.source, dimensions=config.source_dimensions.split(", "))
        if config.extra_dimension:
            self.dimensions.add(config.extra_dimension)


class CopyConfig(pt.PipelineTaskConfig, pipelineConnections=CopyConnections):
    prerequisite = Field(doc="Whether the source is a prerequisite", dtype=bool, default=False)
    storageClass = Field(doc="Storage class of the source", dtype=str, default="")
    source_dimensions = Field(doc="Dimensions of the source", dtype=str, default="")
    extra_dimension = Field(doc="One more dimension of the task", dtype=str, default="")


class CopyTask(pt.PipelineTask):
    ConfigClass = CopyConfig

    def run(self, source):
        return pt.Struct(target=source)


class BrokenConnections(pt.PipelineTaskConnections, dimensions=DETECTOR):
    def __init__(self, *, config=None):
        super().__init__(config=config)
        config.nothing  # noqa: B018


class BrokenConfig(pt.PipelineTaskConfig, pipelineConnections=BrokenConnections):
    strict = Field(doc="Whether it can't be valid", dtype=bool, default=False)
    picky = Field(
        doc="No value will do", dtype=int, default=None, optional=True, check=lambda value: value / 0
    )

    def validate(self):
        super().validate()
        if self.strict:
            raise KeyError("strict")


class BrokenTask(pt.PipelineTask):
    """Its connections fail, and its configuration does where that is wanted."""

    ConfigClass = BrokenConfig

    def run(self):
        return pt.Struct()


class BrokenDefaultsConfig(pt.PipelineTaskConfig, pipelineConnections=CopyConnections):
    def setDefaults(self):
        self.no_such_field = 1


class BrokenDefaultsTask(pt.PipelineTask):
    ConfigClass = BrokenDefaultsConfig

    def run(self):
        return pt.Struct()


class WrongRunTask(pt.PipelineTask):
    """Reads ``source``, which its run calls otherwise."""

    ConfigClass = CopyConfig

    def run(self, sorce):
        return pt.Struct()


class NoConfigTask(pt.PipelineTask):
    def run(self):
        return None


class PlainClass:
    pass
