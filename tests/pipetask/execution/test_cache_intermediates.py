"""Intermediates handed on in memory, and temporary datasets that are not kept (``--cache-intermediates``)."""

import os
import signal
from importlib import import_module

import numpy as np
import pytest

from pipetask.butler import DatasetRef, DatasetType, DimensionUniverse
from pipetask.errors import EmptyGraphError
from pipetask.execution.chains import MOST_READERS, Chains
from pipetask.execution.dispatch import Dispatch
from pipetask.execution.executors.base import chain_of
from pipetask.execution.fsck import fsck
from pipetask.execution.held_objects import HeldObjects
from pipetask.execution.intermediates import Intermediates
from pipetask.execution.report import Failure, Report, Status
from pipetask.execution.reproduce import reproduce
from pipetask.execution.resume import replay
from pipetask.execution.run_graph import run_graph
from pipetask.execution.walker import Walker
from pipetask.reports.lineage import trace
from pipetask.reports.lineage_drawing import lineage_dot, lineage_text

IN_A_ROW = """
description: three tasks in a row
tasks:
  double: {class: execution_tasks.DoubleTask}
  add_one: {class: execution_tasks.AddOneTask}
  total: {class: execution_tasks.TotalTask}
temporary: [doubled]
"""
TWICE = """
description: what is split off is doubled, and that again; both are temporary
tasks:
  split: {class: execution_tasks.SplitTask}
  double:
    class: execution_tasks.DoubleTask
    config: {connections.number: passing}
  again:
    class: execution_tasks.DoubleTask
    config: {connections.number: doubled, connections.doubled: fourfold, connections.schema: again_schema}
temporary: [passing, doubled]
"""
BESIDE = """
  beside:
    class: execution_tasks.DoubleTask
    config: {connections.number: doubled, connections.doubled: likewise, connections.schema: beside_schema}
"""
MUCH = 10**8
DETECTORS = range(4)


@pytest.fixture(params=[1, 2], ids=["serial", "processes"])
def processes(request):
    return request.param


def run(repo, graph, processes=1, *, hold=MUCH, **options):
    return run_graph(
        graph,
        repo.butler,
        processes=processes,
        cache_intermediates=hold,
        register_dataset_types=True,
        **options,
    )


def values(repo, name):
    refs = sorted(repo.butler.query_datasets(name, "out/run", explain=False))
    return [repo.butler.get(ref)["n"] for ref in refs]


def files(repo, name):
    return [path.name for path in (repo.root / "out").rglob(f"*{name}*") if path.is_file()]


def assert_nothing_is_left_of(repo, *names):
    for name in names:
        assert repo.butler.query_datasets(name, "out/run", explain=False) == []
        assert [path for path in files(repo, name) if "schema" not in path and "log" not in path] == []
    assert list(fsck(repo.butler, deep=True, grace_s=0.0)) == []


def quanta(repo):
    return repo.butler.registry.provenance.quanta("out/run")


def test_temporary_datasets_leave_neither_rows_nor_files_and_results_are_as_always(numbers_repo, processes):
    summary = run(numbers_repo, numbers_repo.graph(pipeline=IN_A_ROW), processes)
    assert summary.total(Status.SUCCEEDED) == 9
    assert_nothing_is_left_of(numbers_repo, "doubled")
    assert values(numbers_repo, "plus_one") == [21, 23, 25, 27]
    assert values(numbers_repo, "total") == [96]
    by_label = {}
    for row in quanta(numbers_repo):
        by_label.setdefault((row.task_label, row.data_id), row.pid)
    for detector in DETECTORS:
        data_id = f'{{"instrument": "Cam", "detector": {detector}}}'
        assert by_label["double", data_id] == by_label["add_one", data_id]


def test_without_the_option_temporary_datasets_are_like_all_others(numbers_repo):
    run(numbers_repo, numbers_repo.graph(pipeline=IN_A_ROW), hold=0)
    assert values(numbers_repo, "doubled") == [20, 22, 24, 26]


