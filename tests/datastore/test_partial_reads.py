"""Components and cut-outs read only their bytes: counted by the kernel, by an HTTP server and before S3."""

import socket
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from datastore.datastore import Datastore
from datastore.types.box import Box
from datastore.types.exposure import Exposure
from datastore.types.psf import Psf

SIZE = 2048
BOX = Box(700, 900, 100, 100)
PLANES = ("IMAGE", "MASK", "VARIANCE")


@pytest.fixture(scope="module")
def exposure():
    """Noise, so that its file is large."""
    random = np.random.default_rng(5)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    made = Exposure(random.normal(100, 5, (SIZE, SIZE)).astype("f4"), wcs=wcs, psf=Psf(sigma=1.5), filter="r")
    made.variance[:] = random.normal(25, 1, (SIZE, SIZE))
    return made


class KernelCount:
    """Bytes that this process has read from files, as the kernel counts them."""

    def __init__(self):
        self._begin = self._now()

    def _now(self):
        lines = Path("/proc/self/io").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("rchar")).split()[1])

    def __call__(self):
        return self._now() - self._begin


def tiles_under(path, box):
    """Bytes of the compressed tiles under a box, from the descriptors in the file itself."""
    total = 0
    with fits.open(path, disable_image_compression=True) as hdus:
        for name in PLANES:
            sizes = [len(row[0]) for row in hdus[name].data]
            per_row = -(-SIZE // 256)
            for y in range(box.y0 // 256, (box.y0 + box.height - 1) // 256 + 1):
                for x in range(box.x0 // 256, (box.x0 + box.width - 1) // 256 + 1):
                    total += sizes[y * per_row + x]
    return total


HEADERS = 400_000
"""Bytes for all headers, tile descriptors and what is read ahead; a plane has sixteen million."""


@pytest.fixture
def written(store, hint, exposure):
    """The exposure's records; each way of reading it has been gone once, for all that is imported."""
    records = store.write(exposure, hint("Exposure"))
    store.read(records, "Exposure", component="wcs")
    store.read(records, "Exposure", parameters={"bbox": BOX})
    return records


def test_component_is_read_without_pixels(store, written):
    for component in ("wcs", "psf", "filter", "bbox", "visitInfo"):
        count = KernelCount()
        store.read(written, "Exposure", component=component)
        assert count() < 100_000, component


def test_cutout_reads_the_tiles_under_it(store, written, exposure):
    count = KernelCount()
    part = store.read(written, "Exposure", parameters={"bbox": BOX})
    read = count()
    assert np.array_equal(part.image, exposure.image[BOX.slices()])
    assert np.array_equal(part.variance, exposure.variance[BOX.slices()])
    assert read < tiles_under(Path(store.root) / written[0].path, BOX) + HEADERS
    assert written[0].size > 10 * read


def test_one_plane_is_read_without_the_others(store, written):
    store.read(written, "Exposure", component="mask")
    count = KernelCount()
    store.read(written, "Exposure", component="mask", parameters={"bbox": BOX})
    assert count() < HEADERS


def test_slice_of_a_shared_file_is_read_alone(tmp_path, hint):
    store = Datastore(tmp_path)
    with store.stores["file"].appender("run/.records/x") as appender:
        data = b'{"a":"' + b"x" * 1_000_000 + b'"}'
        records = [
            appender.append(data, formatter="json", storage_class="StructuredDataDict") for _ in range(5)
        ]
    store.read(records[:1], "StructuredDataDict")
    count = KernelCount()
    store.read(records[2:3], "StructuredDataDict")
    assert count() < 1_050_000


def test_columns_of_a_table_are_read_alone(store, hint):
    table = Table({f"c{i}": np.random.default_rng(i).random(20_000) for i in range(50)})
    records = store.write(table, hint("ArrowAstropy"))
    store.read(records, "ArrowAstropy", parameters={"columns": ["c3"]})
    count = KernelCount()
    assert store.read(records, "ArrowAstropy", parameters={"columns": ["c7"]}).colnames == ["c7"]
    assert count() < records[0].size / 10


class RangeHandler(BaseHTTPRequestHandler):
    """Serves files with ranges, and counts the bytes."""

    def __init__(self, folder, sent, *args):
        self.folder, self.sent = folder, sent
        super().__init__(*args)

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("Content-Length", str((self.folder / self.path[1:]).stat().st_size))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()

    def do_GET(self):
        data = (self.folder / self.path[1:]).read_bytes()
        first, _, last = (
            self.headers.get("Range", f"bytes=0-{len(data) - 1}").removeprefix("bytes=").partition("-")
        )
        part = data[int(first) : int(last) + 1]
        self.sent.append(len(part))
        self.send_response(206)
        self.send_header("Content-Length", str(len(part)))
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.end_headers()
        self.wfile.write(part)


@pytest.fixture
def web(store):
    """An HTTP server of the store's files: its URL, and the sizes of what it sent."""
    sent = []
    Path(store.root).mkdir(exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(RangeHandler, Path(store.root), sent))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", sent
    server.shutdown()
    server.server_close()


def test_from_http_only_the_bytes_of_a_part_come(store, written, web, exposure):
    url, sent = web
    far = [written[0]._replace(path=f"{url}/{written[0].path}")]
    assert store.read(far, "Exposure", component="filter") == "r"
    assert len(sent) == 1
    assert sum(sent) < 100_000
    sent.clear()
    part = store.read(far, "Exposure", parameters={"bbox": BOX})
    assert np.array_equal(part.image, exposure.image[BOX.slices()])
    assert sum(sent) < tiles_under(Path(store.root) / written[0].path, BOX) + HEADERS


class CountingProxy:
    """Passes bytes on between a client and a server, and counts those that the server sent."""

    def __init__(self, url):
        host, port = url.removeprefix("http://").split(":")
        self.target = host, int(port)
        self.received = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.target)
            threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source, target, counted):
        with source, target:
            try:
                while data := source.recv(65536):
                    self.received += len(data) * counted
                    target.sendall(data)
            except OSError:
                return

    def close(self):
        self._listener.close()


def test_from_s3_only_the_bytes_of_a_part_come(tmp_path, s3_server, hint, exposure):
    boto3.client("s3", endpoint_url=s3_server).create_bucket(Bucket="parts")
    local = Datastore(tmp_path)
    (record,) = local.write(exposure, hint("Exposure"))
    proxy = CountingProxy(s3_server)
    definition = {"name": "s3", "root": "s3://parts", "options": {"endpoint_url": proxy.url}}
    store = Datastore(tmp_path, config={"stores": [definition]})
    records = store.write(exposure, hint("Exposure"))
    proxy.received = 0
    assert store.read(records, "Exposure", component="wcs").wcs.ctype[0] == "RA---TAN"
    assert proxy.received < 100_000
    proxy.received = 0
    part = store.read(records, "Exposure", parameters={"bbox": BOX})
    received = proxy.received
    assert np.array_equal(part.image, exposure.image[BOX.slices()])
    assert received < tiles_under(tmp_path / record.path, BOX) + HEADERS
    proxy.close()
