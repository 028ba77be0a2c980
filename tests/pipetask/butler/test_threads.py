"""Threads that share a butler: each has its own connection and its own transaction."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psutil
import pytest

from pipetask.butler import Butler

DETECTORS = range(4)


@pytest.fixture(params=["sqlite", "postgresql"])
def repo_backend(request):
    return request.param


def test_they_put_and_get_at_the_same_time(repo):
    start = threading.Barrier(4)

    def work(detector):
        start.wait(30)
        with repo.transaction():
            repo.put({"run": "first"}, "notes", instrument="Cam", detector=detector, run="first")
            repo.put({"run": "second"}, "notes", instrument="Cam", detector=detector, run="second")
        own = repo.query_datasets("notes", "second", where=f"detector = {detector}", instrument="Cam")
        return [repo.get(ref)["run"] for ref in own]

    with Butler.from_config(repo.root, writeable=True) as repo, ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, DETECTORS)) == [["second"]] * 4
        assert len(repo.query_datasets("notes", ["first", "second"], find_first=False)) == 8


def test_a_transaction_is_of_the_thread_that_began_it(repo):
    repo.put({}, "notes", instrument="Cam", detector=0, run="first")
    has_put, has_looked = threading.Event(), threading.Event()

    def fail():
        with suppress(ZeroDivisionError), repo.transaction():
            repo.put({}, "notes", instrument="Cam", detector=1, run="first")
            assert repo.exists("notes", instrument="Cam", detector=1, collections="first")
            has_put.set()
            assert has_looked.wait(30)
            raise ZeroDivisionError

    with ThreadPoolExecutor(1) as pool:
        failing = pool.submit(fail)
        assert has_put.wait(30)
        assert not repo.exists("notes", instrument="Cam", detector=1, collections="first")
        assert repo.get("notes", instrument="Cam", detector=0, collections="first") == {}
        has_looked.set()
        failing.result()
    assert [ref.dataId["detector"] for ref in repo.query_datasets("notes", "first")] == [0]


def test_connections_of_threads_that_ended_are_closed(repo):
    def look():
        assert repo.find_dataset("notes", instrument="Cam", detector=0, collections="first") is None

    def run_some(number):
        for _ in range(number):
            thread = threading.Thread(target=look)
            thread.start()
            thread.join()

    run_some(2)
    before = psutil.Process().num_fds()
    run_some(10)
    assert psutil.Process().num_fds() < before + 5
