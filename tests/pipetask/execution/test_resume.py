"""Runs that are cut short: killed for real, replayed, extended, and equal to undisturbed ones."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from pipetask.butler.repository import journal_path
from pipetask.errors import EmptyQueryResultError, InconsistentRunError, JournalError, RunLockedError
from pipetask.execution.fsck import fsck
from pipetask.execution.journal import Journal, read_journal
from pipetask.execution.report import RAN, Report, Status
from pipetask.execution.resume import graph_path, replay
from pipetask.execution.run_graph import run_graph
from pipetask.reports.run import run_report

HERE = Path(__file__).parent
KILLED_RUN = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pipetask.butler import Butler
from pipetask.execution.run_graph import run_graph
from pipetask.graph.quantum_graph import QuantumGraph

def kill_after(tally):
    if tally.done >= int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    butler = Butler.from_config(sys.argv[2], writeable=True)
    graph = QuantumGraph.load(sys.argv[3])
    run_graph(graph, butler, processes=int(sys.argv[5]), register_dataset_types=True, progress=kill_after)
"""


def run_until_killed(repo, tmp_path, done, processes=1, **config):
    graph = tmp_path / "killed.qg"
    repo.graph(**config).save(graph)
    script = tmp_path / "killed.py"
    script.write_text(KILLED_RUN)
    command = [sys.executable, script, HERE, repo.root, graph, str(done), str(processes)]
    assert subprocess.run(command, check=False, timeout=60).returncode == -9


def cut_short(repo, *records):
    """Leave what a run leaves that was killed when it had a journal with some records; return its path."""
    repo.butler.registry.collections.register("out/run")
    path = journal_path(repo.root, "out/run")
    with Journal(path) as journal:
        journal.append(*records)
    repo.graph().save(graph_path(path))
    return path


def contents(repo, collection):
    found = {}
    for name in ("doubled", "plus_one", "total", "double_schema"):
        for ref in repo.butler.query_datasets(name, collection, explain=False):
            found[name, ref.dataId] = repo.butler.get(ref)
    return found


def test_a_journal_whose_graph_is_gone_is_mentioned(numbers_repo, caplog):
    graph_path(cut_short(numbers_repo, Report(0, Status.FAILED).to_bytes())).unlink()
    with pytest.raises(JournalError, match=r"out%2Frun\.journal needs the graph"):
        replay(numbers_repo.butler, "out/run")
    with pytest.raises(EmptyQueryResultError, match="No quantum is recorded"):
        run_report(numbers_repo.butler, "out/run")
    assert "out%2Frun.journal tells of" in caplog.text


def test_a_damaged_journal_is_mentioned(numbers_repo, caplog):
    path = cut_short(numbers_repo, b"record")
    path.write_bytes(b"garbage" * 10)
    assert replay(numbers_repo.butler, "out/run") == 0
    assert f"70 bytes of the journal {path} are no whole record" in caplog.text


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (b'{"form": 2}', "is in a form that this release doesn't read"),
        (Report(9, Status.FAILED).to_bytes(), "is not of the graph of run 'out/run'"),
        (Report(0, Status.SUCCEEDED, written={UUID(int=5): []}).to_bytes(), "is not of the graph of run"),
    ],
)
def test_a_journal_that_is_not_of_the_run_changes_nothing(numbers_repo, caplog, record, message):
    path = cut_short(numbers_repo, record)
    with pytest.raises(JournalError, match=message):
        replay(numbers_repo.butler, "out/run")
    assert list(read_journal(path)) == [record]
    assert numbers_repo.butler.registry.provenance.quanta("out/run") == []
    assert run_report(numbers_repo.butler, "out/run").total(Status.SUCCEEDED) == 0
    assert message in caplog.text


def test_a_journal_beside_the_graph_of_another_run_changes_nothing(numbers_repo):
    path = cut_short(numbers_repo, Report(0, Status.FAILED).to_bytes())
    numbers_repo.graph("other", output="").save(graph_path(path))
    with pytest.raises(JournalError, match=r"out%2Frun\.graph, which is of run 'other'"):
        replay(numbers_repo.butler, "out/run")
    assert list(read_journal(path))


@pytest.mark.parametrize(("done", "processes"), [(1, 2), (4, 1), (8, 2)])
def test_a_killed_run_is_extended_to_what_an_undisturbed_one_makes(numbers_repo, tmp_path, done, processes):
    run_until_killed(numbers_repo, tmp_path, done, processes, double__sleep_s=0.05)
    butler = numbers_repo.butler
    found = replay(butler, "out/run")
    assert found >= done
    assert len(butler.registry.provenance.quanta("out/run")) == found
    graph = numbers_repo.graph(extend_run=True, double__sleep_s=0.05)
    assert len(graph) == 9 - found
    summary = run_graph(graph, butler)
    assert summary.total(Status.SUCCEEDED) == 9 - found
    run_graph(numbers_repo.graph("whole", output="", double__sleep_s=0.05), butler)
    assert contents(numbers_repo, "out/run") == contents(numbers_repo, "whole")


def test_a_run_killed_again_and_again_loses_and_doubles_nothing(numbers_repo, tmp_path):
    butler = numbers_repo.butler
    sleepy = {"double__sleep_s": 0.02}
    run_graph(numbers_repo.graph("whole", output="", **sleepy), butler, register_dataset_types=True)
    done = 0
    for _ in range(9):
        run_until_killed(numbers_repo, tmp_path, min(3, 9 - done), extend_run=done > 0, **sleepy)
        done += replay(butler, "out/run")
        if done == 9:
            break
    assert done == 9
    assert contents(numbers_repo, "out/run") == contents(numbers_repo, "whole")
    for name in ("doubled", "plus_one", "total", "double_log", "total_metadata"):
        refs = butler.query_datasets(name, "out/run")
        assert all(butler.exists(ref) for ref in refs)
        assert len(refs) == len({ref.dataId for ref in refs}) == (1 if name.startswith("total") else 4)


