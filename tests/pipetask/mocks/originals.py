"""Tasks that must not run: with init datasets, components, metadata of others, adjusted quanta."""

import pipetask as pt
from pipetask import connectionTypes as ct

DETECTOR = ("instrument", "detector")


class CleanConnections(pt.PipelineTaskConnections, dimensions=DETECTOR):
    columns = ct.InitOutput("columns", "StructuredDataDict")
    raw = ct.Input("raw", "ExposureF", dimensions=DETECTOR)
    clean = ct.Output("clean", "ExposureF", dimensions=DETECTOR)


class CleanConfig(pt.PipelineTaskConfig, pipelineConnections=CleanConnections):
    pass


class CleanTask(pt.PipelineTask):
    ConfigClass = CleanConfig

    def __init__(self, config=None, **kwargs):
        super().__init__(config, **kwargs)
        self.columns = {"flux": "f8"}

    def run(self, raw):
        raise AssertionError("a mock was to run")


class MosaicConnections(pt.PipelineTaskConnections, dimensions=("instrument",)):
    columns = ct.InitInput("columns", "StructuredDataDict")
    images = ct.Input("clean", "ExposureF", dimensions=DETECTOR, multiple=True, deferLoad=True)
    boxes = ct.Input("clean.bbox", "Box", dimensions=DETECTOR, multiple=True)
    facts = ct.Input("clean_metadata", "TaskMetadata", dimensions=DETECTOR, multiple=True)
    raws = ct.Input("raw", "ExposureF", dimensions=DETECTOR, multiple=True)
    layout = ct.PrerequisiteInput("layout", "StructuredDataDict", dimensions=("instrument",))
    mosaic = ct.Output("mosaic", "ExposureF", dimensions=("instrument",))

    def adjustQuantum(self, refs):
        kept = [ref.dataId for ref in refs.images if ref.dataId["detector"] != 0]
        for name, found in refs:
            if name != "layout":
                setattr(refs, name, [ref for ref in found if ref.dataId in kept])
        return refs


class SkyConnections(pt.PipelineTaskConnections, dimensions=("instrument", "visit")):
    images = ct.Input("calexp", "ExposureF", dimensions=("visit", "detector"), multiple=True)
    stars = ct.PrerequisiteInput("stars", "SourceCatalog", dimensions=("htm7",), multiple=True)
    out = ct.Output("zero_points", "StructuredDataDict", dimensions=("visit",))

    def getSpatialBoundsConnections(self):
        return ("images",)

    def getTemporalBoundsConnections(self):
        return ("images",)


class SkyConfig(pt.PipelineTaskConfig, pipelineConnections=SkyConnections):
    pass


class SkyTask(pt.PipelineTask):
    ConfigClass = SkyConfig

    def run(self, images, stars):
        raise AssertionError("a mock was to run")


class MosaicConfig(pt.PipelineTaskConfig, pipelineConnections=MosaicConnections):
    pass


class MosaicTask(pt.PipelineTask):
    ConfigClass = MosaicConfig

    def __init__(self, config=None, *, initInputs=None, **kwargs):
        raise AssertionError("a mock was to be made")

    def run(self, images, boxes, facts, raws, layout):
        raise AssertionError("a mock was to run")
