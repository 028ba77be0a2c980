"""In what way a graph is executed: retries, partial outputs, what is written before, debugger, profile."""

import os
import pstats
import socket
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from pipetask.errors import ExecutionOptionsError, InconsistentRunError, InitInputMissingError
from pipetask.execution.executors.worker_start import start_fork_server
from pipetask.execution.report import Status
from pipetask.execution.run_graph import run_graph

NEW = {"register_dataset_types": True}


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch):
    monkeypatch.setattr("pipetask.execution.retries.FIRST_PAUSE_S", 0.05)


def quanta(repo, label, run="out/run"):
    rows = repo.butler.registry.provenance.quanta(run)
    return {row.data_id.split()[-1][:-1]: row for row in rows if row.task_label == label}


@pytest.fixture
def flaky(numbers_repo, tmp_path):
    """Runs a graph whose detector 1 succeeds at the third attempt."""
    folder = tmp_path / "attempts"
    folder.mkdir()

    def run(**options):
        graph = numbers_repo.graph(double__attempts_in=str(folder), double__succeed_at=3)
        return run_graph(graph, numbers_repo.butler, **NEW, **options)

    return run


@pytest.mark.parametrize("processes", [1, 2])
def test_failed_quanta_are_tried_again_and_their_attempts_counted(flaky, numbers_repo, processes, caplog):
    summary = flaky(retries=2, processes=processes)
    assert summary.total() == summary.total(Status.SUCCEEDED) == 9
    assert {detector: row.attempts for detector, row in quanta(numbers_repo, "double").items()} == {
        "0": 1,
        "1": 3,
        "2": 1,
        "3": 1,
    }
    assert caplog.text.count("is tried again: OSError: the file system is away") == 2


def test_too_few_retries_fail_with_the_number_of_attempts(flaky, numbers_repo):
    assert flaky(retries=1).total(Status.FAILED) == 1
    assert quanta(numbers_repo, "double")["1"].attempts == 2
    assert quanta(numbers_repo, "double")["1"].status == "failed"
    assert quanta(numbers_repo, "add_one")["1"].attempts == 0


def test_nothing_is_tried_again_unless_asked(flaky, numbers_repo):
    assert flaky().total(Status.FAILED) == 1
    assert quanta(numbers_repo, "double")["1"].attempts == 1


def test_pauses_double(flaky, monkeypatch):
    monkeypatch.setattr("pipetask.execution.retries.FIRST_PAUSE_S", 0.4)
    begin = time.monotonic()
    flaky(retries=2)
    assert time.monotonic() - begin >= 0.4 + 0.8


def test_what_would_fail_again_is_not_tried_again(numbers_repo):
    graph = numbers_repo.graph(double__repeatable_on=[2])
    summary = run_graph(graph, numbers_repo.butler, retries=5, **NEW)
    assert summary.total(Status.FAILED) == 1
    assert quanta(numbers_repo, "double")["2"].attempts == 1


def test_fail_fast_counts_what_fails_at_its_last_attempt(flaky):
    assert flaky(retries=2, fail_fast=True).total(Status.SUCCEEDED) == 9


def test_a_lost_worker_is_a_failure_that_is_tried_again(numbers_repo):
    graph = numbers_repo.graph(double__exit_on=[0])
    summary = run_graph(graph, numbers_repo.butler, retries=1, processes=2, **NEW)
    assert summary.total(Status.LOST) == 1
    assert quanta(numbers_repo, "double")["0"].attempts == 2


def test_partial_outputs_may_count_as_a_failure_of_which_nothing_is_kept(numbers_repo):
    graph = numbers_repo.graph(double__partial_on=[1])
    summary = run_graph(graph, numbers_repo.butler, raise_on_partial_outputs=True, **NEW)
    assert summary.tasks["double"] == {Status.SUCCEEDED: 3, Status.FAILED: 1}
    assert summary.errors[0].failure.kind == "AnnotatedPartialOutputsError"
    assert len(numbers_repo.butler.query_datasets("doubled", "out/run")) == 3


