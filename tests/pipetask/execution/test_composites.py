"""Composites as inputs and outputs of pipelines: the graph has edges to parts, tasks see the whole."""

import pytest
from composite_repo import DETECTOR, DETECTORS, TRACTS, VISITS

from pipetask.errors import PipelineGraphError
from pipetask.graph.quantum_graph import QuantumGraph

READ = """
description: fit calibrations, and look at exposures with them
tasks:
  fit: composite_tasks.FitTask
  look: composite_tasks.LookTask
  gather: composite_tasks.GatherTask
"""
MAKE = """
description: make a composite, and use it
tasks:
  make: composite_tasks.MakeTask
  use: composite_tasks.UseTask
"""


@pytest.fixture
def repo(composite_repo):
    return composite_repo


@pytest.fixture
def lite(composites_lite):
    return composites_lite


def counts(summary):
    return {label: {str(s): n for s, n in by.items() if n} for label, by in summary.tasks.items()}


def test_a_task_reads_a_composite_of_which_another_makes_a_part(repo):
    summary = repo.run(repo.builder(READ).build())
    assert counts(summary) == {
        "fit": {"succeeded": 8},
        "look": {"succeeded": 8},
        "gather": {"succeeded": 2},
    }
    for v in VISITS:
        for d in DETECTORS:
            for t in TRACTS:
                data_id = {"instrument": "Cam", "visit": v, "detector": d, "skymap": "map", "tract": t}
                seen = repo.butler.get("seen", data_id, collections="out")
                assert seen == {"calib": 100 * v + 10 * d + t, "pixel": 10 * v + d}
    gathered = repo.butler.get("gathered", skymap="map", tract=1, collections="out")
    assert gathered == {f"{v}-{d}": 100 * v + 10 * d + 1 for v in VISITS for d in DETECTORS}


def test_the_graph_has_edges_to_parts_and_quanta_have_the_whole(lite, tmp_path):
    graph = lite.builder(READ).build()
    graph.save(tmp_path / "saved.qg")
    for each in (graph, QuantumGraph.load(tmp_path / "saved.qg")):
        (quantum,) = each.select(tasks=["look"], data_id={"visit": 2, "detector": 1, "tract": 1}).quanta(
            "look"
        )
        assert list(quantum.inputs) == ["exposure"]
        (ref,) = quantum.inputs["exposure"]
        assert ref.datasetType.name == "jointcal_calexp"
        assert {name: part.datasetType.name for name, part in ref.parts.items()} == {
            "calexp": "calexp",
            "photoCalib": "jointcal_calib",
        }
        assert {part.dataId["visit"] for part in ref.all_parts()} == {2}
        assert ref.parts["photoCalib"].dataId["tract"] == 1
        assert each.in_degree.tolist() == [0] * 8 + [1] * 8 + [4] * 2


def test_a_part_that_was_not_made_takes_the_composite_away(lite):
    graph = lite.builder(READ, config={"fit__no_work_on": [1]}).build()
    summary = lite.run(graph)
    assert counts(summary)["look"] == {"succeeded": 4, "no_work": 4}
    gathered = lite.butler.get("gathered", skymap="map", tract=0, collections="out")
    assert gathered == {"1-0": 100.0, "2-0": 200.0}


def test_a_component_of_a_composite_needs_only_its_part(lite):
    graph = lite.builder(
        "{description: d, tasks: {fit: composite_tasks.FitTask, only: composite_tasks.CalibOnlyTask}}"
    ).build()
    assert {key for key in graph.edges if key[0] == "only"} >= {("only", "calib/photoCalib")}
    assert ("only", "calib/calexp") not in graph.edges
    assert counts(lite.run(graph))["only"] == {"succeeded": 8}
    data_id = {"instrument": "Cam", "visit": 2, "detector": 0, "skymap": "map", "tract": 1}
    assert lite.butler.get("calib_seen", data_id, collections="out") == {"calib": 201.0}


@pytest.mark.parametrize("processes", [1, 2])
def test_quanta_share_a_part_that_is_written_once(repo, processes):
    graph = repo.builder(MAKE, where="").build()
    summary = repo.run(graph, processes)
    assert counts(summary) == {"make": {"succeeded": 4}, "use": {"succeeded": 4}}
    refs = repo.butler.query_datasets("visit_calib", "out")
    assert sorted(ref.dataId["visit"] for ref in refs) == [1, 2]
    assert [repo.butler.get(ref).calibration for ref in refs] == [7.0, 7.0]
    whole = repo.butler.get(
        "final_calexp", instrument="Cam", visit=2, detector=1, collections=["out", "data"]
    )
    assert (whole.photoCalib.calibration, whole.image[0, 0]) == (7.0, 21)
    assert len(repo.butler.query_datasets("calexp", ["out", "data"])) == 4  # none was written again


