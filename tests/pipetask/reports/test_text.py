"""Summaries and reports as text."""

from dataclasses import replace

import pytest

from pipetask.butler.executions import Executions
from pipetask.execution.report import Failure, Status
from pipetask.execution.summary import ErrorGroup, Errors, RunSummary, Tally
from pipetask.reports.rerun import rerun_command
from pipetask.reports.run import RunReport, TaskReport
from pipetask.reports.text import duration, report_text, summary_text

ERROR = ErrorGroup("isr", 3, '{"detector": 1}', Failure("ValueError", "no bias\nfor 1", "Traceback"))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ms"),
        (0.00123, "1.23 ms"),
        (1.5, "1.5 s"),
        (99.0, "99 s"),
        (100.4, "1 min 40 s"),
        (7325, "2 h 02 min"),
    ],
)
def test_durations_have_the_unit_that_suits_them(seconds, text):
    assert duration(seconds) == text


def test_a_summary_shows_the_statuses_that_occur_and_one_example_per_error():
    tasks = {
        "isr": {Status.SUCCEEDED: 7, Status.FAILED: 3},
        "detect": {Status.SUCCEEDED: 7, Status.BLOCKED: 3},
    }
    lines = summary_text(RunSummary("u/me/run", tasks, (ERROR,), 12.0)).splitlines()
    assert lines[0] == "Run u/me/run: 20 quanta (14 succeeded, 3 failed, 3 blocked) in 12 s"
    assert lines[1].split() == ["task", "succeeded", "failed", "blocked"]
    assert lines[2].split() == ["isr", "7", "3", "0"]
    assert lines[3].split() == ["detect", "7", "0", "3"]
    example = lines.index("3 x isr: ValueError: no bias …") + 1
    assert lines[example].endswith('{"detector": 1}')


def test_a_lost_worker_has_no_log_to_look_at():
    lost = ErrorGroup("isr", 1, '{"detector": 1}', Failure("LostWorker", "ended by SIGKILL"))
    shown = summary_text(RunSummary("r", {"isr": {Status.FAILED: 2}}, (lost,), 1.0))
    assert "isr_log" not in shown
    assert "butler.get('isr_log'" in summary_text(
        RunSummary("r", {"isr": {Status.FAILED: 2}}, (lost, ERROR), 1.0)
    )


def test_numbers_have_separators_of_thousands():
    task = TaskReport("isr", {Status.SUCCEEDED: 99_000, Status.FAILED: 1_000}, 1.0, 1.0, 1.0, 1.0, 2**20)
    group = ErrorGroup("isr", 1_000, "{}", Failure("ValueError", "no bias"))
    summary = RunSummary("r", {"isr": dict(task.counts)}, (group,), 1.0)
    for text in summary_text(summary), report_text(RunReport("r", (task,), (group,), 1.0, False)):
        assert "100,000 quanta (99,000 succeeded, 1,000 failed) in 1 s" in text
        assert "99,000   1,000" in text
        assert "1,000 x isr" in text


def test_what_is_only_counted_took_no_time():
    assert summary_text(RunSummary("r", {"isr": {Status.SUCCEEDED: 2}}, (), 0.0)).splitlines()[0] == (
        "Run r: 2 quanta (2 succeeded)"
    )


def test_a_step_of_a_batch_names_no_commands_that_need_the_registry():
    summary = RunSummary("r", {"isr": {Status.FAILED: 3}}, (ERROR,), 1.0)
    lines = summary_text(summary, next_steps=["the job again"], is_stored=False).splitlines()
    assert lines[lines.index("Next:") + 1 :] == ["  the job again"]
    assert not any("again: " in line for line in lines)


def test_a_summary_says_that_a_run_was_stopped():
    summary = RunSummary("r", {"isr": {Status.NOT_ATTEMPTED: 1}}, (), 1.0, interrupted=True)
    assert "stopped before its end" in summary_text(summary)


def test_a_report_adds_durations_and_memory():
    task = TaskReport("isr", {Status.SUCCEEDED: 2}, 0.5, 0.75, 1.0, 0.25, 3 * 2**20)
    lines = report_text(RunReport("r", (task,), (), 2.0, is_unfinished=True)).splitlines()
    assert lines[0].endswith("in 2 s, not finished")
    assert lines[2].split("  ")[-1].strip() == "3 MiB"
    assert "500 ms" in lines[2]


def test_errors_that_differ_in_numbers_only_are_one_group():
    errors = Errors()
    for i in range(5):
        errors.add("isr", f"d{i}", Failure("ValueError", f"detector {i} has {i * i} bad pixels"))
    errors.add("isr", "d9", Failure("ValueError", "no bias"))
    errors.add("detect", "d9", Failure("ValueError", "no bias"))
    groups = errors.groups()
    assert [group.count for group in groups] == [5, 1, 1]
    assert groups[0].data_id == "d0"
    assert groups[0].failure.message == "detector 0 has 0 bad pixels"


def test_errors_that_differ_in_addresses_only_are_one_group():
    errors = Errors()
    for address in ("0x7f3a00de", "0x7F3a11ad"):
        errors.add("isr", "d", Failure("TypeError", f"<Task object at {address}> is not callable"))
    assert [group.count for group in errors.groups()] == [2]


@pytest.mark.parametrize(
    ("counts", "interrupted", "code"),
    [
        ({Status.SUCCEEDED: 2, Status.NO_WORK: 1}, False, 0),
        ({Status.SUCCEEDED: 2, Status.FAILED: 1}, False, 1),
        ({Status.BLOCKED: 1}, False, 1),
        ({Status.SUCCEEDED: 2, Status.NOT_ATTEMPTED: 1}, True, 130),
    ],
)
def test_the_exit_code_follows_from_the_counts(counts, interrupted, code):
    assert RunSummary("r", {"isr": counts}, (), 1.0, interrupted=interrupted).exit_code == code


def test_a_tally_knows_how_much_is_done():
    tally = Tally({"isr": 5, "detect": 2})
    tally.add("isr", Status.SUCCEEDED)
    tally.add("detect", Status.BLOCKED, 2)
    assert (tally.done, tally.total) == (3, 7)


def test_tasks_without_quanta_have_no_row_and_nothing_done_no_table():
    tasks = {"isr": {Status.SUCCEEDED: 1}, "calibrate": {}}
    assert "calibrate" not in summary_text(RunSummary("r", tasks, (), 1.0))
    text = summary_text(RunSummary("r", {}, (), 1.0, reused={"isr": 2}))
    assert text.splitlines() == ["Run r: 0 quanta in 1 s", "Taken from earlier runs: 2 of isr."]


def test_failures_that_are_too_many_to_name_are_what_is_not_done_of_the_data_selected():
    summary = RunSummary(
        "r/1", {}, (), 1.0, output="r", executions=Executions(data_query="visit < 9"), repository="/data/a b"
    )
    assert rerun_command(ERROR, summary) == (
        "pipetask run -b '/data/a b' -p 'r/1#isr' -o r --extend-run -d 'visit < 9'"
    )
    named = replace(ERROR, data_ids=('{"detector": 1}',))
    assert rerun_command(named, summary).endswith(" -d 'detector = 1'")