@pytest.mark.parametrize(
    ("options", "cores", "memory", "threads"),
    [
        ({}, 1, 0, "1"),
        ({"cores_per_quantum": 3, "memory_per_quantum": 5000}, 3, 5000, "3"),
        ({"implicit_threading": True, "cores_per_quantum": 2}, 2, 0, ""),
    ],
)
def test_tasks_are_told_what_they_may_use(numbers_repo, monkeypatch, options, cores, memory, threads):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    graph = numbers_repo.graph(double__note_resources=True)
    run_graph(graph, numbers_repo.butler, processes=2, **options, **NEW)
    noted = numbers_repo.butler.get("double_metadata", instrument="Cam", detector=0, collections="out")
    assert noted["double"]["cores"] == cores
    assert noted["double"]["memory"] == memory
    assert noted["double"]["threads"] == threads


def test_workers_see_what_was_set_after_the_first_run_of_a_process(numbers_repo, monkeypatch):
    start_fork_server([])
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    run_graph(numbers_repo.graph(double__note_resources=True), numbers_repo.butler, processes=2, **NEW)
    noted = numbers_repo.butler.get("double_metadata", instrument="Cam", detector=0, collections="out")
    assert noted["double"]["threads"] == "7"


def test_init_only_writes_what_comes_before_any_quantum(numbers_repo):
    butler = numbers_repo.butler
    graph = numbers_repo.graph()
    summary = run_graph(graph, butler, init_only=True, **NEW)
    assert summary.total() == 0
    for name in ("double_schema", "double_config", "packages"):
        assert butler.get(name, collections="out/run")
    assert butler.registry.provenance.quanta("out/run") == []
    assert run_graph(graph, butler, skip_init_writes=True).total(Status.SUCCEEDED) == 9


def test_skipping_what_tasks_need_is_refused_before_anything_runs(numbers_repo):
    with pytest.raises(InitInputMissingError, match="no 'double_schema', which task 'add_one' needs"):
        run_graph(numbers_repo.graph(), numbers_repo.butler, skip_init_writes=True, **NEW)
    assert not numbers_repo.butler.registry.collections.query("out*")


def test_a_run_that_cannot_be_extended_changes_nothing(numbers_repo):
    butler = numbers_repo.butler
    one_task = "description: one\ntasks:\n  double: {class: execution_tasks.DoubleTask}\n"
    run_graph(numbers_repo.graph(pipeline=one_task, double__fail_on=[1]), butler, **NEW)
    before = butler.registry.query_dataset_types(), butler.registry.collections.query("*")
    with pytest.raises(InconsistentRunError, match="another 'double_config'"):
        run_graph(numbers_repo.graph(extend_run=True), butler, **NEW)
    assert (butler.registry.query_dataset_types(), butler.registry.collections.query("*")) == before


def test_versions_are_neither_written_nor_compared_if_so_asked(numbers_repo):
    butler = numbers_repo.butler
    run_graph(numbers_repo.graph(), butler, no_versions=True, **NEW)
    assert butler.find_dataset("packages", collections="out/run") is None
    assert butler.get("double_config", collections="out/run")


def test_packages_that_differ_from_the_run_s_are_refused(numbers_repo, monkeypatch):
    butler = numbers_repo.butler
    graph = numbers_repo.graph()
    run_graph(graph, butler, init_only=True, **NEW)
    from pipetask.butler import Packages

    changed = dict(Packages.from_system()) | {"numpy": "0.1"}
    monkeypatch.setattr(Packages, "from_system", classmethod(lambda cls: Packages(changed)))
    with pytest.raises(
        InconsistentRunError, match=r"another 'packages' \(numpy .* -> 0\.1\).*or add --no-versions\."
    ):
        run_graph(graph, butler)
    assert run_graph(graph, butler, no_versions=True).total(Status.SUCCEEDED) == 9