def test_what_is_handed_on_but_not_temporary_is_kept(numbers_repo):
    plain = IN_A_ROW.replace("temporary: [doubled]", "")
    run(numbers_repo, numbers_repo.graph(pipeline=plain))
    assert values(numbers_repo, "doubled") == [20, 22, 24, 26]
    assert values(numbers_repo, "total") == [96]


@pytest.mark.parametrize("hold", [MUCH, 1], ids=["in memory", "no room in memory"])
def test_what_is_read_elsewhere_or_has_no_room_is_in_files_until_its_last_reader(
    numbers_repo, processes, hold
):
    pipeline = IN_A_ROW.replace("[doubled]", "[doubled, plus_one]")
    summary = run(numbers_repo, numbers_repo.graph(pipeline=pipeline), processes, hold=hold)
    assert summary.exit_code == 0
    assert values(numbers_repo, "total") == [96]
    assert_nothing_is_left_of(numbers_repo, "doubled", "plus_one")


def test_lineage_names_what_was_not_kept(numbers_repo):
    run(numbers_repo, numbers_repo.graph(pipeline=IN_A_ROW))
    butler = numbers_repo.butler
    made = butler.find_dataset("plus_one", instrument="Cam", detector=1, collections="out/run")
    up = trace(butler, [made.id])
    lines = [line.strip() for line in lineage_text(up).splitlines()]
    assert [line.split()[0] for line in lines] == ["plus_one", "add_one", "temporary", "double", "number"]
    assert lines[2].startswith("temporary doubled ")
    assert "doubled" in lineage_dot(up)
    (entry,) = up.document()["temporary"]
    assert entry["type"] == "doubled"
    assert entry["made_by"] in {quantum["id"] for quantum in up.document()["quanta"]}
    raw = butler.find_dataset("number", instrument="Cam", detector=1, collections="numbers")
    down = lineage_text(trace(butler, [raw.id], up=False))
    assert [line.split()[0] for line in down.splitlines()][:4] == ["number", "double", "temporary", "add_one"]


def test_what_was_made_from_it_can_be_reproduced(numbers_repo):
    run(numbers_repo, numbers_repo.graph(pipeline=TWICE))
    ref = numbers_repo.butler.find_dataset("fourfold", instrument="Cam", detector=2, collections="out/run")
    again = reproduce(numbers_repo.butler, ref)
    assert (again.difference, again.is_bytewise, again.quantum.task_label) == ("", True, "again")


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_while_something_is_reproduced_is_no_difference(numbers_repo, monkeypatch, caplog):
    run(numbers_repo, numbers_repo.graph(pipeline=TWICE))
    ref = numbers_repo.butler.find_dataset("fourfold", instrument="Cam", detector=2, collections="out/run")
    collections = numbers_repo.butler.registry.collections.query("*")

    task = import_module("execution_tasks").DoubleTask

    def interrupted(self, *what, run=task.runQuantum):
        os.kill(os.getpid(), signal.SIGINT)
        run(self, *what)

    monkeypatch.setattr(task, "runQuantum", interrupted)
    with pytest.raises(KeyboardInterrupt):
        reproduce(numbers_repo.butler, ref)
    assert "was stopped. Nothing was compared." in caplog.text
    assert numbers_repo.butler.registry.collections.query("*") == collections


