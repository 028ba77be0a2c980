"""`butler reproduce`: the same quantum again, and the first difference of what it makes."""

import json

import pytest
from click.testing import CliRunner

from pipetask.butler.repository import journal_path
from pipetask.cli.main import butler as butler_command
from pipetask.execution.fsck import fsck
from pipetask.execution.journal import Journal
from pipetask.execution.run_graph import run_graph


@pytest.fixture
def reproduce(numbers_repo):
    run_graph(numbers_repo.graph(double__unit="e"), numbers_repo.butler, register_dataset_types=True)

    def invoke(*words, exit_code=0):
        result = CliRunner().invoke(
            butler_command, ["reproduce", *map(str, words)], env={"BUTLER_REPO": str(numbers_repo.root)}
        )
        assert result.exit_code == exit_code, result.output
        return result.output

    return invoke


def test_the_same_task_makes_the_same_and_leaves_nothing_behind(numbers_repo, reproduce):
    before = numbers_repo.butler.registry.collections.query("*")
    said = reproduce("plus_one", "detector=2", "instrument=Cam")
    assert (
        said
        == "plus_one {instrument: 'Cam', detector: 2} in out/run, made again, is the same: byte by byte.\n"
    )
    assert numbers_repo.butler.registry.collections.query("*") == before
    assert not list(numbers_repo.root.glob("reproduce/*/*/*"))


def test_the_first_difference_to_a_file_that_was_changed_is_named(numbers_repo, reproduce):
    (ref,) = numbers_repo.butler.query_datasets("plus_one", "out", detector=2, instrument="Cam")
    (path,) = (numbers_repo.root / "out" / "run" / "plus_one").rglob("*2*")
    path.write_text(json.dumps({"n": 99, "unit": "e"}))
    said = reproduce(ref.id, exit_code=1)
    assert "differs: ['n'] is 25, was 99." in said


def test_inputs_are_those_of_then_whatever_else_there_is_now(numbers_repo, reproduce):
    other = numbers_repo.graph("other", output="", double__unit="m")
    run_graph(other, numbers_repo.butler)
    assert "is the same" in reproduce("plus_one", "detector=2,instrument=Cam", "--collections", "out")


def test_the_run_is_kept_where_that_is_asked_for(numbers_repo, reproduce):
    run = reproduce("total", "instrument=Cam", "--keep").split()[-1].rstrip(".")
    assert numbers_repo.butler.get("total", instrument="Cam", collections=run)["count"] == 4


def test_fsck_says_how_to_remove_what_a_killed_command_leaves(numbers_repo, reproduce):
    run = reproduce("total", "instrument=Cam", "--keep").split()[-1].rstrip(".")
    with Journal(journal_path(numbers_repo.root, run)) as journal:
        journal.append(b"as after kill -9")
    (fault,) = fsck(numbers_repo.butler)
    assert fault.where == run
    assert f"butler remove-runs {run}" in fault.detail


def test_what_came_from_outside_is_not_made_again(reproduce):
    said = reproduce("number", "detector=1", "instrument=Cam", exit_code=2)
    assert "No quantum made number {instrument: 'Cam', detector: 1} in numbers" in said


def test_what_was_not_written_by_a_quantum_is_not_made_again(reproduce):
    assert "written before the first quantum" in reproduce("double_config", exit_code=2)


def test_an_input_that_is_gone_is_named_whatever_else_could_stand_for_it(numbers_repo, reproduce):
    butler = numbers_repo.butler
    (gone,) = butler.query_datasets("number", "numbers", instrument="Cam", detector=2)
    butler.pruneDatasets([gone], purge=True, disassociate=True, unstore=True)
    butler.put({"n": 12}, "number", instrument="Cam", detector=2, run="numbers")
    said = reproduce("doubled", "detector=2", "instrument=Cam", exit_code=2)
    assert f"What it was made from is gone: number {gone.id}." in said


def test_an_input_without_its_file_is_told(numbers_repo, reproduce):
    butler = numbers_repo.butler
    (emptied,) = butler.query_datasets("number", "numbers", instrument="Cam", detector=2)
    butler.pruneDatasets([emptied], disassociate=False, unstore=True)
    said = reproduce("doubled", "detector=2", "instrument=Cam", exit_code=1)
    assert "its task found nothing to do this time: NoWorkFound" in said
    assert "'number', found 0" in said


def test_the_configuration_of_another_run_is_none(numbers_repo, reproduce):
    butler = numbers_repo.butler
    run_graph(numbers_repo.graph("out/later", double__unit="m"), butler)
    later = butler.query_datasets("add_one_config", "out/later")
    butler.pruneDatasets(later, purge=True, disassociate=True, unstore=True)
    words = ("plus_one", "detector=2", "instrument=Cam", "--collections", "out/later")
    assert "'add_one_config'" in reproduce(*words, exit_code=2)


def test_a_task_that_reads_nothing_of_what_it_needs_is_run_again(numbers_repo, reproduce, monkeypatch):
    def run_quantum(self, butlerQC, inputRefs, outputRefs):
        butlerQC.put({"n": 1}, outputRefs.doubled)

    monkeypatch.setattr("execution_tasks.DoubleTask.runQuantum", run_quantum)
    run_graph(numbers_repo.graph("blind", output=""), numbers_repo.butler)
    said = reproduce("doubled", "detector=2", "instrument=Cam", "--collections", "blind")
    assert "made again, is the same" in said


def test_a_composite_that_was_not_put_names_its_parts(numbers_repo, reproduce, tmp_path):
    file = tmp_path / "pairs.yaml"
    parts = "{a: {datasetType: doubled}, b: {datasetType: plus_one}}"
    pair = f"{{python: builtins.dict, dimensions: [instrument, detector], components: {parts}}}"
    file.write_text(f"composites: {{pair: {pair}}}")
    butler = numbers_repo.butler
    butler.composites.register_file(file)
    said = reproduce("pair", "detector=1", "instrument=Cam", exit_code=2)
    assert "is put together from parts" in said
    for name in ("doubled", "plus_one"):
        ref = butler.find_dataset(name, instrument="Cam", detector=1, collections="out")
        assert f"{name} {ref.id}" in said


@pytest.mark.parametrize("name", ["double_log", "double_metadata"])
def test_how_a_quantum_ran_is_not_made_again(reproduce, name):
    said = reproduce(name, "detector=1", "instrument=Cam", exit_code=2)
    assert "says when and how its quantum ran, which is never the same" in said


def test_a_task_that_fails_this_time_is_a_difference(numbers_repo, reproduce, monkeypatch):
    monkeypatch.setattr("execution_tasks.AddOneTask.run", lambda self, doubled: 1 / 0)
    said = reproduce("plus_one", "detector=2", "instrument=Cam", exit_code=1)
    assert "differs: its task failed this time: ZeroDivisionError" in said


def test_without_the_configuration_it_cannot_be_made_again(numbers_repo, reproduce):
    butler = numbers_repo.butler
    refs = butler.query_datasets("add_one_config", "out")
    butler.pruneDatasets(refs, purge=True, disassociate=True, unstore=True)
    assert "'add_one_config'" in reproduce("plus_one", "detector=2", "instrument=Cam", exit_code=2)
