"""Composites that are there before a graph: as prerequisites, put as a whole, with parts that are calibrations."""

import pytest
from composite_repo import DETECTOR, DETECTORS, TRACTS, VISITS

from pipetask.butler import Butler, PhotoCalib, Timespan
from pipetask.errors import AmbiguousPartError, MissingPrerequisiteError, PipelineGraphError
from pipetask.graph.quantum_graph import QuantumGraph

CAM = {"instrument": "Cam"}
ALL = [(v, d, t) for v in VISITS for d in DETECTORS for t in TRACTS]


def tasks(**classes):
    entries = ", ".join(f"{label}: composite_tasks.{name}" for label, name in classes.items())
    return f"{{description: d, tasks: {{{entries}}}}}"


def data_id(v, d, t):
    return {**CAM, "visit": v, "detector": d, "skymap": "map", "tract": t}


@pytest.fixture
def lite(composites_lite):
    composites_lite.register("jointcal_calib", (*DETECTOR, "tract"), "PhotoCalib")
    return composites_lite


@pytest.fixture
def fitted(lite):
    """Calibrations of all tracts are in run ``fits``: that of visit v, detector d, tract t is 100 v + 10 d + t."""
    lite.butler.collections.register("fits")
    with lite.butler.transaction():
        for v, d, t in ALL:
            lite.butler.put(
                PhotoCalib(100.0 * v + 10 * d + t), "jointcal_calib", data_id(v, d, t), run="fits"
            )
    return lite


# Prerequisites


@pytest.mark.parametrize("processes", [1, 2])
def test_a_composite_may_be_a_prerequisite(fitted, processes):
    graph = fitted.builder(tasks(require="RequireTask"), inputs=("fits", "data")).build()
    assert graph.n_quanta == 8
    fitted.run(graph, processes)
    for v, d, t in ALL:
        seen = fitted.butler.get("seen", data_id(v, d, t), collections="out")
        assert seen == {"calib": 100 * v + 10 * d + t, "pixel": 10 * v + d}


def test_a_quantum_without_its_prerequisite_stops_the_build_with_the_part_that_is_missing(fitted):
    gone = fitted.butler.query_datasets("jointcal_calib", "fits", visit=2, detector=1)
    fitted.butler.pruneDatasets(gone, purge=True, unstore=True)
    builder = fitted.builder(tasks(require="RequireTask"), inputs=("fits", "data"))
    message = r"'require' needs its prerequisite 'jointcal_calexp'.*and 1 more.*'photoCalib'.*fits, data"
    with pytest.raises(MissingPrerequisiteError, match=message):
        builder.build()
    why = fitted.builder(tasks(require="RequireTask"), inputs=("fits", "data")).why(
        "require", data_id(2, 1, 0)
    )
    assert "'photoCalib'" in str(why.reasons)


@pytest.mark.parametrize(
    ("names", "error"),
    [
        (
            {"fit": "FitTask", "require": "RequireTask"},
            "belongs to a prerequisite, so it must exist .* task 'fit' .* makes it: declare an Input, or run",
        ),
        ({"require": "RequireFoundTask"}, "has a lookupFunction, and 'jointcal_calexp' is a composite"),
        (
            {"require": "RequireMoreTask"},
            "has the data ID of the quantum, and 'jointcal_calexp' has skymap, tract besides: declare it as",
        ),
    ],
)
def test_what_a_prerequisite_can_not_be_is_refused_with_the_way_out(lite, names, error):
    with pytest.raises(PipelineGraphError, match=error):
        lite.builder(tasks(**names))


def test_a_composite_as_init_input_is_refused_with_the_reason(lite, tmp_path):
    lite.register("schema", (), "SourceCatalog")
    lite.define(
        "composites: {begin_whole: {python: types.SimpleNamespace, components: {table: schema}}}", tmp_path
    )
    error = "'begin_whole' is a composite, which can't be an init-input: a task is constructed with datasets"
    with pytest.raises(PipelineGraphError, match=error):
        lite.builder(tasks(begin="BeginTask"))


# Parts that are calibrations

WITH_CALIBRATION = """
composites:
  visit_whole:
    python: types.SimpleNamespace
    dimensions: [visit]
    components:
      exposures: {datasetType: calexp, subset: true}
      zero: zero_point
"""


