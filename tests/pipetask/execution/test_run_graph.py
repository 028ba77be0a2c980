"""Running real graphs of real tasks: what is stored, and what a failure leaves."""

import io
import json
import logging
import os
import re
import signal
import time

import pytest

from pipetask.butler import Butler, DatasetType
from pipetask.butler.repository import journal_path
from pipetask.errors import DatabaseBusyError, InconsistentRunError, InvalidQuantumError, RunLockedError
from pipetask.execution import stored_reports
from pipetask.execution.executors.processes import ProcessExecutor
from pipetask.execution.journal import Journal
from pipetask.execution.report import Status
from pipetask.execution.resume import replay
from pipetask.execution.run_graph import run_graph

DETECTORS = range(4)


@pytest.fixture(params=[1, 2], ids=["serial", "processes"])
def processes(request):
    return request.param


def run(repo, graph, processes=1, **options):
    return run_graph(graph, repo.butler, processes=processes, register_dataset_types=True, **options)


def got(repo, dataset_type, detector=None, collections="out"):
    data_id = {"instrument": "Cam"} | ({} if detector is None else {"detector": detector})
    return repo.butler.get(dataset_type, data_id, collections=collections)


def counts(summary):
    return {label: {str(s): n for s, n in by.items() if n} for label, by in summary.tasks.items()}


def quanta(repo, name="out/run"):
    return repo.butler.registry.provenance.quanta(name)


def test_every_output_is_stored_and_found_through_the_output_chain(numbers_repo, processes):
    summary = run(numbers_repo, numbers_repo.graph(), processes)
    assert counts(summary) == {
        "double": {"succeeded": 4},
        "add_one": {"succeeded": 4},
        "total": {"succeeded": 1},
    }
    assert summary.exit_code == 0
    assert summary.errors == ()
    for i in DETECTORS:
        assert got(numbers_repo, "doubled", i) == {"n": 2 * (10 + i)}
        assert got(numbers_repo, "plus_one", i) == {"n": 2 * (10 + i) + 1, "unit": "adu"}
    assert got(numbers_repo, "total") == {"n": sum(2 * (10 + i) + 1 for i in DETECTORS), "count": 4}


def test_a_task_may_leave_no_logs(numbers_repo, processes):
    assert run(numbers_repo, numbers_repo.graph(double__saveLogOutput=False), processes).exit_code == 0
    types = {kind.name for kind in numbers_repo.butler.registry.query_dataset_types("*_log")}
    assert types == {"add_one_log", "total_log"}
    assert numbers_repo.butler.exists("double_metadata", instrument="Cam", detector=0, collections="out")


LEAKY = """
description: a task that changes all it can
tasks:
  leaky: leaky_tasks.LeakyTask
"""


@pytest.mark.parametrize("processes", [1, 2])
def test_nothing_in_memory_passes_from_one_quantum_to_the_next(numbers_repo, processes):
    butler = numbers_repo.butler
    butler.register_dataset_type(
        DatasetType("double_schema", [], "StructuredDataDict", universe=butler.dimensions)
    )
    butler.register_dataset_type(
        DatasetType("doubled", ["instrument"], "StructuredDataDict", universe=butler.dimensions)
    )
    butler.put({"n": "int"}, "double_schema", run="numbers")
    butler.put({"n": 1}, "doubled", instrument="Cam", run="numbers")
    run_graph(numbers_repo.graph(pipeline=LEAKY), butler, processes=processes, register_dataset_types=True)
    for detector in range(4):
        seen = butler.get("seen", instrument="Cam", detector=detector, collections="out")
        assert seen == {
            "visits": 1,  # a new task object
            "schema": ["n"],  # with its own init-inputs
            "input": ["n"],
            "shared": ["n"],
            "config": "FieldValidationError",  # frozen
        }


def test_each_quantum_leaves_its_log_and_metadata(numbers_repo, processes):
    run(numbers_repo, numbers_repo.graph(), processes)
    for i in DETECTORS:
        messages = [record.message for record in got(numbers_repo, "double_log", i)]
        assert messages == [f"detector {i}"]
        metadata = got(numbers_repo, "double_metadata", i)
        assert metadata["double.number"] == 10 + i
        assert metadata["quantum.status"] == "succeeded"
        assert metadata["quantum.end_ns"] >= metadata["quantum.begin_ns"]


