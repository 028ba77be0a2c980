"""The suites of `datastore.testing` on every store, each looked into by other means than its own."""

import itertools
from pathlib import Path

import boto3
import fsspec
import pytest

from datastore.artifact import ArtifactExistsError, rename_to_free
from datastore.datastore import Datastore
from datastore.errors import ArtifactWriteError
from datastore.stores.local import LocalStore
from datastore.stores.memory import MemoryStore
from datastore.stores.remote import RemoteStore
from datastore.testing import DatastoreSuite, StoreSuite

numbers = itertools.count()


class TestLocalStore(StoreSuite):
    def make_store(self, folder):
        return LocalStore("file", str(folder / "root"))

    def peek(self, store, path):
        file = Path(store.root) / path
        return file.read_bytes() if file.exists() else None

    def plant(self, store, path, data):
        file = Path(store.root) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


class TestMemoryStore(StoreSuite):
    def make_store(self, folder):
        return MemoryStore("mem", f"in-memory://{folder}")

    def peek(self, store, path):
        found = store.held().get(path)
        return found and found[0]

    def plant(self, store, path, data):
        store.held()[path] = (data, 0.0)


class TestRemoteStoreOnS3(StoreSuite):
    @pytest.fixture(autouse=True)
    def on_s3(self, s3_server):
        self.server = s3_server
        self.client = boto3.client("s3", endpoint_url=s3_server)

    def make_store(self, folder):
        self.bucket = f"store-{next(numbers)}"
        self.client.create_bucket(Bucket=self.bucket)
        return RemoteStore("s3", f"s3://{self.bucket}/some/prefix", {"endpoint_url": self.server})

    def peek(self, store, path):
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=f"some/prefix/{path}")
        except self.client.exceptions.NoSuchKey:
            return None
        return answer["Body"].read()

    def plant(self, store, path, data):
        self.client.put_object(Bucket=self.bucket, Key=f"some/prefix/{path}", Body=data)

    def test_a_bucket_that_is_not_there_is_told(self):
        store = RemoteStore("s3", "s3://no-such-bucket/x", {"endpoint_url": self.server})
        with pytest.raises(ArtifactWriteError, match=r"no-such-bucket/x/y.*bucket does not exist"):
            store.put("y", b"1")
        assert store.size("y") is None


class TestRemoteStoreOnFsspecMemory(StoreSuite):
    def make_store(self, folder):
        return RemoteStore("m", f"memory://bucket{next(numbers)}")

    def peek(self, store, path):
        files = fsspec.filesystem("memory")
        key = f"{store.root}/{path}"
        return files.cat_file(key) if files.exists(key) else None

    def plant(self, store, path, data):
        fsspec.filesystem("memory").pipe_file(f"{store.root}/{path}", data)


class TestLocalDatastore(DatastoreSuite):
    def make_datastore(self, folder):
        return Datastore(folder / "root")


class TestMemoryDatastore(DatastoreSuite):
    def make_datastore(self, folder):
        return Datastore(folder, config={"stores": [{"name": "m", "root": f"in-memory://{folder}"}]})


class TestS3Datastore(DatastoreSuite):
    @pytest.fixture(autouse=True)
    def on_s3(self, s3_server):
        self.server = s3_server

    def make_datastore(self, folder):
        bucket = f"datastore-{next(numbers)}"
        boto3.client("s3", endpoint_url=self.server).create_bucket(Bucket=bucket)
        options = {"endpoint_url": self.server}
        definition = {"name": "s3", "root": f"s3://{bucket}/survey", "options": options}
        return Datastore(folder, config={"stores": [definition]})


class TestChainedDatastore(DatastoreSuite):
    def make_datastore(self, folder):
        stores = [
            {"name": "other", "root": "in-memory://nothing", "accept": ["other"]},
            {"name": "file", "root": "files"},
        ]
        return Datastore(folder, config={"stores": stores})


def test_name_is_claimed_where_the_file_system_has_no_links(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    rename_to_free(str(tmp_path / "a"), str(tmp_path / "x"))
    with pytest.raises(ArtifactExistsError):
        rename_to_free(str(tmp_path / "b"), str(tmp_path / "x"))
    assert (tmp_path / "x").read_bytes() == b"a"