@pytest.mark.parametrize(
    "options",
    [
        {"debugger": "pdb", "processes": 2},
        {"debugger": "pdb", "timeout_s": 1.0},
        {"init_only": True, "skip_init_writes": True},
    ],
)
def test_contradictions_are_refused(numbers_repo, options):
    with pytest.raises(ExecutionOptionsError):
        run_graph(numbers_repo.graph(), numbers_repo.butler, **options)


@pytest.mark.parametrize("options", [{"processes": 2}, {"timeout_s": 60.0}, {"executor": "dask"}])
def test_a_task_that_says_so_stays_in_the_process_of_the_command(numbers_repo, options):
    staying = "{description: d, tasks: {double: execution_tasks.StayingTask}}"
    with pytest.raises(ExecutionOptionsError, match=r"Task 'double' .*StayingTask\.canMultiprocess is False"):
        run_graph(numbers_repo.graph(pipeline=staying), numbers_repo.butler, **NEW, **options)
    summary = run_graph(numbers_repo.graph(pipeline=staying), numbers_repo.butler, **NEW)
    assert summary.total(Status.SUCCEEDED) == 4


def test_a_run_knows_when_and_where_it_was_executed(numbers_repo):
    before = time.time_ns()
    run_graph(numbers_repo.graph(double__fail_on=[0]), numbers_repo.butler, **NEW)
    first = numbers_repo.butler.registry.provenance.run("out/run")
    assert before <= first.begin_ns <= first.end_ns <= time.time_ns()
    assert first.host == socket.gethostname()
    assert first.journal is None
    run_graph(numbers_repo.graph(extend_run=True, double__fail_on=[0]), numbers_repo.butler)
    again = numbers_repo.butler.registry.provenance.run("out/run")
    assert again.begin_ns == first.begin_ns
    assert again.end_ns > first.end_ns


def test_memory_that_all_workers_share_is_kept_to(numbers_repo):
    graph = numbers_repo.graph(double__hold_mib=250, double__sleep_s=0.7)
    summary = run_graph(graph, numbers_repo.butler, processes=2, max_memory=450 * 2**20, **NEW)
    assert summary.total() == summary.total(Status.SUCCEEDED) == 9
    rows = quanta(numbers_repo, "double").values()
    assert max(row.attempts for row in rows) <= 2  # of two that began together, one was stopped
    spans = sorted((row.begin_ns, row.end_ns) for row in rows)
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))


def test_the_next_run_knows_what_quanta_need(numbers_repo):
    config = {"double__hold_mib": 250, "double__sleep_s": 0.5}
    run_graph(numbers_repo.graph("first", output="", **config), numbers_repo.butler, **NEW)
    run_graph(
        numbers_repo.graph("second", output="", **config),
        numbers_repo.butler,
        processes=2,
        max_memory=450 * 2**20,
    )
    assert all(row.attempts == 1 for row in quanta(numbers_repo, "double", "second").values())


def test_memory_that_is_too_little_for_one_quantum_fails_it(numbers_repo):
    graph = numbers_repo.graph(double__hold_mib=250, double__sleep_s=5.0)
    summary = run_graph(graph, numbers_repo.butler, max_memory=150 * 2**20, fail_fast=True, **NEW)
    (group,) = summary.errors
    assert group.failure.kind == "OutOfMemory"
    assert "(--max-memory)" in group.failure.message


RUN = ("run", "-i", "numbers", "-o", "out", "--register-dataset-types")