def test_logs_and_metadata_share_one_file_per_worker(numbers_repo):
    run(numbers_repo, numbers_repo.graph())
    butler = numbers_repo.butler
    refs = butler.query_datasets("double_log", "out") + butler.query_datasets("add_one_metadata", "out")
    assert len({butler.getURI(ref) for ref in refs}) == 1


def test_configurations_packages_and_init_outputs_are_stored_once(numbers_repo):
    run(numbers_repo, numbers_repo.graph(double__unit="electron"))
    butler = numbers_repo.butler
    assert butler.get("double_config", collections="out").unit == "electron"
    assert butler.get("double_schema", collections="out") == {"unit": "electron"}
    assert butler.get("packages", collections="out")["numpy"]
    assert got(numbers_repo, "plus_one", 0)["unit"] == "electron"


def test_provenance_tells_what_was_read_and_made_by_whom(numbers_repo):
    run(numbers_repo, numbers_repo.graph())
    butler = numbers_repo.butler
    (row,) = [r for r in quanta(numbers_repo) if r.task_label == "add_one" and '"detector": 2' in r.data_id]
    assert row.task_class == "execution_tasks.AddOneTask"
    assert json.loads(row.data_id) == {"instrument": "Cam", "detector": 2}
    assert row.status == "succeeded"
    assert row.pid == os.getpid()
    assert row.begin_ns <= row.end_ns
    assert row.peak_memory > 1_000_000
    read = butler.find_dataset("doubled", instrument="Cam", detector=2, collections="out")
    made = butler.find_dataset("plus_one", instrument="Cam", detector=2, collections="out")
    assert butler.registry.provenance.inputs([row.id]) == [(row.id, read.id, "doubled")]
    assert butler.registry.provenance.producers([made.id]) == {made.id: row.id}


def test_a_failure_blocks_what_needs_it_and_nothing_else(numbers_repo, processes):
    summary = run(numbers_repo, numbers_repo.graph(double__fail_on=[1]), processes)
    assert counts(summary) == {
        "double": {"succeeded": 3, "failed": 1},
        "add_one": {"succeeded": 3, "blocked": 1},
        "total": {"blocked": 1},
    }
    assert summary.exit_code == 1
    (group,) = summary.errors
    assert (group.label, group.count, group.failure.kind) == ("double", 1, "ValueError")
    assert group.failure.message == "detector 1 is broken"
    assert "in runQuantum" in group.failure.traceback
    assert json.loads(group.data_id) == {"instrument": "Cam", "detector": 1}
    stored = {(r.task_label, r.data_id): r for r in quanta(numbers_repo)}
    assert json.loads(stored["double", group.data_id].exception)["message"] == "detector 1 is broken"
    blocked = json.loads(stored["add_one", group.data_id].exception)
    assert stored["add_one", group.data_id].status == "blocked"
    assert "double" in blocked["message"]
    assert got(numbers_repo, "plus_one", 3)["n"] == 27


def test_a_failed_quantum_leaves_its_log_and_no_other_file_or_row(numbers_repo, processes):
    run(numbers_repo, numbers_repo.graph(double__fail_after_put_on=[1]), processes)
    messages = [record.message for record in got(numbers_repo, "double_log", 1)]
    assert messages == ["detector 1", "RuntimeError: too late"]
    for name in ("doubled", "double_metadata"):
        assert len(numbers_repo.butler.query_datasets(name, "out")) == 3
    stored = {numbers_repo.butler.getURI(r) for r in numbers_repo.butler.query_datasets("doubled", "out")}
    assert len(stored) == len(list((numbers_repo.root / "out" / "run").rglob("*doubled*.*")))


def test_no_work_is_a_success_without_outputs_that_leaves_the_rest_to_adjust(numbers_repo, processes):
    summary = run(numbers_repo, numbers_repo.graph(double__no_work_on=[0, 2]), processes)
    assert counts(summary) == {
        "double": {"succeeded": 2, "no_work": 2},
        "add_one": {"succeeded": 2, "no_work": 2},
        "total": {"succeeded": 1},
    }
    assert summary.exit_code == 0
    assert got(numbers_repo, "total") == {"n": 23 + 27, "count": 2}


