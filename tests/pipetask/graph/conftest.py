"""Small repositories without files, and tasks made from tables of connections."""

import sys
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest

from pipetask.butler import DataCoordinate, DatasetType, Registry, StorageClasses, Timespan
from pipetask.pipeline.pipeline_graph import PipelineGraph
from pipetask.task.config import PipelineTaskConfig
from pipetask.task.connection_types import InitInput, InitOutput, Input, Output, PrerequisiteInput
from pipetask.task.connections import PipelineTaskConnections
from pipetask.task.pipeline_task import PipelineTask

# `little_world` is imported by name.
sys.path.insert(0, str(Path(__file__).parent))

KINDS = {"in": Input, "pre": PrerequisiteInput, "out": Output, "init_in": InitInput, "init_out": InitOutput}


def _task(dimensions, adjust=None, hooks=(), **connections):
    """Make a task class; each connection is (kind, dataset type, dimensions, further arguments)."""
    body = {}
    for name, (kind, dataset_type, dims, *rest) in connections.items():
        arguments = {"storageClass": "StructuredDataDict", **(rest[0] if rest else {})}
        if not kind.startswith("init"):
            arguments["dimensions"] = dims
        body[name] = KINDS[kind](name=dataset_type, **arguments)
    if adjust is not None:
        body["adjustQuantum"] = adjust
    body |= dict(hooks)
    meta = type(PipelineTaskConnections)
    made = meta("SomeConnections", (PipelineTaskConnections,), body, dimensions=dimensions)
    config = type(PipelineTaskConfig)(
        "SomeConfig", (PipelineTaskConfig,), {"__module__": __name__}, pipelineConnections=made
    )

    class SomeTask(PipelineTask):
        ConfigClass = config

        def runQuantum(self, butlerQC, inputRefs, outputRefs):
            pass

    return SomeTask


@pytest.fixture(scope="session")
def task():
    """Make task classes from tables of connections."""
    return _task


class Repository:
    """A registry, and short ways to fill it."""

    def __init__(self, registry):
        self.registry = registry
        self.universe = self.registry.universe

    def records(self, element, **columns):
        self.registry.insert_dimension_records(element, columns)

    def datasets(
        self, name, dimensions, run, *, isCalibration=False, storage_class="StructuredDataDict", **columns
    ):
        """Register datasets; values of dimensions as columns of equal length."""
        kind = DatasetType(
            name, dimensions, storage_class, universe=self.universe, isCalibration=isCalibration
        )
        self.registry.register_dataset_type(kind)
        self.registry.collections.register(run)
        n = len(next(iter(columns.values()), [0]))
        return self.registry.insert_datasets(name, run, columns or [self._empty()] * n)

    def _empty(self):
        return DataCoordinate.make_empty(self.universe)

    def certify(self, collection, ids, begin, end):
        self.registry.collections.register(collection, "CALIBRATION")
        refs = self.registry.get_datasets([UUID(bytes=row.tobytes()) for row in ids])
        self.registry.collections.certify(collection, refs, Timespan.from_ns(begin, end))

    def pipeline(self, **tasks):
        configured = {}
        for label, cls in tasks.items():
            config = cls.ConfigClass()
            config.freeze()
            configured[label] = (cls, config)
        registered = {kind.name: kind for kind in self.registry.query_dataset_types()}
        return PipelineGraph.build(configured, self.universe, registered, StorageClasses())

    @property
    def butler(self):
        return SimpleNamespace(registry=self.registry, dimensions=self.universe)


@pytest.fixture(scope="session")
def repository_at():
    """Make a repository in a folder."""
    return lambda folder: Repository(Registry.create(f"sqlite:///{folder}/registry.sqlite3"))


@pytest.fixture(scope="session")
def repository_on():
    """Make a repository on a registry."""
    return Repository


@pytest.fixture
def repository_on_each(new_registry):
    """A repository on each kind of database, for modules whose tests are to run on both."""
    repo = Repository(new_registry())
    yield repo
    repo.registry.close()


@pytest.fixture
def repository(tmp_path, repository_at):
    repo = repository_at(tmp_path)
    yield repo
    repo.registry.close()


def _square(lon, lat=(0, 1)):
    """Make the region of a rectangle near the equator, from ranges of degrees."""
    from lsst.sphgeom import ConvexPolygon, LonLat, UnitVector3d

    corners = [(lon[0], lat[0]), (lon[1], lat[0]), (lon[1], lat[1]), (lon[0], lat[1])]
    return ConvexPolygon([UnitVector3d(LonLat.fromDegrees(*corner)) for corner in corners]).encode()


@pytest.fixture(scope="session")
def square():
    """Make encoded regions from ranges of longitude and latitude [deg]."""
    return _square


@pytest.fixture
def observed(repository):
    """Two visits of two detectors through two filters, with raws, biases and a sky map of two patches."""
    camera = {"instrument": ["Cam"]}
    two = {"instrument": ["Cam", "Cam"]}
    repository.records("instrument", **camera, detector_max=[2], exposure_max=[100], visit_max=[100])
    repository.records("physical_filter", **two, physical_filter=["g1", "r1"], band=["g", "r"])
    repository.records("detector", **two, detector=[0, 1], full_name=["a", "b"])
    repository.records("day_obs", **camera, day_obs=[20260101])
    repository.records("group", **two, group=["x", "y"])
    times = {"timespan_begin": [100, 200], "timespan_end": [110, 210]}
    filters = {"physical_filter": ["g1", "r1"], "day_obs": [20260101] * 2}
    repository.records(
        "exposure", **two, exposure=[1, 2], obs_id=["1", "2"], group=["x", "y"], **filters, **times
    )
    repository.records("visit", **two, visit=[1, 2], name=["1", "2"], **filters, **times)
    repository.records("visit_definition", **two, exposure=[1, 2], visit=[1, 2])
    every = {
        "instrument": ["Cam"] * 4,
        "exposure": [1, 1, 2, 2],
        "detector": [0, 1, 0, 1],
    }
    repository.datasets("raw", ("exposure", "detector"), "raws", **every)
    return repository


@pytest.fixture
def sky(observed, square):
    """The same with regions: visit 1 lies on patch 0, visit 2 on both patches."""
    observed.records(
        "skymap", skymap=["map"], hash=[b"1" * 20], tract_max=[1], patch_nx_max=[2], patch_ny_max=[1]
    )
    observed.records("tract", skymap=["map"], tract=[0], region=[square((0, 4))])
    observed.records(
        "patch",
        skymap=["map"] * 2,
        tract=[0, 0],
        patch=[0, 1],
        cell_x=[0, 1],
        cell_y=[0, 0],
        region=[square((0, 2)), square((2, 4))],
    )
    observed.records(
        "visit_detector_region",
        instrument=["Cam"] * 4,
        visit=[1, 1, 2, 2],
        detector=[0, 1, 0, 1],
        region=[square((0.1, 0.6)), square((0.8, 1.3)), square((1.1, 1.6)), square((2.2, 2.7))],
    )
    return observed


@pytest.fixture
def decoded():
    """Tell the data IDs of a task of a graph as a list of tuples of required values."""

    def decode(graph, label):
        return [quantum.dataId.values_tuple for quantum in graph.quanta(label)]

    return decode
