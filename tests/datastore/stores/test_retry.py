"""A remote store that fails: it is asked again, and then there is one clear error."""

import threading
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from datastore.errors import ArtifactExistsError, StoreUnavailableError
from datastore.stores import retry
from datastore.stores.remote import RemoteStore


class FlakyFileSystem(MemoryFileSystem):
    """Memory behind a line that breaks so many times; before or after what was sent has arrived."""

    protocol = "flaky"
    store: ClassVar[dict[str, object]] = {}
    breaks = 0
    after = False
    calls = 0

    @classmethod
    def _strip_protocol(cls, path):
        return MemoryFileSystem._strip_protocol(path.removeprefix("flaky://"))

    def _line(self, action):
        cls = type(self)
        cls.calls += 1
        fails = cls.breaks > 0
        cls.breaks -= 1
        if fails and not cls.after:
            raise ConnectionResetError("line is dead")
        result = action()
        if fails:
            raise ConnectionResetError("line is dead")
        return result

    def pipe_file(self, path, value, mode="overwrite", **kwargs):
        return self._line(lambda: super(FlakyFileSystem, self).pipe_file(path, value, mode=mode))

    def cat_file(self, path, start=None, end=None, **kwargs):
        return self._line(lambda: super(FlakyFileSystem, self).cat_file(path, start, end))


@pytest.fixture
def flaky(monkeypatch):
    fsspec.register_implementation("flaky", FlakyFileSystem, clobber=True)
    monkeypatch.setattr(retry, "FIRST_WAIT_S", 0.001)
    FlakyFileSystem.store.clear()
    monkeypatch.setattr(FlakyFileSystem, "breaks", 0)
    monkeypatch.setattr(FlakyFileSystem, "after", False)
    monkeypatch.setattr(FlakyFileSystem, "calls", 0)
    return RemoteStore("flaky", "flaky://bucket")


def test_what_fails_five_times_is_done_at_the_sixth(flaky):
    FlakyFileSystem.breaks = 5
    flaky.put("x", b"12")
    FlakyFileSystem.breaks = 5
    assert flaky.source("x").read_bytes() == b"12"
    assert FlakyFileSystem.calls == 12


def test_what_fails_six_times_is_one_clear_error(flaky):
    FlakyFileSystem.breaks = 6
    with pytest.raises(StoreUnavailableError, match=r"flaky://bucket/x.*failed 6 times.*line is dead"):
        flaky.put("x", b"12")
    assert flaky.size("x") is None


def test_put_that_arrived_without_an_answer_is_no_conflict_with_itself(flaky):
    FlakyFileSystem.breaks, FlakyFileSystem.after = 1, True
    flaky.put("x", b"12")
    assert flaky.source("x").read_bytes() == b"12"


def test_put_that_failed_once_does_not_take_the_place_of_another_writer(flaky):
    flaky.put("x", b"theirs")
    FlakyFileSystem.breaks = 1
    with pytest.raises(ArtifactExistsError):
        flaky.put("x", b"mine")
    assert flaky.source("x").read_bytes() == b"theirs"


def test_waits_grow(flaky, monkeypatch):
    waits = []
    monkeypatch.setattr(retry.time, "sleep", waits.append)
    monkeypatch.setattr(retry, "FIRST_WAIT_S", 1.0)
    FlakyFileSystem.breaks = 6
    with pytest.raises(StoreUnavailableError):
        flaky.put("x", b"12")
    lows = (0.5, 1, 2, 4, 8)
    assert [low <= wait <= 3 * low for wait, low in zip(waits, lows, strict=True)] == [True] * 5


class DeadLine(StreamRequestHandler):
    """Hangs up after the first line of a request."""

    def handle(self):
        self.server.requests.append(self.rfile.readline())


def test_clients_of_s3_add_no_attempts_of_their_own(monkeypatch):
    monkeypatch.setattr(retry, "FIRST_WAIT_S", 0.001)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with ThreadingTCPServer(("127.0.0.1", 0), DeadLine) as server:
        server.requests = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        store = RemoteStore(
            "s3", "s3://bucket/x", {"endpoint_url": "http://{}:{}".format(*server.server_address)}
        )
        with pytest.raises(StoreUnavailableError, match="failed 6 times"):
            store.put("y", b"12")
        server.shutdown()
        thread.join()
    # aiohttp sends once more over a new connection
    assert len(server.requests) in (6, 12)