def test_no_work_at_all_ends_without_failures(numbers_repo):
    summary = run(numbers_repo, numbers_repo.graph(double__no_work_on=list(DETECTORS)))
    assert counts(summary)["total"] == {"no_work": 1}
    assert summary.exit_code == 0


def test_partial_outputs_that_were_announced_are_kept(numbers_repo):
    summary = run(numbers_repo, numbers_repo.graph(double__partial_on=[1]))
    assert summary.total() == summary.total(Status.SUCCEEDED)
    assert got(numbers_repo, "plus_one", 1)["n"] == 23
    said = [record.message for record in got(numbers_repo, "double_log", 1)][-1]
    assert "{instrument: 'Cam', detector: 1}" in said
    assert "half" in said


def test_an_error_without_a_text_fails_its_quantum_alone(numbers_repo, processes):
    summary = run(numbers_repo, numbers_repo.graph(double__speechless_on=[1]), processes)
    assert counts(summary)["double"] == {"succeeded": 3, "failed": 1}
    assert summary.errors[0].failure.kind == "SpeechlessError"


def test_a_failure_is_shown_in_one_line_that_says_if_there_is_more(numbers_repo, caplog):
    summary = run(numbers_repo, numbers_repo.graph(double__wordy_on=[1], double__wordless_on=[2]))
    shown = [record.getMessage() for record in caplog.records]
    assert shown == [
        'double {"instrument": "Cam", "detector": 1} failed: ValueError: no fit …',
        'double {"instrument": "Cam", "detector": 2} failed: GeneratorExit',
    ]
    assert summary.errors[0].failure.message.count("residual") == 200


def test_a_message_that_cannot_be_formatted_is_logged_as_it_stands(numbers_repo):
    summary = run(numbers_repo, numbers_repo.graph(double__bad_log_on=[1]))
    assert summary.total() == summary.total(Status.SUCCEEDED)
    assert "detector %d" in [record.message for record in got(numbers_repo, "double_log", 1)][1]


def test_a_task_that_cannot_be_constructed_is_told_with_its_line_and_leaves_nothing(numbers_repo):
    with pytest.raises(InvalidQuantumError, match=r"'double'.*RuntimeError: no such instrument.*_tasks.py"):
        run(numbers_repo, numbers_repo.graph(double__construct=False))
    registry = numbers_repo.butler.registry
    assert registry.collections.query("*") == ["numbers"]
    assert [known.name for known in registry.query_dataset_types()] == ["number"]


def test_a_graph_whose_inputs_are_elsewhere_leaves_nothing(numbers_repo, tmp_path):
    graph = numbers_repo.graph()
    with Butler.makeRepo(tmp_path / "other") as other:
        with pytest.raises(LookupError, match="'numbers'"):
            run_graph(graph, other, register_dataset_types=True)
        assert other.registry.collections.query("*") == []
        assert other.registry.query_dataset_types() == []


def test_no_more_workers_are_started_than_there_are_quanta(numbers_repo, monkeypatch):
    started = []

    class Counted(ProcessExecutor):
        def __init__(self, runner, processes, **options):
            started.append(processes)
            super().__init__(runner, processes, **options)

    monkeypatch.setattr("pipetask.execution.run_graph.ProcessExecutor", Counted)
    graph = numbers_repo.graph(where="detector = 1").select(tasks=["double", "add_one"])
    run(numbers_repo, graph, 5)
    assert started == [2]


def test_tasks_that_took_more_than_they_may_are_warned_of(numbers_repo, caplog):
    run(numbers_repo, numbers_repo.graph("before", output="").select(tasks=["double"]))
    graph = numbers_repo.graph(where="detector = 1").select(tasks=["double"])
    run(numbers_repo, graph, max_memory=2**20)
    (warning,) = [record.message for record in caplog.records if "took up to" in record.message]
    assert re.match(r"Quanta of double took up to \d+ MiB before, and 1 MiB are allowed", warning)


