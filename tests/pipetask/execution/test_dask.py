"""The dask executor on real clusters of several processes on this machine, whose workers are lost on purpose."""

import os
import re
import signal
import sys
from pathlib import Path

import pytest

pytest.importorskip("distributed")

from pipetask.errors import ExecutionOptionsError
from pipetask.execution.executors.dask import DaskExecutor, connect
from pipetask.execution.options import ExecutionOptions, read_settings
from pipetask.execution.report import Status
from pipetask.execution.run_graph import run_graph
from pipetask.execution.testing import ExecutorSuite, ScriptedRunner, ScriptedWork, collect_all

pytestmark = pytest.mark.filterwarnings("default")  # dask's own


@pytest.fixture(scope="module")
def cluster():
    """A cluster that outlives its clients, as one that exists does."""
    import distributed

    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as made:
        yield made


class TestDask(ExecutorSuite):
    @pytest.fixture(autouse=True)
    def _on(self, cluster):
        self.cluster = cluster

    def make(self, runner):
        return DaskExecutor(runner, connect(2, scheduler=self.cluster.scheduler_address))


@pytest.fixture
def pool():
    with DaskExecutor(ScriptedRunner(), connect(2)) as executor:
        yield executor


@pytest.mark.parametrize(("action", "argument"), [("exit", "3"), ("kill", "9")])
def test_a_lost_worker_fails_its_quantum_and_no_other(pool, action, argument):
    pool.submit([ScriptedWork(i) for i in range(4)])
    collect_all(pool, 4)  # now it is known that they are short, and they share batches
    works = [ScriptedWork(i) for i in range(30)]
    works[11] = ScriptedWork(11, action, argument)
    pool.submit(works)
    reports = {report.quantum: report for report in collect_all(pool, 30, timeout_s=60)}
    assert sorted(reports) == list(range(30))
    assert [quantum for quantum, report in reports.items() if not report.ok] == [11]
    assert reports[11].failure.kind == "LostWorker"


def test_workers_killed_from_outside_lose_nothing_but_what_ran(pool):
    pool.submit([ScriptedWork(i, "sleep", "0.02") for i in range(60)])
    reports = collect_all(pool, 5)
    for pid in {report.pid for report in reports}:
        os.kill(pid, signal.SIGKILL)
    reports += collect_all(pool, 60 - len(reports), timeout_s=60)
    assert sorted(report.quantum for report in reports) == list(range(60))
    assert sum(not report.ok for report in reports) <= 2


def test_a_run_on_a_cluster_that_exists_makes_what_one_here_makes(numbers_repo, cluster):
    butler = numbers_repo.butler
    cluster_here = {"executor": "dask", "scheduler": cluster.scheduler_address}
    cluster.get_client().run(sys.path.insert, 0, str(Path(__file__).parent))
    config = {"double__fail_on": [3]}
    summary = run_graph(
        numbers_repo.graph("far", output="", **config), butler, register_dataset_types=True, **cluster_here
    )
    assert {label: dict(counts) for label, counts in summary.tasks.items()} == {
        "double": {Status.SUCCEEDED: 3, Status.FAILED: 1},
        "add_one": {Status.SUCCEEDED: 3, Status.BLOCKED: 1},
        "total": {Status.BLOCKED: 1},
    }
    run_graph(numbers_repo.graph("here", output="", **config), butler)
    for name in ("doubled", "plus_one"):
        far, here = (butler.query_datasets(name, run) for run in ("far", "here"))
        assert len(far) == 3
        assert [butler.get(ref) for ref in far] == [butler.get(ref) for ref in here]
    log = butler.get("double_log", instrument="Cam", detector=1, collections="far")
    assert "detector 1" in [record.message for record in log]


def test_settings_of_a_cluster_come_from_a_file(tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text("{n_workers: 1, memory_limit: 500MB}")
    with connect(2, settings=read_settings(str(file))) as client:
        (worker,) = client.scheduler_info()["workers"].values()
        assert worker["memory_limit"] == 500_000_000
        client.cluster.close()


@pytest.mark.parametrize("text", ["[1, 2]", "{a: "])
def test_a_file_without_settings_is_refused(tmp_path, text):
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    with pytest.raises(ExecutionOptionsError, match=re.escape(str(file))):
        read_settings(str(file))


def test_a_run_whose_cluster_is_not_there_is_not_begun(numbers_repo):
    with pytest.raises(ExecutionOptionsError, match="No dask scheduler"):
        run_graph(
            numbers_repo.graph(),
            numbers_repo.butler,
            register_dataset_types=True,
            executor="dask",
            scheduler="nonsense://x",
        )
    assert numbers_repo.butler.registry.collections.query("out*") == []
    assert not list((numbers_repo.root / ".journal").glob("**/*.graph"))


def test_a_scheduler_that_cannot_be_reached_is_named():
    with pytest.raises(ExecutionOptionsError, match="No dask scheduler nonsense://x: ValueError"):
        connect(1, scheduler="nonsense://x")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"executor": "dask", "timeout_s": 3.0}, "no --timeout"),
        ({"scheduler": "tcp://x:1"}, "belong to --executor dask"),
        ({"executor": "dask", "scheduler": "tcp://x:1", "dask_cluster": "slurm"}, "cluster that exists"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, message):
    with pytest.raises(ExecutionOptionsError, match=message):
        ExecutionOptions(**options)
