"""Quantum graphs with composites: what a quantum is given is what a search in the repository finds."""

import random

import pytest
from astropy.table import Table
from click.testing import CliRunner
from composite_repo import DETECTOR, DETECTORS, TRACTS, VISITS

from pipetask.butler import Exposure, PhotoCalib
from pipetask.cli.main import pipetask
from pipetask.errors import (
    ConflictingDefinitionError,
    EmptyGraphError,
    MissingDatasetTypeError,
    MissingPartError,
    PipelineGraphError,
)

CAM = {"instrument": "Cam"}
VISITS_OF = """
composites:
  visit_whole:
    python: types.SimpleNamespace
    dimensions: [visit]
    components:
      exposures: {datasetType: calexp, subset: true%s}
"""


def tasks(*names, **classes):
    listed = {name: f"{name.title()}Task" for name in names} | classes
    entries = ", ".join(f"{label}: composite_tasks.{name}" for label, name in listed.items())
    return f"{{description: d, tasks: {{{entries}}}}}"


@pytest.fixture
def lite(composites_lite):
    return composites_lite


def remove(repo, dataset_type, **data_id):
    repo.butler.pruneDatasets(
        repo.butler.query_datasets(dataset_type, "*", **data_id), purge=True, unstore=True
    )


@pytest.mark.parametrize("seed", range(3))
def test_quanta_have_the_composites_that_a_search_finds(lite, seed):
    chosen = random.Random(seed)
    lite.register("jointcal_calib", (*DETECTOR, "tract"), "PhotoCalib")
    for v in VISITS:
        for d in DETECTORS:
            if chosen.random() < 0.3:
                remove(lite, "calexp", visit=v, detector=d)
            for t in TRACTS:
                data_id = {**CAM, "visit": v, "detector": d, "skymap": "map", "tract": t}
                if chosen.random() < 0.7:
                    lite.butler.put(PhotoCalib(1.0), "jointcal_calib", data_id, run="data")
    builder = lite.builder(tasks("look", "gather"), dataset_query_constraint="off")
    found = set()
    for v in VISITS:
        for d in DETECTORS:
            for t in TRACTS:
                data_id = {**CAM, "visit": v, "detector": d, "skymap": "map", "tract": t}
                try:
                    ref = lite.butler.find_dataset("jointcal_calexp", data_id, collections="data")
                except MissingPartError:
                    continue
                if ref is not None:
                    found.add(ref.id)
    graph = builder.build()
    assert {quantum.inputs["exposure"][0].id for quantum in graph.quanta("look")} == found
    gathered = [ref for quantum in graph.quanta("gather") for ref in quantum.inputs["exposures"]]
    assert sorted(ref.id for ref in gathered) == sorted(found)
    for quantum in graph.quanta("gather"):
        assert {ref.dataId["tract"] for ref in quantum.inputs["exposures"]} == {quantum.dataId["tract"]}


def test_a_hook_that_drops_a_composite_drops_its_parts(lite):
    graph = lite.builder(tasks("fit", "near")).build()
    for quantum in graph.quanta("near"):
        assert [ref.dataId["detector"] for ref in quantum.inputs["exposures"]] == [0, 0]
    for part, n in (("calexp", 2), ("photoCalib", 2)):
        assert graph.edges["near", f"exposures/{part}"].indptr.tolist() == [0, n, 2 * n]


def test_a_part_that_is_a_list_has_all_that_fit(lite, tmp_path):
    lite.define(VISITS_OF % "", tmp_path)
    remove(lite, "calexp", visit=2, detector=0)
    graph = lite.builder(tasks(visits="VisitTask"), where="").build()
    lite.run(graph)
    assert lite.butler.get("noted", **CAM, visit=1, collections="out") == {"pixels": [10, 11]}
    assert lite.butler.get("noted", **CAM, visit=2, collections="out") == {"pixels": [21]}


