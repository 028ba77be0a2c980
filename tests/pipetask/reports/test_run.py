"""Reports of runs from the provenance tables."""

import pytest

from pipetask.butler.repository import journal_path
from pipetask.errors import EmptyQueryResultError
from pipetask.execution.journal import Journal
from pipetask.execution.report import Status
from pipetask.reports.run import run_report


def test_counts_durations_and_errors_come_from_the_provenance(provenance):
    for detector, seconds in enumerate([1.0, 2.0, 6.0]):
        provenance.add("isr", detector, "succeeded", 100, 100 + seconds, memory=1000 * detector)
    provenance.add("isr", 3, "failed", 101, 102, error="detector 3 is broken")
    provenance.add("detect", 3, "blocked", 110, 110, error="It needs isr")
    report = run_report(provenance.butler, "out/1")
    isr, detect = report.tasks
    assert isr.counts == {Status.SUCCEEDED: 3, Status.FAILED: 1}
    assert (isr.median_s, isr.longest_s, isr.total_s, isr.cpu_s) == pytest.approx((1.5, 6.0, 10.0, 5.0))
    assert isr.peak_memory == 2000
    assert detect.counts == {Status.BLOCKED: 1}
    assert detect.longest_s == 0
    assert report.wall_s == pytest.approx(6.0)
    (group,) = report.errors
    assert (group.label, group.count, group.data_id) == ("isr", 1, '{"detector": 3}')
    assert report.exit_code == 1
    assert not report.is_unfinished
    assert report.rows()[0]["succeeded"] == 3


def test_a_quantum_that_was_tried_again_counts_as_it_ended_last(provenance):
    provenance.add("isr", 0, "failed", 100, 101, error="broken")
    provenance.add("isr", 1, "not_attempted", 102, 102)
    provenance.add("isr", 0, "succeeded", 200, 201)
    provenance.add("isr", 1, "succeeded", 201, 202)
    report = run_report(provenance.butler, "out/1")
    assert report.tasks[0].counts == {Status.SUCCEEDED: 2}
    assert report.errors == ()
    assert report.exit_code == 0


def test_a_chain_means_its_newest_run(provenance):
    provenance.add("isr", 0, "succeeded", 100, 101)
    collections = provenance.butler.registry.collections
    collections.register("out/0")
    collections.register("out", "CHAINED")
    collections.set_chain("out", ["out/1", "out/0"])
    assert run_report(provenance.butler, "out").run == "out/1"


def test_a_run_without_quanta_is_an_error_that_says_what_to_do(provenance):
    with pytest.raises(EmptyQueryResultError, match="query-collections"):
        run_report(provenance.butler, "out/1")


def test_a_run_with_a_journal_is_not_finished(provenance):
    provenance.add("isr", 0, "succeeded", 100, 101)
    with Journal(journal_path(provenance.butler.root, "out/1")) as journal:
        journal.append(b"0")
        assert run_report(provenance.butler, "out/1").is_unfinished