def test_the_debugger_starts_where_a_task_raised(commands, tmp_path, monkeypatch):
    (tmp_path / "my_debugger.py").write_text(
        "def post_mortem(traceback):\n"
        "    while traceback.tb_next:\n"
        "        traceback = traceback.tb_next\n"
        "    print('stopped in', traceback.tb_frame.f_code.co_name, 'at', traceback.tb_frame.f_locals['detector'])\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    result = commands(*RUN, "-c", "double:fail_on=[2]", "--pdb", "my_debugger", exit_code=1)
    assert "stopped in runQuantum at 2" in result.stdout


def test_pdb_is_the_debugger_if_none_is_named(commands):
    code = "from pipetask.cli.main import pipetask; pipetask()"
    words = [*RUN, "-p", str(commands.pipeline), "-c", "double:fail_on=[2]", "--pdb", "--no-progress"]
    env = os.environ | {"BUTLER_REPO": str(commands.repo.root), "PYTHONPATH": str(Path(__file__).parent)}
    answer = "p 'detector', detector\nq\n"
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env=env,
        input=answer,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "('detector', 2)" in done.stdout
    assert done.returncode == 1


def test_debuggers_and_workers_exclude_each_other(commands):
    assert "--pdb needs the tasks in this process" in commands.error(*RUN, "--pdb", "pdb", "-j", 2)


def test_a_profile_is_written(commands, tmp_path):
    file = tmp_path / "run.prof"
    commands(*RUN, "--profile", file)
    functions = {name for _, _, name in pstats.Stats(str(file)).stats}
    assert "runQuantum" in functions
    for option in (("-j", 2), ("--timeout", 60), ("--executor", "dask")):
        assert "measures this process only" in commands.error(*RUN, "--profile", file, *option)


@pytest.mark.parametrize("option", ["--profile", "--summary"])
def test_a_file_that_cannot_be_written_is_told_before_anything_is_done(commands, tmp_path, option):
    for name, message in (("none/x", "is in no folder that exists"), ("", "is a folder. Name a file")):
        assert message in commands.error(*RUN, option, tmp_path / name)
    assert "out" not in commands.repo.butler.registry.collections.query("*")


@pytest.mark.parametrize(
    ("module", "wrong"), [("no_such_module", "can't be imported"), ("json", "has no function 'post_mortem'")]
)
def test_a_debugger_that_is_none_is_told_before_anything_is_done(commands, module, wrong):
    assert f"The debugger '{module}' {wrong}" in commands.error(*RUN, "--pdb", module)
    assert "out" not in commands.repo.butler.registry.collections.query("*")


@pytest.mark.parametrize("size", ["3 parsecs", "-1", "0"])
def test_memory_that_is_none_is_refused(commands, size):
    assert "'--max-memory'" in commands.error(*RUN, "--max-memory", size)


@pytest.mark.parametrize(("size", "expected"), [("2", 2_000_000), ("3GB", 3 * 10**9), ("1.5 GiB", 3 * 2**29)])
def test_memory_has_units(commands, size, expected):
    result = commands(*RUN, "-c", "double:note_resources=True", "--memory-per-quantum", size)
    butler = commands.repo.butler
    noted = butler.get("double_metadata", instrument="Cam", detector=0, collections="out")
    assert noted["double"]["memory"] == expected, result


def test_options_of_the_command_line_reach_the_run(commands, tmp_path):
    folder = tmp_path / "attempts"
    folder.mkdir()
    config = ("-c", f"double:attempts_in={folder}", "-c", "double:succeed_at=2")
    result = commands(*RUN, *config, "--retries", 1, "-n", 2, "--no-versions", "--raise-on-partial-outputs")
    assert "9 succeeded" in result.stdout
    assert commands.repo.butler.find_dataset("packages", collections="out") is None
    begun = commands("run", "-i", "numbers", "--output-run", "lone", "--init-only")
    assert begun.stdout == (
        "Run lone: configurations and init-outputs are there; nothing else was asked for.\n"
    )
    assert commands.repo.butler.registry.provenance.quanta("lone") == []
    assert (
        "9 succeeded"
        in commands(
            "run", "-i", "numbers", "--output-run", "lone", "--extend-run", "--skip-init-writes"
        ).stdout
    )


def test_an_estimate_is_what_the_quanta_of_the_last_run_took(commands):
    commands(*RUN, "-c", "double:sleep_s=0.2")
    shown = commands("qgraph", "-o", "out", "--estimate").stdout
    assert "Nothing is known" not in shown
    (line,) = [line for line in shown.splitlines() if line.startswith("double ")]
    label, n_quanta, n_known, wall, unit, *_ = line.split()
    assert (label, n_quanta, n_known, unit) == ("double", "4", "4", "ms")
    assert 200 <= float(wall) < 600