@pytest.mark.parametrize(("minimum", "visits"), [("all", [1]), (2, [1]), (1, [1, 2])])
def test_minimum_of_a_list_may_be_all_dimension_records(lite, tmp_path, minimum, visits):
    lite.define(VISITS_OF % f", minimum: {minimum}", tmp_path)
    remove(lite, "calexp", visit=2, detector=0)
    graph = lite.builder(tasks(visits="VisitTask"), where="").build()
    assert [quantum.dataId["visit"] for quantum in graph.quanta("visits")] == visits


def test_a_pinned_part_is_searched_as_its_definition_says(lite, tmp_path):
    pinned = (VISITS_OF % "") + "      first: {datasetType: calexp, dataId: {detector: 1}}\n"
    lite.define(pinned, tmp_path)
    remove(lite, "calexp", visit=2, detector=1)
    graph = lite.builder(tasks(visits="VisitTask"), where="").build()
    lite.run(graph)
    assert [quantum.dataId["visit"] for quantum in graph.quanta("visits")] == [1]
    assert lite.butler.get("noted", **CAM, visit=1, collections="out") == {"pixels": [10, 11], "first": 11}


def test_a_part_that_must_be_unique_and_is_not_stops_the_build(lite, tmp_path):
    unique = (VISITS_OF % "") + "      calib: {datasetType: visit_calib, match: unique}\n"
    lite.define(unique, tmp_path)
    for run in ("data", "other"):
        lite.butler.collections.register(run)
        lite.butler.put(PhotoCalib(1.0), "visit_calib", **CAM, visit=1, run=run)
    text = tasks(visits="VisitTask")
    assert lite.builder(text, where="").build().n_quanta == 1
    with pytest.raises(
        ConflictingDefinitionError, match=r"'calib' of composite 'visit_whole' must be unique"
    ):
        lite.builder(text, where="", inputs=("data", "other")).build()


NAMED = """
composites:
  visit_whole:
    python: types.SimpleNamespace
    dimensions: [visit]
    components:
      exposures: {datasetType: calexp, dataIdsFrom: stack.inputs}
"""


def test_a_part_may_be_named_by_a_dataset_that_exists(lite, tmp_path):
    lite.register("stack", ("instrument", "visit"), "ExposureF")
    lite.define(NAMED, tmp_path)
    stack = Exposure(lite.butler.get("calexp", **CAM, visit=1, detector=0, collections="data").image)
    stack.inputs = Table({"instrument": ["Cam"] * 2, "visit": [2, 1], "detector": [1, 0]})
    lite.butler.put(stack, "stack", **CAM, visit=1, run="data")
    lite.run(lite.builder(tasks(visits="VisitTask"), where="").build())
    assert lite.butler.get("noted", **CAM, visit=1, collections="out") == {"pixels": [10, 21]}
    assert lite.butler.query_datasets("noted", "out", visit=2, explain=False) == []


def test_a_composite_may_be_a_part_of_another(lite, tmp_path):
    nested = """
composites:
  visit_whole:
    python: types.SimpleNamespace
    dimensions: [visit]
    components:
      exposures: {datasetType: final_calexp, subset: true}
"""
    lite.define(nested, tmp_path)
    lite.butler.put(PhotoCalib(3.0), "visit_calib", **CAM, visit=2, run="data")
    graph = lite.builder(tasks(visits="VisitTask"), where="").build()
    (quantum,) = graph.quanta("visits")
    (whole,) = quantum.inputs["whole"]
    assert [each.parts["photoCalib"].dataId["visit"] for each in whole.parts["exposures"]] == [2, 2]
    lite.run(graph)
    assert lite.butler.get("noted", **CAM, visit=2, collections="out") == {"pixels": [20, 21]}


BROUGHT = """
description: brings its composite
composites: [brought.yaml]
tasks:
  visits: composite_tasks.VisitTask
"""


