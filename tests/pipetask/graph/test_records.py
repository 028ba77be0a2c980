"""Dimension records of the data IDs of quanta, built or read from a file, without a registry."""

import pickle

import pytest

from pipetask.butler import DataCoordinate, DataIdError, Timespan
from pipetask.graph.archive import BATCH_ROWS
from pipetask.graph.builder import QuantumGraphBuilder
from pipetask.graph.quantum_graph import QuantumGraph

SENSOR, VISIT, WARP = ("exposure", "detector"), ("visit", "detector"), ("visit", "tract", "patch")


@pytest.fixture(params=["built", "loaded"])
def make(request, sky, task, tmp_path):
    """Build a graph; if it is to come from a file, the registry is closed."""
    many = {"multiple": True}
    pipeline = sky.pipeline(
        isr=task(SENSOR, raw=("in", "raw", SENSOR), post=("out", "post", SENSOR)),
        calibrate=task(VISIT, posts=("in", "post", SENSOR, many), src=("out", "src", VISIT)),
        warp=task(WARP, srcs=("in", "src", VISIT, many), warp=("out", "warp", WARP)),
    )

    def make(**options):
        graph = QuantumGraphBuilder(
            pipeline, sky.butler, input_collections=["raws"], output_run="out", **options
        ).build()
        if request.param == "built":
            return graph
        graph.save(tmp_path / "x.qg")
        sky.registry.close()
        return QuantumGraph.load(tmp_path / "x.qg")

    return make


@pytest.fixture
def graph(make):
    return make()


def test_data_ids_of_quanta_have_the_records_of_their_dimensions(graph):
    quanta = {(q.dataId["visit"], q.dataId["detector"]): q.dataId for q in graph.quanta("calibrate")}
    data_id = quanta[2, 1]
    assert data_id.hasRecords()
    assert data_id.records["visit"].name == "2"
    assert data_id.records["detector"].full_name == "b"
    assert data_id.records["physical_filter"].band == "r"
    assert data_id.records["visit"].dataId == data_id.subset(["visit"])
    assert "tract" not in data_id.records


def test_data_ids_tell_their_time_and_their_part_of_the_sky(graph, square):
    data_id = {(q.dataId["visit"], q.dataId["detector"]): q.dataId for q in graph.quanta("calibrate")}[2, 1]
    assert data_id.timespan == Timespan.from_ns(200, 210)
    assert data_id.region.encode() == square((2.2, 2.7))
    assert next(graph.quanta("isr")).dataId.timespan == Timespan.from_ns(100, 110)
    assert next(graph.quanta("isr")).dataId.region is None


def test_the_region_of_a_visit_on_a_patch_is_in_both(graph):
    from lsst.sphgeom import LonLat, UnitVector3d

    def at(degrees):
        return UnitVector3d(LonLat.fromDegrees(degrees, 0.5))

    quantum = next(q for q in graph.quanta("warp") if q.dataId["visit"] == 2 and q.dataId["patch"] == 1)
    (ref,) = quantum.inputs["srcs"]
    assert ref.dataId.records["visit_detector_region"].region.contains(at(2.5))
    patch = quantum.dataId.records["patch"]
    assert (patch.cell_x, patch.region.contains(at(2.5)), patch.region.contains(at(1.5))) == (1, True, False)


def test_data_ids_of_refs_have_records_too(graph):
    ref = next(graph.quanta("isr")).inputs["raw"][0]
    assert ref.dataId.records["exposure"].obs_id == "1"
    assert ref.dataId.records["instrument"].visit_max == 100


def test_records_survive_pickling(graph):
    data_id = pickle.loads(pickle.dumps(next(graph.quanta("isr")).dataId))
    assert data_id.records["exposure"].obs_id == "1"


def test_records_are_those_that_the_graph_can_want(make):
    graph = make(where="instrument = 'Cam' AND visit = 2")
    assert len(graph.records["visit"].source.keys()) == 1
    assert graph.records["visit_detector_region"].source.table().num_rows == 2
    assert next(graph.quanta("calibrate")).dataId.records["visit"].id == 2


def test_a_data_id_without_records_says_so(graph):
    plain = DataCoordinate.standardize(
        instrument="Cam", exposure=1, detector=0, universe=graph.header.universe
    )
    with pytest.raises(DataIdError, match="without a record of exposure"):
        _ = plain.timespan


def test_rows_far_down_a_file_are_found(repository, task, tmp_path):
    n = BATCH_ROWS + 10
    repository.records("instrument", instrument=["Cam"], exposure_max=[n], visit_max=[n], detector_max=[n])
    repository.records(
        "detector", instrument=["Cam"] * n, detector=range(n), full_name=[f"D{i}" for i in range(n)]
    )
    repository.datasets("number", ("detector",), "in", instrument=["Cam"] * n, detector=range(n))
    count = task(("detector",), number=("in", "number", ("detector",)), out=("out", "double", ("detector",)))
    graph = QuantumGraphBuilder(
        repository.pipeline(count=count), repository.butler, input_collections=["in"], output_run="out"
    ).build()
    graph.save(tmp_path / "x.qg")
    loaded = QuantumGraph.load(tmp_path / "x.qg")
    for i in (0, BATCH_ROWS - 1, BATCH_ROWS, n - 1):
        assert loaded.quantum(i).dataId.records["detector"].full_name == f"D{i}"


def test_a_part_of_a_graph_has_the_records_of_its_data_ids_alone(graph, tmp_path):
    part = graph.select(tasks=["calibrate"], data_id={"visit": 2, "detector": 1})
    (quantum,) = part.quanta("calibrate")
    assert quantum.dataId.records["visit"].name == "2"
    assert quantum.dataId.region == next(
        q.dataId.region for q in graph.quanta("calibrate") if q.dataId == quantum.dataId
    )
    assert (part.values["visit"], part.values["detector"]) == ([2], [1])
    assert {name: len(table.source.keys()) for name, table in part.records.items()} == {
        "instrument": 1, "physical_filter": 1, "detector": 1, "day_obs": 1, "group": 1, "exposure": 1,
        "visit": 1, "visit_detector_region": 1,
    }  # fmt: skip
    part.save(tmp_path / "part.qg")
    (loaded,) = QuantumGraph.load(tmp_path / "part.qg").quanta("calibrate")
    assert loaded == quantum
    assert loaded.dataId.records["physical_filter"].band == "r"
    assert loaded.dataId.region == quantum.dataId.region


def test_an_empty_part_of_a_graph_has_no_records(graph):
    assert graph.select(tasks=[]).records.keys() <= {"instrument", "skymap"}
