"""Memory of workers: who may run beside whom, who is stopped, whom the kernel killed."""

import os

import pytest

from pipetask.execution.executors.base import OUT_OF_MEMORY
from pipetask.execution.executors.memory import MemoryBudget, oom_kills, private_memory
from pipetask.execution.executors.processes import ProcessExecutor
from pipetask.execution.testing import ScriptedRunner, ScriptedWork, collect_all

GIB = 2**30


def spans(reports):
    return sorted((report.begin_ns, report.end_ns) for report in reports)


def overlap(first, second):
    return first[0] < second[1] and second[0] < first[1]


def run(works, **options):
    with ProcessExecutor(ScriptedRunner(), 2, **options) as pool:
        pool.submit(works)
        return {report.quantum: (report.begin_ns, report.end_ns) for report in collect_all(pool, len(works))}


def test_quanta_that_have_no_room_beside_each_other_run_in_turn():
    budget = MemoryBudget(100 * GIB, 2, {"big": 60 * GIB, "small": GIB})
    works = [ScriptedWork(i, "sleep", "0.3", label="big") for i in range(3)]
    times = run(works, memory=budget)
    assert not any(overlap(times[i], times[j]) for i in range(3) for j in range(i))


def test_quanta_that_have_room_run_at_once():
    budget = MemoryBudget(100 * GIB, 2, {"big": 60 * GIB, "small": GIB})
    times = run(
        [ScriptedWork(i, "sleep", "3.0", label=label) for i, label in enumerate(["big", "small"])],
        memory=budget,
    )
    assert overlap(times[0], times[1])


def test_a_quantum_that_is_to_be_alone_is_alone():
    works = [ScriptedWork(i, "sleep", "0.3", is_alone=i == 2) for i in range(5)]
    times = run(works)
    assert not any(overlap(times[2], times[i]) for i in (0, 1, 3, 4))


def test_a_worker_that_takes_too_much_is_stopped():
    budget = MemoryBudget(200 * 2**20, 2)
    with ProcessExecutor(ScriptedRunner(), 2, memory=budget) as pool:
        pool.submit([ScriptedWork(0, "hold", "300", label="greedy"), ScriptedWork(1, "sleep", "60")])
        (stopped,) = collect_all(pool, 1)
    assert stopped.quantum == 0
    assert stopped.failure.kind == OUT_OF_MEMORY
    assert budget.peaks["greedy"] > 100 * 2**20  # its share: it may be seen before it has all that it wants


def test_the_memory_of_a_process_is_seen():
    before = private_memory(os.getpid())
    held = bytearray(b"x") * (64 * 2**20)
    assert private_memory(os.getpid()) - before > 60 * 2**20
    assert held
    assert private_memory(2**22 + 1) == 0


@pytest.mark.parametrize(
    ("own", "events", "expected"),
    [
        ("0::/jobs/7\n", "oom 5\noom_kill 3\n", 3),
        ("0::/jobs/7\n", None, 0),
        ("1:name=x:/\n", "oom_kill 3\n", 0),
    ],
)
def test_kills_of_the_kernel_are_counted_in_the_own_control_group(tmp_path, own, events, expected):
    (tmp_path / "jobs/7").mkdir(parents=True)
    (tmp_path / "own").write_text(own)
    if events:
        (tmp_path / "jobs/7/memory.events").write_text(events)
    assert oom_kills(tmp_path, tmp_path / "own") == expected


def test_kills_of_the_kernel_are_counted_in_the_group_of_the_memory_controller(tmp_path):
    (tmp_path / "memory/jobs/7").mkdir(parents=True)
    (tmp_path / "memory/jobs/7/memory.oom_control").write_text(
        "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"
    )
    (tmp_path / "own").write_text("8:pids:/\n4:hugetlb,memory:/jobs/7\n0::/\n")
    assert oom_kills(tmp_path, tmp_path / "own") == 2


def test_a_kill_of_the_kernel_is_told_from_others(monkeypatch):
    kills = iter([0, 1, 1, 1])
    monkeypatch.setattr("pipetask.execution.executors.processes.oom_kills", lambda: next(kills))
    with ProcessExecutor(ScriptedRunner(), 1) as pool:
        pool.submit([ScriptedWork(0, "kill", "9")])
        (first,) = collect_all(pool, 1)
        pool.submit([ScriptedWork(1, "kill", "9")])
        (second,) = collect_all(pool, 1)
    assert first.failure.kind == OUT_OF_MEMORY
    assert second.failure.kind == "LostWorker"
