"""Coordinators and workers killed at random moments: nothing is lost, doubled or left over."""

import contextlib
import random
import signal
import time

import psutil
import pytest

CHAINS = """
description: four tasks in a row, of which two make what is not kept
tasks:
  square: {class: fault_tasks.SquareTask}
  root: {class: fault_tasks.RootTask}
  again:
    class: fault_tasks.SquareTask
    config: {connections.number: root, connections.square: square_of_root}
  last:
    class: fault_tasks.RootTask
    config: {connections.square: square_of_root, connections.root: same_root}
temporary: [square, square_of_root]
"""


def test_kills_at_random_moments_lose_nothing(site, whole):
    n_detectors, n_kills, sleep_s = (500, 200, 0.0) if whole else (30, 3, 0.03)
    site.fill(n_detectors)
    options = _sleeping(sleep_s, "square", "root")
    site.run_here("undisturbed", *options)
    assert len(site.contents("undisturbed")) == 2 * n_detectors
    _kill(site, n_kills, options)


def test_kills_amid_chains_in_memory_lose_nothing(site, whole):
    n_detectors, n_kills, sleep_s = (250, 100, 0.005) if whole else (20, 2, 0.03)
    site.fill(n_detectors)
    site.pipeline.write_text(CHAINS)
    options = [
        "--cache-intermediates",
        "--retries",
        1,
        *_sleeping(sleep_s, "square", "root", "again", "last"),
    ]
    site.run_here("undisturbed", *options)
    expected = {(name, i) for name in ("root", "same_root") for i in range(n_detectors)}
    assert site.contents("undisturbed").keys() == expected
    _kill(site, n_kills, options)


def _sleeping(sleep_s, *labels):
    """Have tasks sleep: then few quanta suffice for some to be running whenever something is killed."""
    return [word for label in labels for word in ("-c", f"{label}:sleep_s={sleep_s}")]


def _kill(site, n_kills, options):
    """Kill processes of runs so often; each of these, when it has ended, is as the undisturbed one."""
    expected = site.contents("undisturbed")
    chance = random.Random(20260801)  # the same moments each time, as far as clocks allow
    victims = [("worker", "coordinator")[i % 2] for i in range(n_kills)]
    chance.shuffle(victims)
    n_run = 0
    while victims:
        n_run += 1
        run = f"killed/{n_run}"
        _run_under_fire(site, run, chance, victims, options)
        assert site.contents(run) == expected
        assert site.fsck() == []


def _run_under_fire(site, run, chance, victims, options):
    """Run to the end, however often that takes; those who were killed are taken from the victims."""
    while True:
        is_new = not _exists(site, run)
        process = site.start_run(run, "-j", 2, *options, *([] if is_new else ["--extend-run"]))
        is_ended = False
        while victims and not is_ended:
            is_ended = _kill_something(process, chance, victims)
        out, err = process.communicate(timeout=300)
        if process.returncode in (0, 3):  # 3: nothing is left to do
            return
        assert process.returncode in (1, -signal.SIGKILL), f"{process.returncode}:\n{out}\n{err}"


def _exists(site, run):
    with site.open() as butler:
        return run in butler.registry.collections.query("*")


def _kill_something(process, chance, victims):
    """Wait for a while, then kill a worker or the coordinator; say whether the latter has ended."""
    # One time in ten, before there are any workers.
    end = time.monotonic() + (chance.uniform(0.0, 1.5) if chance.random() < 0.1 else 60.0)
    while not (workers := _workers(process)) and time.monotonic() < end:
        if process.poll() is not None:
            return True
        time.sleep(0.1)  # to look takes some milliseconds
    time.sleep(chance.uniform(0.0, 0.6))
    if process.poll() is not None:
        return True
    if workers and victims[-1] == "worker":
        with contextlib.suppress(psutil.NoSuchProcess):
            chance.choice(workers).kill()
            victims.pop()
        return False
    process.kill()
    victims.pop()
    return True


def _workers(process):
    try:
        return [worker for server in psutil.Process(process.pid).children() for worker in server.children()]
    except psutil.NoSuchProcess:
        return []


@pytest.fixture
def flag(tmp_path):
    """A file that a task waits for to be removed, and the option that tells it so."""
    path = tmp_path / "wait"
    path.touch()
    yield path, ("-c", f"square:wait_while={path}")
    path.unlink(missing_ok=True)


def test_two_processes_on_one_run_are_told_apart_by_a_sentence(site, flag):
    site.fill(4)
    path, waiting = flag
    first = site.start_run("same", "-j", 2, *waiting)
    site.wait_for(".journal/same.graph", first)
    _, err = site.end(site.start_run("same", "--extend-run", *waiting), exit_code=2)
    assert err.startswith("Error: Another process is executing this run")
    assert len(err.splitlines()) == 1
    path.unlink()
    site.end(first)
    assert site.fsck() == []


@pytest.mark.parametrize("n_signals", [1, 2])
def test_ctrl_c_leaves_a_run_that_can_be_continued(site, flag, n_signals):
    site.fill(6)
    path, waiting = flag
    process = site.start_run("stopped", "-j", 2, *waiting)
    site.wait_for("stopped/square/**/*.json", process)
    for _ in range(n_signals):
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    path.unlink()
    _, err = site.end(process, exit_code=130)
    assert "Traceback" not in err
    site.run_here("stopped", *waiting, "--extend-run")
    assert len(site.contents("stopped")) == 12
    assert site.fsck() == []