def test_a_database_that_is_away_is_told_once_in_a_while(numbers_repo, caplog, monkeypatch):
    refusals = iter(range(3))

    def away_at_first(*arguments, store=stored_reports.commit):
        if next(refusals, None) is not None:
            raise DatabaseBusyError("The database is locked.")
        store(*arguments)

    monkeypatch.setattr(stored_reports, "commit", away_at_first)
    monkeypatch.setattr(stored_reports, "RETRY_S", 0.0)
    assert run(numbers_repo, numbers_repo.graph()).exit_code == 0
    assert next(refusals, None) is None
    assert len([record for record in caplog.records if "Trying again" in record.message]) == 1


def test_a_task_that_ends_its_process_fails_alone(numbers_repo):
    summary = run(numbers_repo, numbers_repo.graph(double__exit_on=[2]), 2)
    assert counts(summary)["double"] == {"succeeded": 3, "lost": 1}
    assert summary.errors[0].failure.kind == "LostWorker"
    assert "exit code 7" in summary.errors[0].failure.message


def test_a_quantum_over_its_time_fails(numbers_repo):
    summary = run(numbers_repo, numbers_repo.graph(double__sleep_s=30.0), timeout_s=0.3)
    assert counts(summary)["double"] == {"failed": 4}
    assert summary.errors[0].failure.kind == "Timeout"
    assert summary.errors[0].count == 4
    for row in quanta(numbers_repo):
        assert row.begin_ns > time.time_ns() - 60e9
        if row.status == "failed":
            assert 0.3e9 <= row.end_ns - row.begin_ns < 10e9
            assert row.host


def test_fail_fast_attempts_nothing_after_the_first_failure(numbers_repo):
    summary = run(numbers_repo, numbers_repo.graph(double__fail_on=[0]), fail_fast=True)
    assert counts(summary) == {
        "double": {"failed": 1, "not_attempted": 3},
        "add_one": {"blocked": 1, "not_attempted": 3},
        "total": {"blocked": 1},
    }
    assert {r.status for r in quanta(numbers_repo)} == {"failed", "blocked", "not_attempted"}


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_finishes_what_runs_and_says_how_to_go_on(numbers_repo, caplog):
    def interrupt_once(tally):
        if tally.done == 1:
            os.kill(os.getpid(), signal.SIGINT)

    summary = run(numbers_repo, numbers_repo.graph(double__sleep_s=0.3), progress=interrupt_once)
    assert summary.interrupted
    assert summary.exit_code == 130
    done = summary.total(Status.SUCCEEDED)
    assert 1 <= done <= 2
    assert summary.total(Status.NOT_ATTEMPTED) == 9 - done
    assert len(numbers_repo.butler.query_datasets("doubled", "out")) == done
    assert "--extend-run" in caplog.text
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("processes", [1, 2])
def test_ctrl_c_twice_stops_at_once_and_what_was_done_is_in_the_journal(numbers_repo, processes):
    def interrupt_twice(tally):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(numbers_repo, numbers_repo.graph(double__sleep_s=0.5), processes, progress=interrupt_twice)
    done = replay(numbers_repo.butler, "out/run")
    assert 1 <= done <= 2
    assert len(numbers_repo.butler.query_datasets("doubled", "out/run")) == done


def test_earlier_runs_stay_behind_the_new_one_in_the_chain(numbers_repo):
    run(numbers_repo, numbers_repo.graph("out/1"))
    run(numbers_repo, numbers_repo.graph("out/2", double__unit="s"))
    info = numbers_repo.butler.registry.collections.get_info("out")
    assert list(info.children) == ["out/2", "out/1", "numbers"]
    assert got(numbers_repo, "plus_one", 0)["unit"] == "s"
    assert got(numbers_repo, "plus_one", 0, "out/1")["unit"] == "adu"


def test_a_run_without_a_chain_is_only_registered(numbers_repo):
    run(numbers_repo, numbers_repo.graph("alone", output=""))
    assert got(numbers_repo, "total", collections="alone")["count"] == 4


def test_a_run_that_another_process_executes_is_refused(numbers_repo):
    graph = numbers_repo.graph()
    with Journal(journal_path(numbers_repo.root, "out/run")) as journal:
        journal.append(b"busy")
        with pytest.raises(RunLockedError):
            run(numbers_repo, graph)


