"""A saved graph run step by step from files only: the database may be away until the end."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipetask.cli.main import butler as butler_group
from pipetask.cli.main import pipetask
from pipetask.execution.fsck import fsck
from pipetask.execution.run_graph import run_graph

TASKS = ("double", "add_one", "total")


class Site:
    """Commands on a saved graph, with the database put away but where it is needed."""

    def __init__(self, repo, file):
        self.repo = repo
        self.file = str(file)
        self.database = repo.root / "registry.sqlite3"

    def __call__(self, name, *words, exit_code=0):
        self.repo.butler.close()
        away = self.database.with_name("away")
        self.database.rename(away)
        try:
            words = [name, "-b", str(self.repo.root), self.file, *map(str, words)]
            result = CliRunner().invoke(pipetask, words)
        finally:
            away.rename(self.database)
        assert result.exit_code == exit_code, result.output
        return result

    def transfer(self, *words, exit_code=0):
        words = ["transfer-from-graph", self.file, str(self.repo.root), *words]
        result = CliRunner().invoke(butler_group, words)
        assert result.exit_code == exit_code, result.output
        return result


@pytest.fixture
def site(numbers_repo, tmp_path):
    """A graph of nine quanta for run ``batch``, and one of an undisturbed run."""
    run_graph(numbers_repo.graph("whole", output=""), numbers_repo.butler, register_dataset_types=True)
    file = tmp_path / "batch.qg"
    numbers_repo.graph("batch").save(file)
    return Site(numbers_repo, file)


def contents(repo, run):
    found = {}
    for name in ("doubled", "plus_one", "total", "double_schema", "double_config", "double_log"):
        for ref in repo.butler.query_datasets(name, run, explain=False):
            value = repo.butler.get(ref)
            found[name, ref.dataId] = [r.message for r in value] if name == "double_log" else value
    return found


def test_a_graph_run_in_parts_gives_what_an_undisturbed_run_gives(site):
    assert site("pre-exec-init").stdout.splitlines() == ["double 4", "add_one 4", "total 1"]
    for label in TASKS:
        for part in ("1/2", "2/2"):
            site("run-quanta", "--task", label, "--part", part)
    assert list(fsck(site.repo.butler, grace_s=0)) == []
    assert "9 quanta (9 succeeded)" in site.transfer().stdout
    assert contents(site.repo, "batch") == contents(site.repo, "whole")
    rows = site.repo.butler.registry.provenance.quanta("batch")
    assert [row.status for row in rows] == ["succeeded"] * 9
    assert site.repo.butler.collections.get_info("out").children[0] == "batch"
    assert list(fsck(site.repo.butler, grace_s=0, deep=True)) == []
    left = [path.name for path in (site.repo.root / ".journal").rglob("*") if path.is_file()]
    assert left == ["stored"]


def test_all_of_a_graph_may_be_run_at_once_by_workers(site):
    site("pre-exec-init", "--no-versions")
    site("run-quanta", "-j", 2, "--timeout", 60)
    site.transfer()
    assert len(contents(site.repo, "batch")) == len(contents(site.repo, "whole"))
    assert site.repo.butler.find_dataset("packages", collections="batch") is None


def test_quanta_are_named_by_number_range_or_id(site):
    site("pre-exec-init")
    shown = CliRunner().invoke(pipetask, ["qgraph", "-g", site.file, "--show", "workflow"]).stdout
    assert "4 succeeded" in site("run-quanta", "--node-ids", "0-2,3").stdout
    assert "1 succeeded" in site("run-quanta", "--node-ids", "4").stdout
    from pipetask.graph.quantum_graph import QuantumGraph

    id = str(QuantumGraph.load(site.file).quantum(5).id)
    assert id in shown
    assert "1 succeeded" in site("run-quanta", "--node-ids", id).stdout
    for unknown in ("99", "3-", "0-99999999999", "01234567-89ab-7def-8123-456789abcdef"):
        assert "No quantum" in site("run-quanta", "--node-ids", unknown, exit_code=2).stderr
    assert "'5-3' of quanta ends before" in site("run-quanta", "--node-ids", "5-3", exit_code=2).stderr


def test_what_has_succeeded_is_not_run_again(site):
    site("pre-exec-init")
    site("run-quanta", "--task", "double")
    files = {path: path.stat().st_mtime_ns for path in site.repo.root.rglob("batch/doubled/**/*.json")}
    assert "nothing is left to do" in site("run-quanta", "--task", "double").stdout
    assert {path: path.stat().st_mtime_ns for path in files} == files
    site("pre-exec-init")


def test_quanta_that_come_too_early_are_blocked(site):
    site("pre-exec-init")
    site("run-quanta", "--node-ids", "0")
    shown = site("run-quanta", "--task", "add_one", exit_code=1).stdout
    assert "4 quanta (1 succeeded, 3 blocked)" in shown
    assert "--extend-run" not in shown
    assert f"butler transfer-from-graph {site.file}" in shown


def test_results_may_be_stored_while_jobs_go_on(site):
    site("pre-exec-init")
    site("run-quanta", "--task", "double")
    assert "5 not attempted" in site.transfer("--dry-run", exit_code=1).stdout
    assert "batch" not in site.repo.butler.registry.collections.query("*")
    assert "5 not attempted" in site.transfer(exit_code=1).stdout
    assert len(site.repo.butler.query_datasets("doubled", "batch")) == 4
    site("run-quanta")
    site.transfer()
    assert contents(site.repo, "batch") == contents(site.repo, "whole")


def test_once_all_is_stored_the_steps_change_nothing(site):
    site("pre-exec-init")
    site("run-quanta")
    site.transfer()
    files = {path: path.stat().st_mtime_ns for path in (site.repo.root / "batch").rglob("*")}
    site("pre-exec-init")
    assert "nothing is left to do" in site("run-quanta").stdout
    assert "nothing is left to store" in site.transfer().stdout
    assert {path: path.stat().st_mtime_ns for path in files} == files
    assert list(fsck(site.repo.butler, grace_s=0, deep=True)) == []
    site.repo.butler.registry.collections.set_chain("out", ["whole"])
    site.repo.butler.removeRuns(["batch"])
    assert not [path for path in (site.repo.root / ".journal").rglob("*") if path.is_file()]


def test_what_is_left_may_be_done_by_another_graph(numbers_repo, tmp_path, monkeypatch):
    """Its quanta have other numbers; configurations that the run has stay, and must be the same."""
    flag = tmp_path / "broken"
    flag.touch()
    monkeypatch.setenv("BROKEN", str(flag))
    config = {"double__fail_while_exists": "BROKEN"}
    numbers_repo.graph("batch", **config).save(tmp_path / "x.qg")
    first = Site(numbers_repo, tmp_path / "x.qg")
    first("pre-exec-init")
    first("run-quanta", exit_code=1)
    flag.unlink()
    first("run-quanta", "--node-ids", "1,2,3")
    first.transfer("--register-dataset-types", exit_code=1)
    rest = numbers_repo.graph("batch", extend_run=True, **config)
    assert {task.label: task.count for task in rest.tasks} == {"double": 1, "add_one": 4, "total": 1}
    rest.save(tmp_path / "rest.qg")
    other = numbers_repo.graph("batch", extend_run=True, double__unit="nJy", **config)
    other.save(tmp_path / "other.qg")
    message = Site(numbers_repo, tmp_path / "other.qg")("pre-exec-init", exit_code=2).stderr
    assert "Run 'batch' was made with another 'double_schema'" in message
    second = Site(numbers_repo, tmp_path / "rest.qg")
    second("pre-exec-init")
    second("run-quanta")
    second.transfer()
    assert numbers_repo.butler.get("total", instrument="Cam", collections="batch")["count"] == 4
    assert list(fsck(numbers_repo.butler, grace_s=0, deep=True)) == []


def test_a_failed_quantum_is_run_again_by_the_same_command(numbers_repo, tmp_path, monkeypatch):
    flag = tmp_path / "broken"
    flag.touch()
    monkeypatch.setenv("BROKEN", str(flag))
    numbers_repo.graph("batch", double__fail_while_exists="BROKEN").save(tmp_path / "x.qg")
    site = Site(numbers_repo, tmp_path / "x.qg")
    site("pre-exec-init")
    assert "4 failed, 5 blocked" in site("run-quanta", exit_code=1).stdout
    flag.unlink()
    site("run-quanta")
    site.transfer("--register-dataset-types")
    assert numbers_repo.butler.get("total", instrument="Cam", collections="batch")["count"] == 4


def test_failed_quanta_are_tried_again_if_asked(numbers_repo, tmp_path, monkeypatch):
    monkeypatch.setattr("pipetask.execution.retries.FIRST_PAUSE_S", 0.05)
    (tmp_path / "attempts").mkdir()
    settings = {"double__attempts_in": str(tmp_path / "attempts"), "double__succeed_at": 3}
    numbers_repo.graph("batch", **settings).save(tmp_path / "x.qg")
    site = Site(numbers_repo, tmp_path / "x.qg")
    site("pre-exec-init")
    assert "1 failed" in site("run-quanta", "--task", "double", exit_code=1).stdout
    assert "1 succeeded" in site("run-quanta", "--task", "double", "--retries", 1).stdout
    site.transfer("--register-dataset-types", exit_code=1)
    rows = numbers_repo.butler.registry.provenance.quanta("batch")
    attempts = {row.data_id: row.attempts for row in rows if row.task_label == "double"}
    assert [attempts[f'{{"instrument": "Cam", "detector": {i}}}'] for i in range(4)] == [1, 2, 1, 1]


def test_memory_that_all_workers_share_is_kept_to(numbers_repo, tmp_path):
    numbers_repo.graph("batch", double__sleep_s=0.5).save(tmp_path / "x.qg")
    site = Site(numbers_repo, tmp_path / "x.qg")
    site("pre-exec-init")
    shown = site("run-quanta", "--node-ids", "0", "--max-memory", "1MB", exit_code=1).stdout
    assert "MiB allowed (--max-memory)" in shown


def test_a_batch_begins_with_its_configurations(site):
    assert "pipetask pre-exec-init" in site("run-quanta", exit_code=2).stderr


@pytest.mark.parametrize("part", ["0/2", "3/2", "x", "1"])
def test_a_part_that_is_none_is_refused(site, part):
    assert "--part takes I/N" in site("run-quanta", "--task", "double", "--part", part, exit_code=2).stderr


def test_a_task_that_is_not_in_the_graph_is_refused(site):
    assert "double, add_one, total" in site("run-quanta", "--task", "triple", exit_code=2).stderr


SBATCH = """#!/bin/sh
# Stands in for Slurm: notes what is submitted, and prints the job's number.
printf '%s\\n' "$@" >"$JOBS/$(($(ls "$JOBS" | wc -l) + 1))"
ls "$JOBS" | wc -l
"""


def test_the_script_for_slurm_runs_a_graph(numbers_repo, tmp_path):
    numbers_repo.graph("batch").save(tmp_path / "batch.qg")
    for folder in ("bin", "jobs"):
        (tmp_path / folder).mkdir()
    (tmp_path / "bin" / "sbatch").write_text(SBATCH)
    (tmp_path / "bin" / "pipetask").write_text(
        f"#!{sys.executable}\nfrom pipetask.cli.main import pipetask\npipetask(prog_name='pipetask')\n"
    )
    for path in (tmp_path / "bin").iterdir():
        path.chmod(0o755)
    here = Path(__file__).parent
    env = os.environ | {
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{here}{os.pathsep}{here.parents[2]}",
        "JOBS": str(tmp_path / "jobs"),
    }
    script = here.parents[2] / "examples" / "batch" / "slurm.sh"
    command = ["bash", script, tmp_path / "batch.qg", numbers_repo.root, "2"]
    subprocess.run(command, env=env, check=True, capture_output=True)
    jobs = [path.read_text().splitlines() for path in sorted((tmp_path / "jobs").iterdir())]
    submitted = [dict(zip(words[1::2], words[2::2], strict=True)) for words in jobs]
    assert [job["--job-name"] for job in submitted] == [*TASKS, "transfer"]
    assert [job.get("--array") for job in submitted] == ["1-2", "1-2", "1-1", None]
    waits = [None, "afterany:1", "afterany:2", "afterany:3"]
    assert [job.get("--dependency") for job in submitted] == waits
    for job in submitted:
        for number in range(1, int(job.get("--array", "1-1")[2:]) + 1):
            program, *words = shlex.split(job["--wrap"].replace("$SLURM_ARRAY_TASK_ID", str(number)))
            result = CliRunner().invoke({"pipetask": pipetask, "butler": butler_group}[program], words)
            assert result.exit_code == 0, result.output
    assert "9 quanta (9 succeeded)" in result.output
    assert numbers_repo.butler.get("total", instrument="Cam", collections="out")["count"] == 4
