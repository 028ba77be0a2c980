"""Files on an HTTP server: what it refuses, what it has not, and when it is not there."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from datastore.errors import ArtifactMissingError, StoreRefusedError, StoreUnavailableError
from datastore.stores import retry
from datastore.stores.remote import RemoteStore

CONTENT = bytes(range(100))


class Handler(BaseHTTPRequestHandler):
    """One file; other names are the status to answer with."""

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        status = 200 if name == "file" else int(name)
        self.server.statuses.append(status)
        self.send_response(status)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(CONTENT)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.statuses = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def store(server, monkeypatch):
    monkeypatch.setattr(retry, "FIRST_WAIT_S", 0.001)
    return RemoteStore("web", f"http://127.0.0.1:{server.server_port}")


def test_a_file_is_read_whole_and_in_slices(store):
    assert store.size("file") == 100
    assert store.source("file").read_bytes() == CONTENT
    assert store.source("file", offset=7, size=3).read_bytes() == CONTENT[7:10]


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_there_is_missing_at_once(store, server, status):
    with pytest.raises(ArtifactMissingError, match=f"/{status}"):
        store.source(str(status)).read_bytes()
    assert len(server.statuses) <= 2
    assert store.size(str(status)) is None


@pytest.mark.parametrize("status", [401, 403])
def test_what_is_refused_is_said_to_be(store, status):
    with pytest.raises(StoreRefusedError, match=f"refuses: {status}"):
        store.size(str(status))


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_in_trouble_is_asked_again_and_then_unavailable(store, server, status):
    with pytest.raises(StoreUnavailableError, match=f"failed 6 times.*{status}"):
        store.size(str(status))
    assert len(server.statuses) >= 4


def test_a_server_that_is_gone_is_unavailable_not_the_file_missing(store, server):
    server.shutdown()
    server.server_close()
    with pytest.raises(StoreUnavailableError, match="failed 6 times"):
        store.size("file")
    with pytest.raises(StoreUnavailableError, match="failed 6 times"):
        store.source("file", size=100).read_bytes()