def test_nothing_of_the_journal_is_left_after_a_run(numbers_repo):
    run(numbers_repo, numbers_repo.graph())
    assert list((numbers_repo.root / ".journal").iterdir()) == []


def test_unregistered_dataset_types_are_named_before_anything_is_written(numbers_repo):
    with pytest.raises(LookupError, match=r"'doubled'.*--register-dataset-types"):
        run_graph(numbers_repo.graph(), numbers_repo.butler)
    assert "out" not in numbers_repo.butler.registry.collections.query("*")


def test_a_saved_graph_is_not_run_twice(numbers_repo):
    graph = numbers_repo.graph()
    run(numbers_repo, graph)
    with pytest.raises(InconsistentRunError, match="9 of the 9 quanta"):
        run(numbers_repo, graph)


def test_handlers_of_the_user_see_no_more_than_before(numbers_repo):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    try:
        run(numbers_repo, numbers_repo.graph(double__fail_on=[1]))
    finally:
        logging.getLogger().removeHandler(handler)
    (line,) = stream.getvalue().splitlines()
    assert line == 'double {"instrument": "Cam", "detector": 1} failed: ValueError: detector 1 is broken'


def test_clobbered_outputs_keep_their_ids_and_have_a_new_producer(numbers_repo):
    run(numbers_repo, numbers_repo.graph())
    butler = numbers_repo.butler
    before = {ref.dataId: ref.id for ref in butler.query_datasets("plus_one", "out/run")}
    old = butler.registry.provenance.producers(before.values())
    summary = run(numbers_repo, numbers_repo.graph(clobber_outputs=True))
    assert summary.total(Status.SUCCEEDED) == 9
    after = {ref.dataId: ref.id for ref in butler.query_datasets("plus_one", "out/run")}
    assert after == before
    new = butler.registry.provenance.producers(after.values())
    assert set(new.values()).isdisjoint(old.values())
    assert got(numbers_repo, "total") == {"n": 96, "count": 4}


def test_an_extended_run_must_have_the_same_configuration(numbers_repo):
    run(numbers_repo, numbers_repo.graph(double__fail_on=[0]))
    graph = numbers_repo.graph(extend_run=True, double__unit="s")
    with pytest.raises(InconsistentRunError, match=r"double_schema|double_config"):
        run(numbers_repo, graph)
    graph = numbers_repo.graph(extend_run=True, double__fail_on=[0], double__sleep_s=0.5)
    with pytest.raises(InconsistentRunError, match=r"another 'double_config' \(sleep_s: 0\.0 -> 0\.5\)\."):
        run(numbers_repo, graph)


def test_progress_counts_up_to_the_total(numbers_repo):
    seen = []
    run(numbers_repo, numbers_repo.graph(), progress=lambda tally: seen.append((tally.done, tally.total)))
    assert seen == sorted(seen)
    assert seen[-1] == (9, 9)


def test_the_level_and_handlers_of_logging_are_as_before(numbers_repo):
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    run(numbers_repo, numbers_repo.graph())
    assert (root.level, list(root.handlers)) == before


def test_each_success_is_stored_with_what_its_results_depend_on(numbers_repo):
    run_graph(numbers_repo.graph(), numbers_repo.butler, register_dataset_types=True)
    versions = numbers_repo.butler.registry.provenance.versions("out/run", "add_one")
    assert len(versions) == 4
    assert len({version.code for _, version in versions}) == 1
    assert len({version.config for _, version in versions}) == 1
    inputs = [json.loads(version.inputs) for _, version in versions]
    assert all(given.keys() == {"doubled", "schema"} for given in inputs)
    assert len({given["doubled"] for given in inputs}) == 4
    assert len({given["schema"] for given in inputs}) == 1
    assert all(version.n_outputs == 3 for _, version in versions)  # plus_one, log, metadata


def test_failures_are_stored_without_what_they_depend_on(numbers_repo):
    run_graph(numbers_repo.graph(double__fail_on=[1]), numbers_repo.butler, register_dataset_types=True)
    versions = numbers_repo.butler.registry.provenance.versions("out/run", "double")
    assert sorted(json.loads(quantum.data_id)["detector"] for quantum, _ in versions) == [0, 2, 3]
