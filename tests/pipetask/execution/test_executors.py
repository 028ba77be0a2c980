"""Executors: the common contract, and what worker processes must survive."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from pipetask.errors import WorkerStartError
from pipetask.execution.executors.processes import ProcessExecutor
from pipetask.execution.executors.serial import SerialExecutor
from pipetask.execution.executors.worker_start import WorkerStarter
from pipetask.execution.testing import ExecutorSuite, ScriptedRunner, ScriptedWork, collect_all


class TestSerial(ExecutorSuite):
    def make(self, runner):
        return SerialExecutor(runner)

    def test_quanta_run_in_the_order_given(self, executor):
        executor.submit([ScriptedWork(i) for i in (3, 1, 2)])
        assert [report.quantum for report in collect_all(executor, 3)] == [3, 1, 2]

    def test_what_is_not_run_yet_can_be_cancelled(self, executor):
        executor.submit([ScriptedWork(0, "fail"), ScriptedWork(1)])
        assert [report.quantum for report in executor.collect(1.0)] == [0]
        assert executor.cancel() == [1]


class TestProcesses(ExecutorSuite):
    def make(self, runner):
        return ProcessExecutor(runner, 2)


@pytest.fixture
def pool():
    with ProcessExecutor(ScriptedRunner(), 2, timeout_s=1.0) as executor:
        yield executor


@pytest.mark.parametrize(
    ("action", "argument", "reason"),
    [
        ("exit", "0", "exit code 0"),
        ("exit", "3", "exit code 3"),
        ("kill", "9", "SIGKILL"),
        ("segfault", "", "SIGSEGV"),
    ],
)
def test_a_lost_worker_fails_its_quantum_with_the_reason_and_no_other(pool, action, argument, reason):
    works = [ScriptedWork(i) for i in range(10)]
    works[4] = ScriptedWork(4, action, argument)
    pool.submit(works)
    reports = {report.quantum: report for report in collect_all(pool, 10)}
    assert sorted(reports) == list(range(10))
    assert [quantum for quantum, report in reports.items() if not report.ok] == [4]
    assert reports[4].failure.kind == "LostWorker"
    assert reason in reports[4].failure.message


def test_a_quantum_over_its_time_is_stopped_and_the_others_go_on(pool):
    begin = time.monotonic()
    pool.submit([ScriptedWork(0, "sleep", "60"), *(ScriptedWork(i) for i in range(1, 6))])
    reports = {report.quantum: report for report in collect_all(pool, 6)}
    assert time.monotonic() - begin < 20
    assert reports[0].failure.kind == "Timeout"
    assert "1 s" in reports[0].failure.message
    assert all(reports[i].ok for i in range(1, 6))


def test_the_time_of_quanta_that_wait_behind_another_is_not_counted(pool):
    pool.submit([ScriptedWork(i, "sleep", "0.4") for i in range(12)])
    assert all(report.ok for report in collect_all(pool, 12))


def test_the_time_that_a_worker_takes_to_start_is_not_counted():
    with ProcessExecutor(ScriptedRunner(opening_s=0.8), 2, timeout_s=0.4) as executor:
        executor.submit([ScriptedWork(i) for i in range(4)])
        assert all(report.ok for report in collect_all(executor, 4))


def test_workers_that_end_while_another_is_replaced_are_not_called_late(monkeypatch):
    def slowly(starter, start=WorkerStarter.start):
        time.sleep(0.5)
        return start(starter)

    with ProcessExecutor(ScriptedRunner(), 2, timeout_s=0.4) as executor:
        monkeypatch.setattr(WorkerStarter, "start", slowly)
        executor.submit([ScriptedWork(i, "exit", "3") for i in range(4)])
        assert {report.failure.kind for report in collect_all(executor, 4)} == {"LostWorker"}


def test_a_lost_fork_server_loses_no_more_than_what_was_running(pool):
    works = [ScriptedWork(i, "sleep", "0.02") for i in range(60)]
    works[5] = ScriptedWork(5, "kill parent", "9")
    pool.submit(works)
    reports = collect_all(pool, 60)
    assert sorted(report.quantum for report in reports) == list(range(60))
    failed = [report for report in reports if not report.ok]
    assert len(failed) <= 2
    assert {report.failure.kind for report in failed} == {"LostWorker"}


def test_a_task_that_closes_the_pipe_of_its_worker_fails(pool, monkeypatch):
    monkeypatch.setattr("pipetask.execution.executors.processes.GOODBYE_S", 0.1)
    pool.submit([ScriptedWork(0, "hang up"), ScriptedWork(1)])
    reports = {report.quantum: report for report in collect_all(pool, 2)}
    assert "closed its connection" in reports[0].failure.message
    assert reports[1].ok


def test_what_cannot_be_started_is_said(monkeypatch):
    def refuse(modules, *, threads):
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr("pipetask.execution.executors.worker_start.start_fork_server", refuse)
    monkeypatch.setattr("pipetask.execution.executors.worker_start.PAUSE_S", 0.0)
    with pytest.raises(WorkerStartError, match=r"No worker process.*Connection refused.*fewer \(-j\)"):
        ProcessExecutor(ScriptedRunner(), 2)


class UnopenableRunner(ScriptedRunner):
    def open(self):
        os._exit(7)


def test_workers_that_end_before_they_can_run_anything_end_the_run():
    with ProcessExecutor(UnopenableRunner(), 2) as executor:
        executor.submit([ScriptedWork(i) for i in range(3)])
        with pytest.raises(WorkerStartError, match=r"in a row ended .* exit code 7.*__main__.*--extend-run"):
            collect_all(executor, 1)


def test_a_task_that_forks_is_answered_once(pool):
    pool.submit([ScriptedWork(i, "fork") for i in range(4)])
    assert sorted(report.quantum for report in collect_all(pool, 4)) == [0, 1, 2, 3]
    assert pool.collect(0.2) == []


def test_signals_that_reach_the_workers_too_do_not_end_what_they_run(pool):
    pool.submit([ScriptedWork(i, "sleep", "0.2") for i in range(2)])
    assert len({report.pid for report in collect_all(pool, 2)}) == 2  # both have started
    pool.submit([ScriptedWork(i, "sleep", "0.5") for i in range(2)])
    for worker in pool._workers:
        os.kill(worker.process.pid, signal.SIGINT)
        os.kill(worker.process.pid, signal.SIGTERM)
    assert all(report.ok for report in collect_all(pool, 2))


def test_long_quanta_are_not_sent_ahead_to_a_busy_worker(pool):
    pool.submit([ScriptedWork(i, "sleep", "0.2", label="long") for i in range(8)])
    reports = collect_all(pool, 8)
    by_worker = {pid: sum(report.pid == pid for report in reports) for pid in {r.pid for r in reports}}
    assert len(by_worker) == 2
    assert max(by_worker.values()) <= 5


def test_a_storm_of_kills_loses_only_what_was_running():
    n = 400
    kills = 0
    with ProcessExecutor(ScriptedRunner(), 2) as executor:
        executor.submit([ScriptedWork(i, "sleep", "0.002") for i in range(n)])
        reports = []
        end = time.monotonic() + 60
        while len(reports) < n:
            assert time.monotonic() < end
            reports += executor.collect(0.02)
            if kills < 20 and len(reports) > kills * n // 25:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(executor._workers[kills % 2].process.pid, signal.SIGKILL)
                    kills += 1
    failed = [report for report in reports if not report.ok]
    assert sorted(report.quantum for report in reports) == list(range(n))
    assert len(failed) <= kills


def test_a_worker_is_not_killed_by_how_it_was_started():
    """What starts a process may be interrupted while it writes: the process may read all of it before that."""
    with ProcessExecutor(ScriptedRunner(), 1) as executor:
        executor.submit([ScriptedWork(0)])
        collect_all(executor, 1)
        started_by, *_ = executor._workers[0].process._popen.finalizer._args
        os.write(started_by, b"late")
        executor.submit([ScriptedWork(1)])
        assert [report.ok for report in collect_all(executor, 1)] == [True]


def test_no_worker_outlives_a_killed_coordinator(tmp_path):
    """The worker never leaves its task, and the coordinator has no time to say good-bye."""
    script = tmp_path / "coordinator.py"
    script.write_text(
        "import sys\n"
        "from pipetask.execution.executors.processes import ProcessExecutor\n"
        "from pipetask.execution.testing import ScriptedRunner, ScriptedWork\n"
        "if __name__ == '__main__':\n"
        "    executor = ProcessExecutor(ScriptedRunner(), 1)\n"
        "    executor.submit([ScriptedWork(0, 'write for ever', sys.argv[1])])\n"
        "    executor.collect(60)\n"
    )
    written = tmp_path / "written"
    process = subprocess.Popen([sys.executable, str(script), str(written)])
    end = time.monotonic() + 30
    while not written.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    worker = int(written.read_text().split()[0])
    process.kill()
    process.wait()
    time.sleep(0.3)
    last = written.read_text()
    time.sleep(0.2)
    assert written.read_text() == last
    assert not psutil.pid_exists(worker) or psutil.Process(worker).status() == psutil.STATUS_ZOMBIE