def test_a_failed_reader_has_its_makers_redone_and_what_they_kept_stays(numbers_repo, tmp_path, monkeypatch):
    flag = tmp_path / "broken"
    flag.touch()
    monkeypatch.setenv("BROKEN", str(flag))
    config = {"pipeline": TWICE, "again__fail_while_exists": "BROKEN"}
    summary = run(numbers_repo, numbers_repo.graph(**config))
    assert (summary.total(Status.SUCCEEDED), summary.total(Status.FAILED)) == (8, 4)
    assert_nothing_is_left_of(numbers_repo, "passing", "doubled")
    lasting = {
        ref.id: numbers_repo.butler.get(ref)
        for ref in numbers_repo.butler.query_datasets("lasting", "out/run")
    }
    assert len(lasting) == 4
    flag.unlink()
    replay(numbers_repo.butler, "out/run")
    graph = numbers_repo.graph(**config, extend_run=True)
    assert {task.label: task.count for task in graph.tasks} == {"split": 4, "double": 4, "again": 4}
    assert run(numbers_repo, graph).exit_code == 0
    assert values(numbers_repo, "fourfold") == [40, 44, 48, 52]
    assert_nothing_is_left_of(numbers_repo, "passing", "doubled")
    for id, before in lasting.items():
        assert numbers_repo.butler.get(numbers_repo.butler.registry.get_datasets([id])[0]) == before
    with pytest.raises(EmptyGraphError):
        numbers_repo.graph(**config, extend_run=True)


def test_what_was_handed_on_is_saved_for_another_attempt(numbers_repo, tmp_path):
    attempts = tmp_path / "attempts"
    attempts.mkdir()
    config = {"again__attempts_in": str(attempts), "again__succeed_at": 2}
    summary = run(numbers_repo, numbers_repo.graph(pipeline=TWICE, **config), retries=1)
    assert summary.exit_code == 0
    assert values(numbers_repo, "fourfold") == [40, 44, 48, 52]
    assert_nothing_is_left_of(numbers_repo, "passing", "doubled")
    assert [row.attempts for row in quanta(numbers_repo) if row.task_label == "again"].count(2) == 1


def test_a_lost_worker_fails_the_quantum_that_was_running_and_not_those_before_it(numbers_repo):
    graph = numbers_repo.graph(pipeline=TWICE, again__exit_on=[1])
    summary = run(numbers_repo, graph, processes=2, retries=1)
    status = {(row.task_label, row.data_id[-2]): row.status for row in quanta(numbers_repo)}
    assert status == {
        (label, str(detector)): "lost" if (label, detector) == ("again", 1) else "succeeded"
        for label in ("split", "double", "again")
        for detector in DETECTORS
    }
    assert summary.errors[0].failure.kind == "LostWorker"
    assert_nothing_is_left_of(numbers_repo, "passing", "doubled")
    redone = numbers_repo.graph(pipeline=TWICE, again__exit_on=[1], extend_run=True)
    assert {task.label: task.count for task in redone.tasks} == {"split": 1, "double": 1, "again": 1}


def test_what_a_lost_worker_held_is_made_again_for_another_attempt(numbers_repo, tmp_path):
    attempts = tmp_path / "attempts"
    attempts.mkdir()
    config = {"again__attempts_in": str(attempts), "again__succeed_at": 3, "again__attempts_exit": True}
    summary = run(numbers_repo, numbers_repo.graph(pipeline=TWICE, **config), processes=2, retries=2)
    assert summary.total(Status.SUCCEEDED) == summary.total() == 12
    assert values(numbers_repo, "fourfold") == [40, 44, 48, 52]
    assert len(list(attempts.iterdir())) == 3
    assert [row.attempts for row in quanta(numbers_repo) if row.task_label == "again"].count(3) == 1
    assert_nothing_is_left_of(numbers_repo, "passing", "doubled")


def test_what_a_lost_worker_held_is_made_again_for_those_whose_fault_it_was_not(numbers_repo):
    pipeline = TWICE.replace("temporary:", BESIDE + "temporary:")
    graph = numbers_repo.graph(pipeline=pipeline, again__exit_on=[1])
    summary = run(numbers_repo, graph, processes=2)
    assert {label: dict(counts) for label, counts in summary.tasks.items()} == {
        "split": {Status.SUCCEEDED: 4},
        "double": {Status.SUCCEEDED: 4},
        "again": {Status.SUCCEEDED: 3, Status.LOST: 1},
        "beside": {Status.SUCCEEDED: 4},
    }
    assert values(numbers_repo, "likewise") == [40, 44, 48, 52]
    assert_nothing_is_left_of(numbers_repo, "passing", "doubled")