def test_a_pipeline_brings_composites_that_are_registered_when_asked_for(lite, tmp_path):
    (tmp_path / "brought.yaml").write_text(VISITS_OF % "")
    (tmp_path / "pipeline.yaml").write_text(BROUGHT)
    command = [
        "run",
        "-b",
        str(lite.butler.root),
        "-p",
        str(tmp_path / "pipeline.yaml"),
        "-i",
        "data",
        "-o",
        "out",
    ]
    failed = CliRunner().invoke(pipetask, command)
    assert failed.exit_code != 0
    assert "'visit_whole'" in failed.stderr
    assert "--register-dataset-types" in failed.stderr
    assert lite.butler.composites.get("visit_whole") is None
    done = CliRunner().invoke(pipetask, [*command, "--register-dataset-types"])
    assert done.exit_code == 0, done.output
    assert lite.butler.composites.get("visit_whole") is not None
    assert lite.butler.get("noted", **CAM, visit=1, collections="out") == {"pixels": [10, 11]}
    (tmp_path / "brought.yaml").write_text(VISITS_OF % ", minimum: 2")
    refused = CliRunner().invoke(pipetask, [*command, "--register-dataset-types"])
    assert "'visit_whole' is a composite with another definition already" in refused.stderr


def test_drawings_name_the_composite_and_mocks_are_refused(lite, tmp_path):
    (tmp_path / "pipeline.yaml").write_text(tasks("fit", "look"))
    common = ["-b", str(lite.butler.root), "-p", str(tmp_path / "pipeline.yaml")]
    shown = CliRunner().invoke(pipetask, ["build", *common, "--show", "pipeline-graph"])
    assert "part of jointcal_calexp" in shown.output
    shown = CliRunner().invoke(pipetask, ["qgraph", *common, "-i", "data", "-o", "out", "--show"])
    assert "calexp: {instrument, visit, detector} ExposureF, 4 datasets, part of jointcal_calexp" in " ".join(
        shown.output.replace("{instrument, detector, visit}", "{instrument, visit, detector}").split()
    )
    refused = CliRunner().invoke(pipetask, ["qgraph", *common, "-i", "data", "-o", "out", "--mock"])
    assert refused.exit_code == 2
    assert "jointcal_calexp, which are assembled from parts" in refused.stderr


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "{datasetType: jointcal_calib, dataId: {skymap: map, tract: 0, detector: 0}}",
            r"searched in its own way .* task 'fit' of the same pipeline makes it: run the two in different",
        ),
        (
            "{datasetType: calexp, dataIdsFrom: jointcal_calib.x}",
            r"'jointcal_calib\.x', which must exist before a graph .* in different pipelines",
        ),
        ("nowhere", "'nowhere', which is neither registered nor made by a task: register it first"),
        ("jointcal_calib", "data IDs with skymap, detector, tract, which the composite's don't have"),
        (
            "{datasetType: final_calexp, dataId: {detector: 0}}",
            "is a composite itself, and searched in its own way",
        ),
    ],
)
def test_what_a_graph_can_not_do_is_refused_with_the_way_out(lite, tmp_path, text, error):
    lite.define((VISITS_OF % "") + f"      part: {text}\n", tmp_path)
    with pytest.raises(PipelineGraphError, match=error):
        lite.builder(tasks("fit", visits="VisitTask"))


def test_a_part_that_several_quanta_would_write_must_say_once(lite, tmp_path):
    lite.butler.composites.remove("final_calexp")
    shared = """
composites:
  final_calexp:
    storageClass: ExposureF
    dimensions: [visit, detector]
    base: calexp
    components: {photoCalib: visit_calib}
"""
    lite.define(shared, tmp_path)
    with pytest.raises(PipelineGraphError, match=r"has no detector, so that several quanta would write it"):
        lite.builder(tasks("make"))


def test_a_task_that_declares_other_dimensions_or_storage_classes_is_refused(lite, tmp_path):
    with pytest.raises(
        PipelineGraphError, match=r"Composite 'final_calexp' has dimensions .* in its definition"
    ):
        lite.builder(tasks("look"), config={"look__connections.exposure": "final_calexp"})
    lite.butler.composites.remove("jointcal_calexp")
    other = (
        "composites: {jointcal_calexp: {storageClass: PhotoCalib, dimensions: [visit, detector, tract], %s}}"
    )
    lite.define(other % "components: {x: calexp.photoCalib}", tmp_path)
    with pytest.raises(PipelineGraphError, match=r"'PhotoCalib' in its definition and 'ExposureF'"):
        lite.builder(tasks("look"))


