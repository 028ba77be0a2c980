"""Files that exist already become datasets, by transfer mode."""

import os
from pathlib import Path

import pytest

from datastore.errors import ArtifactMissingError, LocationError


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A JSON file that is not below the root."""
    path = tmp_path / "some where.json"
    path.write_text('{"a":1}')
    return path


@pytest.mark.parametrize("transfer", ["auto", "copy", "move", "hardlink", "link", "symlink", "relsymlink"])
def test_file_comes_to_the_name_that_a_write_would_have(store, hint, outside, transfer):
    records = store.ingest(outside, hint(), transfer=transfer)
    assert records[0].path == store.path_for(hint())
    assert store.read(records, "StructuredDataDict") == {"a": 1}
    assert outside.exists() == (transfer != "move")
    target = Path(store.root) / records[0].path
    assert target.is_symlink() == transfer.endswith("symlink")
    assert not target.is_symlink() or target.readlink().is_absolute() == (transfer == "symlink")
    assert store.verify(records[0])
    store.sync(records)
    store.remove(records)
    assert outside.exists() == (transfer != "move")


def test_a_name_that_is_taken_stays_with_what_has_it(store, hint, outside):
    store.write({"a": 2}, hint())
    (record,) = store.ingest(outside, hint(), transfer="copy")
    assert record.path == store.path_for(hint()).replace(".json", f"-{hint().id.hex}.json")
    assert store.read([record], "StructuredDataDict") == {"a": 1}
    assert (Path(store.root) / store.path_for(hint())).read_text() == '{"a":2}'


def test_copy_is_independent_of_the_original(store, hint, outside):
    records = store.ingest(outside, hint(), transfer="copy")
    outside.write_text("{}")
    assert store.read(records, "StructuredDataDict") == {"a": 1}


def test_direct_records_the_uri_and_never_deletes(store, hint, outside):
    records = store.ingest(outside, hint(), transfer="direct", with_checksum=False)
    assert records[0].path == f"file://{outside}".replace(" ", "%20")
    assert (records[0].size, records[0].checksum, records[0].algorithm) == (7, "", "")
    assert store.read(records, "StructuredDataDict") == {"a": 1}
    assert store.uri(records[0]) == records[0].path
    assert store.exists(records)
    store.remove(records)
    store.sync(records)
    assert outside.exists()
    outside.unlink()
    assert not store.exists(records)


def test_file_below_the_root_stays_where_it_is(store, hint):
    path = Path(store.root) / "raws/one.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"a":2}')
    for location in (path, f"file://{path}", os.path.relpath(path)):
        (record,) = store.ingest(location, hint())
        assert record.path == "raws/one.json"
        assert store.uri(record) == f"file://{path}"
    assert store.read([record], "StructuredDataDict") == {"a": 2}


@pytest.mark.parametrize("transfer", ["auto", "copy", "direct"])
def test_missing_file_is_told(store, hint, tmp_path, transfer):
    with pytest.raises(ArtifactMissingError, match=r"nowhere\.json"):
        store.ingest(tmp_path / "nowhere.json", hint(), transfer=transfer)


def test_unknown_transfer_is_told(store, hint, outside):
    with pytest.raises(LocationError, match="'teleport' is none of"):
        store.ingest(outside, hint(), transfer="teleport")


def test_compressed_files_keep_both_suffixes(store, hint, tmp_path):
    path = tmp_path / "a.b.fits.gz"
    path.write_bytes(b"")
    assert store.ingest(path, hint("Exposure"), transfer="copy")[0].path.endswith("_42.fits.gz")


def test_remote_file_is_read_through_fsspec(store, hint):
    import fsspec

    fsspec.filesystem("memory").pipe("/bucket/x.json", b'{"a":3}')
    records = store.ingest("memory://bucket/x.json", hint())
    assert (records[0].path, records[0].size) == ("memory://bucket/x.json", -1)
    assert store.read(records, "StructuredDataDict") == {"a": 3}
    assert store.exists(records)
    missing = [records[0]._replace(path="memory://bucket/y.json")]
    assert not store.exists(missing)
    with pytest.raises(ArtifactMissingError, match=r"y\.json"):
        store.read(missing, "StructuredDataDict")
    with pytest.raises(LocationError, match="remote"):
        store.ingest("memory://bucket/x.json", hint(), transfer="copy")
