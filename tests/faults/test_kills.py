"""Coordinators and workers killed at random moments: nothing is lost, doubled or left over."""

import random
import signal
import time

import psutil
import pytest


def test_kills_at_random_moments_lose_nothing(site, whole):
    n_detectors, n_kills = (500, 200) if whole else (150, 4)
    site.fill(n_detectors)
    site.end(site.start_run("undisturbed", "-j", 2))
    expected = site.contents("undisturbed")
    assert len(expected) == 2 * n_detectors
    chance = random.Random(20260801)  # the same moments each time, as far as clocks allow
    kills, n_run = 0, 0
    while kills < n_kills:
        n_run += 1
        run = f"killed/{n_run}"
        kills += _run_under_fire(site, run, chance, n_kills - kills)
        assert site.contents(run) == expected
        assert site.fsck() == []


def _run_under_fire(site, run, chance, most):
    """Run to the end, however often that takes; return how many processes were killed."""
    kills = 0
    while True:
        is_new = not _exists(site, run)
        process = site.start_run(run, "-j", 2, *([] if is_new else ["--extend-run"]))
        is_ended = False
        while kills < most and not is_ended:
            is_ended, killed = _kill_something(process, chance)
            kills += killed
        out, err = process.communicate(timeout=300)
        if process.returncode in (0, 3):  # 3: nothing is left to do
            return kills
        assert process.returncode in (1, -signal.SIGKILL), f"{process.returncode}:\n{out}\n{err}"


def _exists(site, run):
    with site.open() as butler:
        return run in butler.registry.collections.query("*")


def _kill_something(process, chance):
    """Wait for a while, then kill a worker or the coordinator; say whether it has ended, and what was killed."""
    # One time in ten, before there are any workers.
    end = time.monotonic() + (chance.uniform(0.0, 1.5) if chance.random() < 0.1 else 60.0)
    while not (workers := _workers(process)) and time.monotonic() < end:
        if process.poll() is not None:
            return True, 0
        time.sleep(0.01)
    time.sleep(chance.uniform(0.0, 0.6))
    if process.poll() is not None:
        return True, 0
    if workers and chance.random() < 0.5:
        try:
            chance.choice(workers).kill()
        except psutil.NoSuchProcess:
            return False, 0
        return False, 1
    process.kill()
    return True, 1


def _workers(process):
    try:
        return [worker for server in psutil.Process(process.pid).children() for worker in server.children()]
    except psutil.NoSuchProcess:
        return []


def test_two_processes_on_one_run_are_told_apart_by_a_sentence(site):
    site.fill(4)
    first = site.start_run("same", "-j", 2, "-c", "square:sleep_s=2.0")
    journal = site.root / ".journal" / "same.graph"
    end = time.monotonic() + 60
    while not journal.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    _, err = site.end(site.start_run("same", "--extend-run", "-c", "square:sleep_s=2.0"), exit_code=2)
    assert err.startswith("Error: Another process is executing this run")
    assert len(err.splitlines()) == 1
    site.end(first)
    assert site.fsck() == []


@pytest.mark.parametrize("n_signals", [1, 2])
def test_ctrl_c_leaves_a_run_that_can_be_continued(site, n_signals):
    site.fill(6)
    slow = ("-c", "square:sleep_s=0.5")
    process = site.start_run("stopped", "-j", 2, *slow)
    end = time.monotonic() + 60
    while not list(site.root.glob("stopped/square/**/*.json")):
        assert time.monotonic() < end
        time.sleep(0.02)
    for _ in range(n_signals):
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    site.end(site.start_run("stopped", "-j", 2, *slow, "--extend-run"))
    assert len(site.contents("stopped")) == 12
    assert site.fsck() == []