def test_a_report_of_a_run_that_was_cut_short_counts_what_its_journal_knows(numbers_repo, tmp_path):
    run_until_killed(numbers_repo, tmp_path, 5, double__fail_on=[0])
    report = run_report(numbers_repo.butler, "out/run")
    assert report.is_unfinished
    assert report.total(Status.SUCCEEDED) + report.total(Status.FAILED) >= 3
    assert report.total() == 9  # with those that are still to come
    assert [group.failure.message for group in report.errors] == ["detector 0 is broken"]
    replay(numbers_repo.butler, "out/run")
    stored = run_report(numbers_repo.butler, "out/run")
    assert [stored.total(outcome) for outcome in RAN] == [report.total(outcome) for outcome in RAN]
    assert stored.errors == report.errors


def test_a_run_that_was_cut_short_is_not_run_again_before_it_is_replayed(numbers_repo):
    cut_short(numbers_repo, Report(0, Status.FAILED).to_bytes())
    with pytest.raises(InconsistentRunError, match="--extend-run"):
        run_graph(numbers_repo.graph(), numbers_repo.butler)


def test_the_journal_of_a_run_that_was_removed_is_named_with_what_to_do(numbers_repo):
    journal = cut_short(numbers_repo, Report(0, Status.FAILED).to_bytes())
    saved = {path: path.read_bytes() for path in journal.parent.iterdir()}
    numbers_repo.butler.removeRuns("out/run")
    journal.parent.mkdir(exist_ok=True)
    for path, data in saved.items():
        path.write_bytes(data)
    with pytest.raises(InconsistentRunError, match=r"Remove the journal and .*out%2Frun\.graph"):
        run_graph(numbers_repo.graph(), numbers_repo.butler)


def test_replay_removes_half_written_files_and_the_journal(numbers_repo, tmp_path):
    run_until_killed(numbers_repo, tmp_path, 4)
    run_folder = numbers_repo.root / "out" / "run"
    part = run_folder / "doubled" / ".abc-1-2.part"
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(b"half")
    replay(numbers_repo.butler, "out/run")
    assert not part.exists()
    assert list((numbers_repo.root / ".journal").iterdir()) == []
    assert replay(numbers_repo.butler, "out/run") == 0


def test_a_crash_between_commit_and_removal_of_the_journal_changes_nothing(numbers_repo, tmp_path):
    run_until_killed(numbers_repo, tmp_path, 4)
    journal = journal_path(numbers_repo.root, "out/run")
    saved = {path: path.read_bytes() for path in journal.parent.iterdir()}
    first = replay(numbers_repo.butler, "out/run"), contents(numbers_repo, "out/run")
    for path, data in saved.items():
        path.write_bytes(data)
    assert (replay(numbers_repo.butler, "out/run"), contents(numbers_repo, "out/run")) == first


def test_a_running_run_is_not_replayed(numbers_repo):
    with Journal(journal_path(numbers_repo.root, "out/run")) as journal:
        journal.append(b"busy")
        with pytest.raises(RunLockedError):
            replay(numbers_repo.butler, "out/run")


def test_failed_quanta_are_tried_again_when_the_run_is_extended(numbers_repo):
    butler = numbers_repo.butler
    flag = numbers_repo.root / "broken"
    flag.touch()
    os.environ["BROKEN"] = str(flag)
    try:
        config = {"double__fail_while_exists": "BROKEN"}
        summary = run_graph(numbers_repo.graph(**config), butler, register_dataset_types=True)
        assert summary.tasks["double"] == {Status.FAILED: 4}
        flag.unlink()
        graph = numbers_repo.graph(extend_run=True, **config)
        summary = run_graph(graph, butler)
    finally:
        del os.environ["BROKEN"]
    assert summary.total() == summary.total(Status.SUCCEEDED) == 9
    log = butler.get("double_log", instrument="Cam", detector=1, collections="out")
    assert [record.message for record in log] == ["detector 1"]
    ref = butler.find_dataset("double_log", instrument="Cam", detector=1, collections="out")
    producer = butler.registry.provenance.producers([ref.id])[ref.id]
    rows = {row.id: row for row in butler.registry.provenance.quanta("out/run")}
    assert rows[producer].status == "succeeded"


def test_a_worker_lost_while_it_replaces_outputs_leaves_what_can_be_gone_on_with(numbers_repo):
    butler = numbers_repo.butler
    slow = {"double__sleep_s": 0.4}
    run_graph(numbers_repo.graph(**slow), butler, register_dataset_types=True)
    expected = contents(numbers_repo, "out/run")
    butler.pruneDatasets(
        butler.query_datasets("double_metadata", "out/run", detector=1, instrument="Cam"),
        disassociate=True,
        unstore=True,
        purge=True,
    )
    again = {"extend_run": True, "clobber_outputs": True, **slow}
    graph = numbers_repo.graph(**again)
    assert graph.label_of(0) == "double"
    summary = run_graph(graph, butler, timeout_s=0.2)
    assert summary.errors[0].failure.kind == "Timeout"
    assert list(fsck(butler, grace_s=0, deep=True)) == []
    run_graph(numbers_repo.graph(**again), butler)
    assert contents(numbers_repo, "out/run") == expected
    assert list(fsck(butler, grace_s=0, deep=True)) == []