def test_a_graph_without_a_part_names_the_dataset_type(lite):
    lite.register("jointcal_calib", (*DETECTOR, "tract"), "PhotoCalib")
    with pytest.raises(EmptyGraphError, match="jointcal_calib"):
        lite.builder(tasks("look")).build()


def test_unregistered_types_of_a_saved_graph_are_named(lite, tmp_path):
    (tmp_path / "brought.yaml").write_text(VISITS_OF % "")
    graph = lite.builder(BROUGHT.replace("brought.yaml", str(tmp_path / "brought.yaml")), where="").build()
    from pipetask.execution.run_graph import run_graph

    with pytest.raises(MissingDatasetTypeError, match="'visit_whole'"):
        run_graph(graph, lite.butler)


NESTED = """
composites:
  annotated:
    python: types.SimpleNamespace
    dimensions: [visit, detector]
    components:
      exposure: final_calexp
      note: note
"""


@pytest.fixture
def nesting(lite, tmp_path):
    lite.register("note", DETECTOR, "StructuredDataDict")
    lite.define(NESTED, tmp_path)
    return lite


@pytest.mark.parametrize("processes", [1, 2])
def test_a_part_that_is_a_composite_is_taken_apart_too(nesting, processes):
    graph = nesting.builder(tasks(nest="NestTask"), where="").build()
    summary = nesting.run(graph, processes)
    assert not summary.errors
    written = {ref.datasetType.name for ref in nesting.butler.query_all_datasets("out/run")}
    assert {"note", "visit_calib"} <= written
    assert "calexp" not in written
    got = nesting.butler.get("annotated", **CAM, visit=2, detector=1, collections=["out", "data"])
    assert (got.exposure.photoCalib.calibration, got.exposure.image[0, 0]) == (7.0, 21)
    assert got.note == {"detector": 1}


def test_a_nested_part_that_is_never_written_must_be_unchanged_and_there(nesting):
    summary = nesting.run(
        nesting.builder(tasks(nest="NestTask"), where="", config={"nest__brighten": True}).build()
    )
    assert "'calexp' of composite 'final_calexp'" in str(summary.errors[0].failure)
    assert "is inputOnly and was changed" in str(summary.errors[0].failure)
    remove(nesting, "calexp", visit=1)
    graph = nesting.builder(tasks(nest="NestTask"), run="other/run", where="").build()
    assert {quantum.dataId["visit"] for quantum in graph.quanta("nest")} == {2}


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (
            "note: note",
            "note: {datasetType: note, dataId: {detector: 0}}",
            "would be written under a pinned data ID",
        ),
        (
            "exposure: final_calexp",
            "exposure: {datasetType: final_calexp, writeOnce: true}",
            "is a composite, of which each quantum writes what it has: let the definition of that one",
        ),
    ],
)
def test_what_a_task_can_not_make_of_a_composite_is_refused_with_the_reason(lite, tmp_path, old, new, error):
    lite.register("note", DETECTOR, "StructuredDataDict")
    lite.define(NESTED.replace(old, new), tmp_path)
    with pytest.raises(PipelineGraphError, match=error):
        lite.builder(tasks(nest="NestTask"))


def test_a_part_that_is_never_written_is_searched_as_its_definition_says(lite, tmp_path):
    lite.butler.composites.remove("final_calexp")
    lite.define(
        """
composites:
  final_calexp:
    storageClass: ExposureF
    dimensions: [visit, detector]
    base: calexp
    components:
      calexp: {datasetType: calexp, inputOnly: true, collections: [first]}
      photoCalib: {datasetType: visit_calib, writeOnce: true}
""",
        tmp_path,
    )
    first = Exposure(lite.butler.get("calexp", **CAM, visit=1, detector=0, collections="data").image + 50)
    lite.butler.collections.register("first")
    lite.butler.put(first, "calexp", **CAM, visit=1, detector=0, run="first")
    graph = lite.builder(tasks(make="MakeTask"), where="").build()
    (quantum,) = graph.quanta("make")
    assert quantum.outputs["made"][0].parts["calexp"].run == "first"
    assert quantum.inputs["exposure"][0].run == "data"
