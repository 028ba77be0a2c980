"""What every executor must do: subclass `ExecutorSuite` in a test module and say how to make yours."""

from __future__ import annotations

import ctypes
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipetask.execution.executors.base import Executor, Runner, Work
from pipetask.execution.report import Failure, Report, Status


@dataclass(frozen=True)
class ScriptedWork:
    """A quantum that does what its ``action`` says; see `ScriptedRunner`."""

    quantum: int
    action: str = "nothing"
    argument: str = ""
    label: str = "scripted"
    is_alone: bool = False
    followers: tuple[ScriptedWork, ...] = ()
    needs: frozenset[int] = frozenset()


@dataclass
class ScriptedRunner:
    """Runs `ScriptedWork`: really exits, really crashes, really sleeps."""

    opening_s: float = 0.0
    """How long it takes until the first quantum can be run."""
    seen: int = field(default=0)
    """Quanta that this copy has run: workers keep their runner."""

    def open(self) -> None:
        """Take the time that it takes."""
        time.sleep(self.opening_s)

    def run(self, work: Work) -> Report:
        """Do what the work says."""
        assert isinstance(work, ScriptedWork)
        begin = time.time_ns()
        self.seen += 1
        status, failure = Status.SUCCEEDED, None
        match work.action:
            case "fail":
                status, failure = Status.FAILED, Failure("ValueError", work.argument)
            case "sleep":
                time.sleep(float(work.argument))
            case "hold":
                held = bytearray(b"x") * (int(work.argument) * 2**20)
                time.sleep(60)
                del held
            case "exit":
                os._exit(int(work.argument))
            case "kill":
                os.kill(os.getpid(), int(work.argument))
            case "segfault":
                ctypes.string_at(0)
            case "kill parent":
                os.kill(os.getppid(), int(work.argument))
            case "hang up":
                os.closerange(3, 100)
                time.sleep(60)
            case "print":
                print("A task speaks. " * 10_000)  # noqa: T201 - the point of it
            case "fork":
                os.fork()
            case "write for ever":
                _write_for_ever(Path(work.argument))
        return Report(
            work.quantum,
            status,
            begin_ns=begin,
            end_ns=time.time_ns(),
            pid=os.getpid(),
            peak_memory=self.seen,
            failure=failure,
        )

    def close(self) -> None:
        """Nothing is open."""


def _write_for_ever(path: Path) -> None:
    while True:
        beside = path.with_suffix(".new")
        beside.write_text(f"{os.getpid()} {time.monotonic_ns()}")
        beside.replace(path)


def collect_all(executor: Executor, count: int, *, timeout_s: float = 30.0) -> list[Report]:
    """Collect until there are as many reports as expected; fails if they don't come in time."""
    reports: list[Report] = []
    end = time.monotonic() + timeout_s
    while len(reports) < count:
        assert time.monotonic() < end, f"only {len(reports)} of {count} reports came"
        reports += executor.collect(0.5)
    return reports


class ExecutorSuite:
    """The contract of `Executor`."""

    def make(self, runner: Runner) -> Executor:
        """Make the executor under test."""
        raise NotImplementedError

    @pytest.fixture
    def executor(self) -> object:
        """Make the executor, with a scripted runner, and close it at the end."""
        with self.make(ScriptedRunner()) as executor:
            yield executor

    def test_every_quantum_is_reported_once(self, executor: Executor) -> None:
        """Nothing is lost or doubled."""
        executor.submit([ScriptedWork(i) for i in range(20)])
        executor.submit([ScriptedWork(i) for i in range(20, 25)])
        reports = collect_all(executor, 25)
        assert sorted(report.quantum for report in reports) == list(range(25))
        assert all(report.ok for report in reports)
        assert executor.collect(0.01) == []

    def test_a_failure_is_reported_and_the_others_go_on(self, executor: Executor) -> None:
        """Failures are records, not exceptions."""
        executor.submit([ScriptedWork(0), ScriptedWork(1, "fail", "no stars"), ScriptedWork(2)])
        reports = {report.quantum: report for report in collect_all(executor, 3)}
        assert [reports[i].ok for i in range(3)] == [True, False, True]
        assert reports[1].failure == Failure("ValueError", "no stars")

    def test_a_chain_is_run_in_order_by_one_worker_without_what_needs_a_failed_one(
        self, executor: Executor
    ) -> None:
        """What quanta leave in the memory of their worker is there for those after them."""
        followers = (
            ScriptedWork(1, "fail", needs=frozenset([0])),
            ScriptedWork(2, needs=frozenset([1])),
            ScriptedWork(3, needs=frozenset([2])),
            ScriptedWork(4, needs=frozenset([0])),
        )
        executor.submit([ScriptedWork(0, followers=followers), ScriptedWork(5)])
        reports = [report for report in collect_all(executor, 4) if report.quantum != 5]
        assert [(report.quantum, report.ok) for report in reports] == [(0, True), (1, False), (4, True)]
        assert len({report.pid for report in reports}) == 1
        assert executor.collect(0.01) == []

    def test_the_runner_lives_as_long_as_its_worker(self, executor: Executor) -> None:
        """What a runner caches serves all quanta of its worker."""
        executor.submit([ScriptedWork(i) for i in range(30)])
        by_worker: dict[int, list[int]] = {}
        for report in collect_all(executor, 30):
            by_worker.setdefault(report.pid, []).append(report.peak_memory)
        assert all(seen == list(range(1, len(seen) + 1)) for seen in by_worker.values())

    def test_cancelled_quanta_are_named_and_not_run(self, executor: Executor) -> None:
        """What was not begun is given back, the rest is reported."""
        executor.submit([ScriptedWork(i, "sleep", "0.3") for i in range(6)])
        reports = executor.collect(5.0)
        given_back = executor.cancel()
        assert given_back
        reports += collect_all(executor, 6 - len(given_back) - len(reports))
        assert sorted([report.quantum for report in reports] + given_back) == list(range(6))
        assert executor.collect(0.01) == []

    def test_capacity_falls_as_quanta_are_submitted_and_recovers(self, executor: Executor) -> None:
        """Callers submit what can be used, not the whole graph."""
        before = executor.capacity
        assert before > 0
        executor.submit([ScriptedWork(i, "sleep", "0.05") for i in range(3)])
        assert executor.capacity < before
        collect_all(executor, 3)
        assert executor.capacity == before

    def test_what_a_task_prints_disturbs_nothing(self, executor: Executor) -> None:
        """Reports don't travel over standard output."""
        executor.submit([ScriptedWork(0, "print"), ScriptedWork(1)])
        assert sorted(report.quantum for report in collect_all(executor, 2)) == [0, 1]