@pytest.mark.parametrize("processes", [1, 2])
def test_quanta_that_differ_in_a_part_written_once_fail(lite, processes):
    summary = lite.run(lite.builder(MAKE, where="", config={"make__differ": True}).build(), processes)
    assert counts(summary) == {"make": {"succeeded": 2, "failed": 2}, "use": {"blocked": 4}}
    (error,) = {error.failure.headline.partition(" {")[0] for error in summary.errors}
    assert "'visit_calib'" in error
    assert len(lite.butler.query_datasets("visit_calib", "out")) == 2


def test_a_run_goes_on_whose_shared_parts_are_there(lite, tmp_path):
    file = tmp_path / "differ"
    file.touch()
    config = {"make__differ_while": str(file)}
    lite.run(lite.builder(MAKE, where="", config=config).build())
    file.unlink()
    again = lite.run(lite.builder(MAKE, where="", extend_run=True, config=config).build())
    assert counts(again) == {"make": {"succeeded": 2}, "use": {"succeeded": 4}}
    assert len(lite.butler.query_datasets("visit_calib", "out")) == 2


def test_a_base_that_was_changed_is_refused(lite):
    summary = lite.run(lite.builder(MAKE, where="", config={"make__brighten": True}).build())
    assert counts(summary)["make"] == {"failed": 4}
    assert "is inputOnly and was changed" in str(summary.errors[0].failure)


def test_a_lost_worker_leaves_the_rest_right(lite, tmp_path):
    mark = str(tmp_path / "mark")
    graph = lite.builder(READ, config={"look__kill_on": 1, "look__mark": mark}).build()
    summary = lite.run(graph, 2)
    lost = counts(summary)["look"].get("lost", 0)
    assert 1 <= lost <= 2
    again = lite.run(
        lite.builder(READ, extend_run=True, config={"look__kill_on": 1, "look__mark": mark}).build(), 2
    )
    assert counts(again)["look"] == {"succeeded": lost}
    assert len(lite.butler.query_datasets("seen", "out")) == 8


def test_provenance_has_the_parts(lite):
    lite.run(lite.builder(READ).build())
    registry = lite.butler.registry
    row = next(q for q in registry.provenance.quanta("out/run") if q.task_label == "look")
    read = {connection for _, _, connection in registry.provenance.inputs([row.id])}
    assert read == {"exposure/calexp", "exposure/photoCalib"}


def test_what_was_done_with_composites_is_reused(lite):
    lite.run(lite.builder(READ).build())
    graph = lite.builder(READ, run="out/again", reuse=["out"]).build()
    assert (graph.n_quanta, dict(graph.reused.n_quanta)) == (0, {"fit": 8, "look": 8, "gather": 2})
    lite.run(lite.builder(MAKE, run="made/run", where="").build())
    graph = lite.builder(MAKE, run="made/again", where="", reuse=["made/run"]).build()
    assert dict(graph.reused.n_quanta) == {"make": 4, "use": 4}


def test_why_names_the_part_and_its_composite(lite):
    data_id = {"instrument": "Cam", "visit": 1, "detector": 0, "skymap": "map", "tract": 0}
    text = "{description: d, tasks: {look: composite_tasks.LookTask}}"
    with pytest.raises(PipelineGraphError, match=r"'jointcal_calib', which is neither registered nor made"):
        lite.builder(text)
    lite.register("jointcal_calib", (*DETECTOR, "tract"), "PhotoCalib")
    builder = lite.builder(text, dataset_query_constraint="off")
    why = builder.why("look", data_id)
    assert "Its composite 'jointcal_calexp' has no part 'photoCalib'." in str(why.reasons)


@pytest.mark.parametrize("processes", [1, 2])
def test_what_a_result_says_that_it_was_made_from_is_in_the_registry(lite, processes):
    lite.run(
        lite.builder("{description: d, tasks: {stack: composite_tasks.StackTask}}", where="").build(),
        processes,
    )
    (stack,) = lite.butler.query_datasets("stack", "out", visit=2)
    calexps = lite.butler.query_datasets("calexp", "data", visit=2, order_by="detector")
    named = lite.butler.registry.named_inputs([stack.id])[stack.id]
    assert [each.id for each in named] == [ref.id for ref in calexps]
