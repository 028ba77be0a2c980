"""A small task with every kind of connection, refs for it, and a butler in memory."""

from types import SimpleNamespace

import pytest
from lsst.pex.config import Field

import pipetask as pt
from pipetask import connectionTypes as ct

UNIVERSE = pt.DimensionUniverse.default()
DETECTOR = ("visit", "detector")


class FocalPlaneConnections(
    pt.PipelineTaskConnections, dimensions=("visit",), defaultTemplates={"outputName": "customAperture"}
):
    inputSchema = ct.InitInput("src_schema", "SourceCatalog")
    outputSchema = ct.InitOutput("{outputName}_schema", "SourceCatalog")
    areaMasks = ct.PrerequisiteInput(
        "ApAreaMask", "Mask", multiple=True, dimensions=DETECTOR, deferLoad=True, minimum=0
    )
    camera = ct.PrerequisiteInput(
        "camera", "StructuredDataDict", dimensions=("instrument",), isCalibration=True
    )
    exposures = ct.Input("calexp", "ExposureF", multiple=True, dimensions=DETECTOR, deferLoad=True)
    inputCatalogs = ct.Input("src", "SourceCatalog", multiple=True, dimensions=DETECTOR)
    backgrounds = ct.Input("calexpBackground", "Background", multiple=True, dimensions=DETECTOR)
    outputCatalog = ct.Output("{outputName}", "SourceCatalog", dimensions=("visit",))
    masks = ct.Output("{outputName}_mask", "Mask", multiple=True, dimensions=DETECTOR)

    def __init__(self, *, config=None):
        super().__init__(config=config)
        if config is not None and not config.doLocalBackground:
            self.inputs.remove("backgrounds")


class FocalPlaneConfig(pt.PipelineTaskConfig, pipelineConnections=FocalPlaneConnections):
    apRad = Field(doc="Radius of aperture [pixel]", dtype=int, default=4)
    doLocalBackground = Field(doc="Whether to subtract the local background", dtype=bool, default=False)


class FocalPlaneTask(pt.PipelineTask):
    ConfigClass = FocalPlaneConfig
    _DefaultName = "focalPlane"

    def __init__(self, config, *args, **kwargs):
        super().__init__(config, *args, **kwargs)
        self.inputSchema = (kwargs.get("initInputs") or {}).get("inputSchema")
        self.outputSchema = ["id", "flux"]

    def run(self, exposures, inputCatalogs, areaMasks, camera, backgrounds=None):
        return pt.Struct(outputCatalog=[camera, *inputCatalogs], masks=[m.get() for m in areaMasks])


class MemoryButler:
    """What a task needs of a limited butler, over a dictionary of objects by dataset id."""

    def __init__(self):
        self.stored = {}
        self.asked = []

    def get(self, ref):
        self.asked.append(ref)
        return self.stored[ref.id]

    def getDeferred(self, ref):
        return SimpleNamespace(ref=ref, dataId=ref.dataId, get=lambda: self.stored[ref.id])

    def put(self, obj, ref):
        self.stored[ref.id] = obj


def make_refs(name, storage_class, dimensions, *data_ids, run="run"):
    dataset_type = pt.DatasetType(name, dimensions, storage_class, universe=UNIVERSE)
    return [
        pt.DatasetRef(dataset_type, pt.DataCoordinate.standardize(d, dimensions=dataset_type.dimensions), run)
        for d in data_ids
    ]


def detectors(name, storage_class, *numbers):
    return make_refs(
        name, storage_class, DETECTOR, *({"instrument": "Cam", "visit": 7, "detector": n} for n in numbers)
    )


@pytest.fixture
def task_api():
    """The sample task's classes."""
    return SimpleNamespace(
        connections=FocalPlaneConnections, config=FocalPlaneConfig, task=FocalPlaneTask, universe=UNIVERSE
    )


@pytest.fixture
def refs():
    """Maker of refs: ``refs(name, storage_class, dimensions, *data_ids)``."""
    return make_refs


@pytest.fixture
def detector_refs():
    """Maker of refs of visit 7: ``detector_refs(name, storage_class, *detectors)``."""
    return detectors


@pytest.fixture
def memory_butler():
    return MemoryButler()


@pytest.fixture
def focal_plane():
    """Connections and a quantum of visit 7 with detectors 0, 1 and 2 in no order."""
    connections = FocalPlaneConnections(config=FocalPlaneConfig())
    visit = {"instrument": "Cam", "visit": 7}
    quantum = pt.Quantum(
        label="phot",
        task_class_name="FocalPlaneTask",
        dataId=pt.DataCoordinate.standardize(visit, universe=UNIVERSE),
        inputs={
            "exposures": detectors("calexp", "ExposureF", 2, 0, 1),
            "inputCatalogs": detectors("src", "SourceCatalog", 1, 2, 0),
            "areaMasks": detectors("ApAreaMask", "Mask", 2, 0),
            "camera": make_refs("camera", "StructuredDataDict", ("instrument",), {"instrument": "Cam"}),
        },
        outputs={
            "outputCatalog": make_refs("customAperture", "SourceCatalog", ("visit",), visit),
            "masks": detectors("customAperture_mask", "Mask", 1, 0),
        },
    )
    return SimpleNamespace(connections=connections, quantum=quantum)
