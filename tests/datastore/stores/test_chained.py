"""Which store a dataset goes to, and which one a record means."""

from pathlib import Path

import pytest

from datastore.datastore import Datastore
from datastore.errors import NoStoreError, StoreDefinitionError, UnknownStoreError

CHAIN = [
    {"name": "scratch", "root": "scratch", "accept": ["tmp_*", "Box"], "reject": ["tmp_kept"]},
    {"name": "main", "root": ".", "reject": ["refused"]},
]


@pytest.fixture
def chained(tmp_path):
    return Datastore(tmp_path, config={"stores": CHAIN})


@pytest.mark.parametrize(
    ("dataset_type", "storage_class", "store"),
    [
        ("tmp_a", "StructuredDataDict", "scratch"),
        ("tmp_kept", "StructuredDataDict", "main"),
        ("other", "Box", "scratch"),
        ("other", "StructuredDataDict", "main"),
    ],
)
def test_first_store_that_takes_a_dataset_gets_it(chained, dataset_type, storage_class, store):
    assert chained.store_of(dataset_type, storage_class).name == store


def test_records_lead_back_to_their_store(chained, hint, tmp_path):
    (here,) = chained.write({"a": 1}, hint(dataset_type="tmp_a"))
    (there,) = chained.write({"a": 2}, hint(dataset_type="thing"))
    assert (here.store, there.store) == ("scratch", "main")
    assert (tmp_path / "scratch" / here.path).is_file()
    assert (tmp_path / there.path).is_file()
    assert [chained.read([r], "StructuredDataDict")["a"] for r in (here, there)] == [1, 2]
    assert chained.uri(here) == f"file://{tmp_path}/scratch/{here.path}"
    assert {(file.store, file.path) for file in chained.files(hint().run)} >= {
        ("scratch", here.path),
        ("main", there.path),
    }
    chained.remove_tree(hint().run)
    assert not [path for path in Path(tmp_path).rglob("*") if path.is_file()]


def test_dataset_that_no_store_takes_is_told(chained, hint):
    with pytest.raises(NoStoreError, match=r"'refused' .*there are: scratch, main"):
        chained.write({}, hint(dataset_type="refused"))


def test_record_of_a_store_that_is_gone_is_told(chained, hint, tmp_path):
    records = chained.write({}, hint(dataset_type="tmp_a"))
    with pytest.raises(UnknownStoreError, match=r"'scratch'.*there are: file"):
        Datastore(tmp_path).read(records, "StructuredDataDict")


@pytest.mark.parametrize(
    ("definition", "fault"),
    [
        ({"root": "."}, "needs a name and a root"),
        ({"name": "a"}, "needs a name and a root"),
        ({"name": "a", "root": ".", "acept": []}, "unknown keys.*acept"),
        ({"name": "a", "root": ".", "accept": "raw"}, "'accept' is a list"),
    ],
)
def test_faults_of_a_definition_are_told(tmp_path, definition, fault):
    with pytest.raises(StoreDefinitionError, match=fault):
        Datastore(tmp_path, config={"stores": [definition]})


def test_two_stores_of_a_name_are_refused(tmp_path):
    with pytest.raises(StoreDefinitionError, match="two stores"):
        Datastore(tmp_path, config={"stores": [{"name": "a", "root": "."}, {"name": "a", "root": "b"}]})


def test_scheme_that_nothing_opens_is_told(tmp_path, hint):
    from datastore.errors import LocationError

    store = Datastore(tmp_path, config={"stores": [{"name": "a", "root": "gopher://x/y"}]})
    with pytest.raises(LocationError, match=r"gopher://x/y.*gopher"):
        store.write({}, hint())
