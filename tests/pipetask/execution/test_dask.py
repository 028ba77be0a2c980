"""The dask executor on real clusters of several processes on this machine, whose workers are lost on purpose."""

import os
import re
import signal
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("distributed")

from pipetask.errors import ExecutionOptionsError, LostClusterError, WorkerStartError
from pipetask.execution.executors.dask import DaskExecutor
from pipetask.execution.executors.dask_cluster import check_workers, connected
from pipetask.execution.options import SHARE, ExecutionOptions, read_settings
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
        with connected(2, scheduler=cluster.scheduler_address) as self.client:
            yield

    def make(self, runner):
        return DaskExecutor(runner, self.client)


@pytest.fixture
def pool():
    with connected(2) as client, DaskExecutor(ScriptedRunner(), client) as executor:
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


LEAN = """
description: what is doubled is doubled again
tasks:
  double: {class: execution_tasks.DoubleTask}
  again:
    class: execution_tasks.DoubleTask
    config: {connections.number: doubled, connections.doubled: fourfold, connections.schema: again_schema}
temporary: [doubled]
"""


def test_what_is_temporary_stays_in_the_memory_of_one_worker(numbers_repo, cluster):
    """Of a chain that ends its worker, it is known which quantum did, and what was done before."""
    cluster.get_client().run(sys.path.insert, 0, str(Path(__file__).parent))
    options = {
        "executor": "dask",
        "scheduler": cluster.scheduler_address,
        "cache_intermediates": SHARE,
        "register_dataset_types": True,
    }
    graph = numbers_repo.graph(pipeline=LEAN, again__exit_on=[2])
    summary = run_graph(graph, numbers_repo.butler, **options)
    rows = numbers_repo.butler.registry.provenance.quanta("out/run")
    status = {(row.task_label, row.data_id[-2]): row.status for row in rows}
    assert status == {
        (label, str(detector)): "lost" if (label, detector) == ("again", 2) else "succeeded"
        for label in ("double", "again")
        for detector in range(4)
    }
    assert summary.errors[0].failure.kind == "LostWorker"
    pids = {(row.task_label, row.data_id[-2]): row.pid for row in rows}
    assert all(pids["double", detector] == pids["again", detector] for detector in "013")
    fourfold = numbers_repo.butler.query_datasets("fourfold", "out/run")
    assert sorted(numbers_repo.butler.get(ref)["n"] for ref in fourfold) == [40, 44, 52]
    assert numbers_repo.butler.query_datasets("doubled", "out/run", explain=False) == []
    assert not list((numbers_repo.root / "out").rglob("doubled*"))
    redone = numbers_repo.graph(pipeline=LEAN, again__exit_on=[2], extend_run=True)
    assert {task.label: task.count for task in redone.tasks} == {"double": 1, "again": 1}


def test_a_worker_that_lacks_what_the_command_has_is_not_used(cluster, numbers_repo, monkeypatch):
    monkeypatch.setitem(sys.modules, "tasks_of_mine", ModuleType("tasks_of_mine"))
    address = re.escape(cluster.scheduler_address)
    message = rf"No worker of the dask cluster {address} can .*; of tcp.*can't import 'tasks_of_mine'"
    with connected(1, scheduler=cluster.scheduler_address) as client:
        with pytest.raises(ExecutionOptionsError, match=message):
            check_workers(client, ["tasks_of_mine"])
        with DaskExecutor(ScriptedRunner(), client, modules=["tasks_of_mine"]) as executor:
            executor.submit([ScriptedWork(0)])
            with pytest.raises(WorkerStartError, match=r"can't import 'tasks_of_mine'.*--extend-run"):
                collect_all(executor, 1)
        monkeypatch.setattr("pipetask.execution.executors.dask_cluster.software", lambda: "Python 2.7")
        with pytest.raises(ExecutionOptionsError, match=r"it has Python 3\..*, and the command Python 2\.7"):
            check_workers(client, [])


class StillbornRunner(ScriptedRunner):
    def open(self):
        os._exit(7)


def test_workers_that_end_before_they_can_run_anything_end_the_run(monkeypatch):
    monkeypatch.setattr("pipetask.execution.executors.dask.MOST_STILLBORN", 1)
    with connected(1) as client, DaskExecutor(StillbornRunner(), client) as executor:
        executor.submit([ScriptedWork(0)])
        with pytest.raises(WorkerStartError, match=r"1 dask workers in a row were lost before"):
            collect_all(executor, 1)