def test_what_is_tried_again_waits_as_long_as_a_worker_goes_on_with_what_made_its_inputs(numbers_repo):
    graph = numbers_repo.graph(pipeline=TWICE.replace("temporary:", BESIDE + "temporary:"))
    edges = graph.successors()
    walker = Walker(edges.indptr, edges.indices)
    inputs = Intermediates(graph, graph.header.temporary)
    dispatch = Dispatch(graph, walker, inputs, Chains(graph), has_retries=True)
    (work,) = dispatch.take(1)
    split, double, again, beside = (each.quantum for each in chain_of(work))

    def ended_well(quantum):
        made = dispatch.running[quantum].hand_over.unwritten
        return Report(quantum, Status.SUCCEEDED, temporary={id: [] for id in made})

    assert dispatch.note_success(ended_well(split)) == []
    assert dispatch.note_success(ended_well(double)) == []
    failed = Report(again, Status.FAILED, failure=Failure("OSError", "away"))
    assert dispatch.note_failure(failed, is_again=True, is_ending=False) == []
    assert dispatch.begin_again(again, is_alone=False) == []
    settled = [report.quantum for report in dispatch.note_success(ended_well(beside))]
    assert settled == [split, double, beside]
    for quantum in settled:
        del dispatch.running[quantum]
        walker.finish(quantum, ok=True)
    assert again in [each.quantum for each in dispatch.take(10)]


def test_a_part_of_a_graph_makes_results_for_the_rest(numbers_repo):
    graph = numbers_repo.graph(pipeline=IN_A_ROW)
    assert graph.header.temporary == {"doubled"}
    assert graph.select(tasks=["double"]).header.temporary == frozenset()


def test_chains_are_of_what_follows_directly(numbers_repo):
    chains = Chains(numbers_repo.graph(pipeline=IN_A_ROW))
    assert [chains.followers(q) for q in range(9)] == [[4], [5], [6], [7], [], [], [], [], []]
    assert chains.needs(4) == {0}
    assert chains.needs(8) == frozenset()
    assert MOST_READERS > 1


def ref_of(name):
    empty = DimensionUniverse.default().empty
    return DatasetRef(DatasetType(name, empty, "NumpyArray"), {}, "run")


def test_every_reader_gets_an_object_of_its_own_and_the_last_one_ends_it():
    held, ref = HeldObjects(10_000), ref_of("image")
    image = np.arange(1000.0)
    assert held.hold(image, ref, readers=2)
    image[:] = 0
    first, storage_class = held.get(ref.id)
    first[:] = -1
    assert held.get(ref.id)[0].tolist() == list(range(1000))
    assert storage_class == "NumpyArray"
    assert not held.hold(image, ref_of("more"), readers=1)  # 16,000 bytes
    held.note_read([ref.id])
    assert ref.id in held
    held.note_read([ref.id])
    assert ref.id not in held
    assert held.hold(image, ref_of("more"), readers=1)


def test_what_can_not_be_pickled_is_not_held():
    assert not HeldObjects(MUCH).hold(lambda: 0, ref_of("function"), readers=1)


def test_the_command_takes_a_size_or_none(commands, tmp_path):
    commands.pipeline.write_text(IN_A_ROW)
    options = ("-i", "numbers", "--output-run", "out/run", "--register-dataset-types")
    message = commands.error("run", *options, "--cache-intermediates", "lots")
    assert "'lots' is no amount of memory" in message
    commands("run", *options, "--cache-intermediates")
    assert_nothing_is_left_of(commands.repo, "doubled")
    assert values(commands.repo, "total") == [96]