def test_a_part_that_is_a_calibration_is_the_one_valid_for_the_composite(lite, tmp_path):
    lite.register("zero_point", ["instrument"], "PhotoCalib", is_calibration=True)
    lite.butler.collections.register("calib", "CALIBRATION")
    for v in VISITS:
        run = f"zero{v}"
        lite.butler.collections.register(run)
        ref = lite.butler.put(PhotoCalib(float(v)), "zero_point", CAM, run=run)
        lite.butler.collections.certify("calib", [ref], Timespan.from_ns(10 * v, 10 * v + 5))
    lite.define(WITH_CALIBRATION, tmp_path)
    where = ("calib", "data")
    for v in VISITS:
        assert lite.butler.get("visit_whole", CAM, visit=v, collections=where).zero.calibration == v
    assert len(lite.butler.query_datasets("visit_whole", where)) == 2
    graph = lite.builder(tasks(visits="VisitTask"), where="", inputs=where).build()
    for quantum in graph.quanta("visits"):
        (whole,) = quantum.inputs["whole"]
        assert whole.parts["zero"].run == f"zero{quantum.dataId['visit']}"


# Composites that were put


def put_whole(repo, v, d, run, value):
    """Put the composite of a visit and detector with a calibration of its own, made from run ``data``."""
    with Butler.from_config(repo.butler.root, run=run, collections=[run, "data"]) as butler:
        where = {**CAM, "visit": v, "detector": d}
        exposure = butler.get("calexp", where)
        exposure.photoCalib = PhotoCalib(value)
        return butler.put(exposure, "final_calexp", where)


def parts_given(repo, inputs):
    """Ids of the parts of the composite of each quantum."""
    graph = repo.builder(tasks(use="UseTask"), where="", inputs=inputs).build()
    return {
        frozenset(part.id for part in quantum.inputs["exposure"][0].all_parts())
        for quantum in graph.quanta("use")
    }


def parts_found(repo, inputs):
    """Ids of the parts of each composite that a search finds."""
    found = repo.butler.query_datasets("final_calexp", inputs)
    return {frozenset(part.id for part in ref.all_parts()) for ref in found}


def test_a_composite_that_was_put_is_an_input_though_its_parts_are_in_other_collections(lite, tmp_path):
    put_whole(lite, 1, 0, "put", 3.0)
    builder = lite.builder(tasks(use="UseTask"), where="", inputs=("put",))
    graph = builder.build()
    graph.save(tmp_path / "saved.qg")
    for each in (graph, QuantumGraph.load(tmp_path / "saved.qg")):
        (quantum,) = each.quanta("use")
        (ref,) = quantum.inputs["exposure"]
        assert {part.datasetType.name: part.run for part in ref.all_parts()} == {
            "calexp": "data",
            "visit_calib": "put",
        }
    lite.run(graph)
    assert lite.butler.get("used", **CAM, visit=1, detector=0, collections="out") == {"calib": 3.0}


def test_a_composite_that_was_put_precedes_one_of_newer_parts_as_in_a_search(lite):
    put_whole(lite, 1, 0, "put", 3.0)
    lite.butler.collections.register("newer")
    for v in VISITS:
        lite.butler.put(PhotoCalib(5.0), "visit_calib", CAM, visit=v, run="newer")
    inputs = ("newer", "put", "data")
    assert parts_given(lite, inputs) == parts_found(lite, inputs)
    assert len(parts_given(lite, inputs)) == 4
    lite.run(lite.builder(tasks(use="UseTask"), where="", inputs=inputs).build())
    used = {
        (v, d): lite.butler.get("used", **CAM, visit=v, detector=d, collections="out")["calib"]
        for v in VISITS
        for d in DETECTORS
    }
    assert used == {(1, 0): 3.0, (1, 1): 5.0, (2, 0): 5.0, (2, 1): 5.0}


def test_a_part_that_the_graph_makes_precedes_what_was_put(lite):
    put_whole(lite, 1, 0, "put", 3.0)
    text = tasks(make="MakeTask", use="UseTask")
    lite.run(lite.builder(text, where="", inputs=("put", "data")).build())
    assert lite.butler.get("used", **CAM, visit=1, detector=0, collections="out") == {"calib": 7.0}


VISITS_OF = """
composites:
  visit_whole:
    python: types.SimpleNamespace
    dimensions: [visit]
    components:
      exposures: {datasetType: final_calexp, subset: true}
"""


def test_composites_of_one_quantum_with_different_datasets_of_one_data_id_are_refused(lite, tmp_path):
    lite.define(VISITS_OF, tmp_path)
    put_whole(lite, 1, 0, "put", 3.0)
    put_whole(lite, 1, 1, "other", 4.0)
    text = tasks(visits="VisitTask")
    with pytest.raises(AmbiguousPartError, match=r"'visits'.*'final_calexp' with different.*'photoCalib'"):
        lite.builder(text, where="", inputs=("put", "other")).build()


def test_a_list_of_composites_that_were_put_is_an_input(lite, tmp_path):
    lite.define(VISITS_OF, tmp_path)
    for d in DETECTORS:
        put_whole(lite, 2, d, "put", 6.0)
    graph = lite.builder(tasks(visits="VisitTask"), where="", inputs=("put",)).build()
    lite.run(graph)
    assert lite.butler.get("noted", **CAM, visit=2, collections="out") == {"pixels": [20, 21]}