def test_a_scheduler_that_goes_away_ends_the_run_at_once():
    import distributed

    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as made,
        connected(1, scheduler=made.scheduler_address) as client,
        DaskExecutor(ScriptedRunner(), client) as executor,
    ):
        executor.submit([ScriptedWork(0)])
        collect_all(executor, 1)
        made.close()
        executor.submit([ScriptedWork(1)])
        with pytest.raises(LostClusterError, match=r"dask scheduler tcp://.* was lost.*--extend-run"):
            collect_all(executor, 1)


def test_settings_of_a_cluster_come_from_a_file(tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text("{n_workers: 1, memory_limit: 500MB}")
    with connected(2, settings=read_settings(str(file))) as client:
        (worker,) = client.scheduler_info()["workers"].values()
        assert worker["memory_limit"] == 500_000_000


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_workers": 0}, r"has no worker with the settings \{'n_workers': 0\}"),
        ({"n_workers": 1, "quue": "x"}, r"\{'n_workers': 1, 'quue': 'x'\}: .*unexpected .*'quue'"),
    ],
)
def test_settings_that_make_no_cluster_here_are_refused(settings, message):
    with pytest.raises(ExecutionOptionsError, match=message), connected(2, settings=settings):
        pass


SBATCH = """#!/bin/sh
cp "$1" "$JOBS/$$.sh"
setsid bash "$JOBS/$$.sh" > "$JOBS/$$.out" 2>&1 &
echo "Submitted batch job $!"
"""
SCANCEL = """#!/bin/sh
for job in "$@"; do kill -- "-$job"; echo "$job" >> "$JOBS/cancelled"; done
"""
SLURM = {"cores": 1, "memory": "1GB", "queue": "normal", "interface": "lo"}


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A stand-in for Slurm that runs jobs here and at once; the folder with what was submitted."""
    pytest.importorskip("dask_jobqueue")
    (jobs := tmp_path / "jobs").mkdir()
    (programs := tmp_path / "bin").mkdir()
    for name, text in {"sbatch": SBATCH, "scancel": SCANCEL}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("JOBS", str(jobs))
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return jobs


def test_jobs_of_a_batch_system_run_quanta_and_end_with_the_run(slurm):
    with (
        connected(2, cluster="slurm", settings=SLURM) as client,
        DaskExecutor(ScriptedRunner(), client) as executor,
    ):
        executor.submit([ScriptedWork(i) for i in range(20)])
        reports = collect_all(executor, 20, timeout_s=60)
    assert sorted(report.quantum for report in reports) == list(range(20))
    assert all(report.ok for report in reports)
    scripts = [path.read_text() for path in slurm.glob("*.sh")]
    assert len(scripts) == 2
    assert all("#SBATCH -p normal" in script for script in scripts)
    assert len((slurm / "cancelled").read_text().split()) == 2


def test_jobs_that_are_refused_are_an_error_at_once(slurm, monkeypatch):
    (slurm.parent / "bin" / "sbatch").write_text("#!/bin/sh\necho 'invalid partition' >&2; exit 1\n")
    message = r"jobs of --dask-cluster slurm can't be submitted.*invalid partition"
    with pytest.raises(ExecutionOptionsError, match=message), connected(2, cluster="slurm", settings=SLURM):
        pass
    with (
        pytest.raises(ExecutionOptionsError, match=r"SLURMCluster refuses its settings.*cores and memory"),
        connected(2, cluster="slurm", settings={"cores": 1}),
    ):
        pass
    with (
        pytest.raises(ExecutionOptionsError, match=r"SLURMCluster refuses its settings .*'cores': 0.*zero"),
        connected(2, cluster="slurm", settings=SLURM | {"cores": 0}),
    ):
        pass


def test_a_batch_system_without_the_package_for_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    with (
        pytest.raises(ExecutionOptionsError, match="needs dask-jobqueue, which is not installed"),
        connected(2, cluster="slurm"),
    ):
        pass


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
    message = r"No dask scheduler answers at 'nonsense://x'.*unknown address scheme"
    with pytest.raises(ExecutionOptionsError, match=message), connected(1, scheduler="nonsense://x"):
        pass


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
