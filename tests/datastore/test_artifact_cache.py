"""Copies of remote artifacts: when they are made, used and deleted, by one process and by many."""

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import fsspec
import pytest

from datastore.datastore import Datastore
from datastore.errors import ArtifactMissingError, CacheDefinitionError

numbers = itertools.count()
MEGABYTE = 1e-3  # in the unit of size_gb


def datastore_with(folder, root, *, size_gb=1.0, age_days=1.0, options=None):
    definition = {"name": "far", "root": root, "options": options or {}}
    cache = {"folder": str(folder), "size_gb": size_gb, "age_days": age_days}
    return Datastore(folder.parent, config={"stores": [definition], "cache": cache})


@pytest.fixture
def root():
    """A remote root, in the memory of this process as far as fsspec goes."""
    return f"memory://cached{next(numbers)}"


@pytest.fixture
def written(tmp_path, root, hint):
    """A datastore whose cache is empty, and a dataset in it."""
    records = Datastore(tmp_path, config={"stores": [{"name": "far", "root": root}]}).write({"a": 1}, hint())
    return datastore_with(tmp_path / "cache", root), records


def copies(folder):
    return sorted(path for path in folder.glob("*") if path.suffix != ".part" and path.name != ".lock")


def lose(store, record):
    """Take the artifact away, so that only a copy can be read."""
    fsspec.filesystem("memory").rm(store.stores["far"].uri(record.path))


def test_what_was_read_once_is_read_from_the_copy(written, tmp_path):
    store, records = written
    assert store.read(records, "StructuredDataDict") == {"a": 1}
    lose(store, records[0])
    assert store.read(records, "StructuredDataDict") == {"a": 1}
    (copy,) = copies(tmp_path / "cache")
    copy.unlink()
    with pytest.raises(ArtifactMissingError):
        store.read(records, "StructuredDataDict")


def test_a_copy_that_a_crash_cut_short_is_made_again(written, tmp_path):
    store, records = written
    store.read(records, "StructuredDataDict")
    (copy,) = copies(tmp_path / "cache")
    os.truncate(copy, 3)
    assert store.read(records, "StructuredDataDict") == {"a": 1}
    assert copy.stat().st_size == records[0].size


def test_what_is_written_has_a_copy(tmp_path, root, hint):
    store = datastore_with(tmp_path / "cache", root)
    records = store.write({"a": 2}, hint())
    lose(store, records[0])
    assert store.read(records, "StructuredDataDict") == {"a": 2}


def test_replaced_artifact_is_not_read_from_the_old_copy(tmp_path, root, hint):
    store = datastore_with(tmp_path / "cache", root)
    store.write({"a": 1}, hint())
    records = store.write({"a": 2}, hint(), clobber=True)
    assert store.read(records, "StructuredDataDict") == {"a": 2}


def test_component_read_by_its_bytes_makes_no_copy_but_uses_one(tmp_path, root, hint):
    import numpy as np

    from datastore.types.exposure import Exposure

    far = Datastore(tmp_path, config={"stores": [{"name": "far", "root": root}]})
    records = far.write(Exposure(np.ones((5, 6)), filter="r"), hint("Exposure"))
    store = datastore_with(tmp_path / "cache", root)
    assert store.read(records, "Exposure", component="filter") == "r"
    assert not (tmp_path / "cache").exists()
    store.read(records, "Exposure")
    lose(store, records[0])
    assert store.read(records, "Exposure", component="filter") == "r"


def test_copies_used_last_stay_when_there_are_too_many(tmp_path, root, hint):
    store = datastore_with(tmp_path / "cache", root, size_gb=MEGABYTE)
    text = "x" * 200_000
    records = [store.write({"a": text + str(i)}, hint(visit=i)) for i in range(4)]
    for age, path in enumerate(copies(tmp_path / "cache")):
        os.utime(path, (time.time() - 100 - age,) * 2)
    store.read(records[0], "StructuredDataDict")
    for i in range(4, 7):
        records.append(store.write({"a": text + str(i)}, hint(visit=i)))
    assert sum(path.stat().st_size for path in copies(tmp_path / "cache")) <= 1_000_000
    for each in records:
        lose(store, each[0])
    store.read(records[0], "StructuredDataDict")
    store.read(records[6], "StructuredDataDict")


def test_copies_that_nobody_used_for_long_are_deleted(tmp_path, root, hint):
    store = datastore_with(tmp_path / "cache", root, age_days=2)
    store.write({"a": 1}, hint(visit=1))
    (old,) = copies(tmp_path / "cache")
    os.utime(old, (time.time() - 3 * 86400,) * 2)
    datastore_with(tmp_path / "cache", root, age_days=2).write({"a": 2}, hint(visit=2))
    assert not old.exists()
    assert len(copies(tmp_path / "cache")) == 1


def test_local_artifacts_are_not_copied(tmp_path, hint):
    store = datastore_with(tmp_path / "cache", str(tmp_path / "files"))
    store.read(store.write({"a": 1}, hint()), "StructuredDataDict")
    assert not (tmp_path / "cache").exists()


def test_without_room_for_copies_the_artifact_is_read(written, tmp_path):
    store, records = written
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert store.read(records, "StructuredDataDict") == {"a": 1}


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ({"size_gb": 1, "age_days": 1}, "needs a folder"),
        ({"folder": "/c", "size_gb": 0, "age_days": 1}, "size_gb is a positive number, not 0"),
        ({"folder": "/c", "size_gb": 1}, "age_days is a positive number, not None"),
        ({"folder": "/c", "size": 1}, r"unknown keys \['size'\]"),
    ],
)
def test_faults_of_the_definition_are_told(tmp_path, config, fault):
    with pytest.raises(CacheDefinitionError, match=fault):
        Datastore(tmp_path, config={"cache": config})


READER = """
import json, pickle, random, sys
with open(sys.argv[1], "rb") as stream:
    store, datasets = pickle.load(stream)
order = list(range(len(datasets))) * 3
random.Random(int(sys.argv[2])).shuffle(order)
print(json.dumps([[i, store.read(datasets[i], "StructuredDataDict")["i"]] for i in order]))
"""


def test_many_processes_share_a_cache_that_is_too_small(tmp_path, s3_server, hint):
    import pickle

    import boto3

    boto3.client("s3", endpoint_url=s3_server).create_bucket(Bucket="shared-cache")
    options = {"endpoint_url": s3_server}
    cache = tmp_path / "cache"
    store = datastore_with(cache, "s3://shared-cache", size_gb=0.3 * MEGABYTE, options=options)
    datasets = [store.write({"i": i, "pad": "x" * 50_000}, hint(visit=i)) for i in range(12)]
    (tmp_path / "work").write_bytes(pickle.dumps((store, datasets)))
    started = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(tmp_path / "work"), str(seed)], stdout=subprocess.PIPE
        )
        for seed in range(3)
    ]
    for process in started:
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        assert all(wanted == got for wanted, got in json.loads(out))
    assert not list(Path(cache).glob("*.part"))
    # Each process may have a tenth unnoticed.
    assert sum(path.stat().st_size for path in copies(cache)) <= 300_000 * 1.4
