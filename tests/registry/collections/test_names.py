"""Collections are named, described and found by pattern."""

import pytest

from registry.errors import CollectionTypeError, MissingCollectionError


@pytest.fixture
def collections(empty_registry):
    collections = empty_registry.collections
    for name, kind in (
        ("Cam/raw", "RUN"),
        ("Cam/calib", "CALIBRATION"),
        ("u/ana/run1", "RUN"),
        ("u/ana/best", "TAGGED"),
        ("Cam/defaults", "CHAINED"),
    ):
        collections.register(name, kind)
    collections.set_chain("Cam/defaults", ["Cam/raw", "Cam/calib"])
    return collections


def test_patterns_find_names_in_order(collections):
    assert collections.query("Cam/*") == ["Cam/calib", "Cam/defaults", "Cam/raw"]
    assert collections.query(["u/*", "Cam/raw"]) == ["u/ana/best", "u/ana/run1", "Cam/raw"]
    assert collections.query("*/ana/run?") == ["u/ana/run1"]
    assert collections.query("nothing*") == []


def test_kinds_and_chains_can_be_selected(collections):
    assert collections.query(kinds=["RUN"]) == ["Cam/raw", "u/ana/run1"]
    assert collections.query(kinds="TAGGED") == ["u/ana/best"]
    assert collections.query("Cam/defaults", flatten_chains=True) == ["Cam/defaults", "Cam/raw", "Cam/calib"]
    assert collections.query("Cam/defaults", flatten_chains=True, include_chains=False) == [
        "Cam/raw",
        "Cam/calib",
    ]


def test_an_unknown_name_is_answered_with_the_nearest(collections):
    with pytest.raises(MissingCollectionError, match="did you mean 'Cam/calib'"):
        collections.query("Cam/calibs")
    with pytest.raises(MissingCollectionError, match="did you mean 'Cam/raw'"):
        collections.resolve(["Cam/rew"])


def test_the_description_can_be_changed(collections):
    collections.set_doc("Cam/raw", "as observed")
    assert collections.get_info("Cam/raw").doc == "as observed"


@pytest.mark.parametrize(
    "name", ["", " x", "a*", "a[b", "a,b", "a\nb", "a\0b", "/", "/a", "a/", "a//b", "-a", "a/" + "b" * 254, 3]
)
def test_names_that_patterns_or_people_would_misread_are_refused(collections, name):
    with pytest.raises(ValueError, match="cannot name a collection"):
        collections.register(name)


@pytest.mark.parametrize("name", ["butler.yaml", "registry.sqlite3/x", "Registry.SQLite3-wal"])
def test_files_of_a_repository_are_no_names(collections, name):
    with pytest.raises(ValueError, match="is a file of the repository"):
        collections.register(name)


def test_the_longest_name_can_be_used(collections):
    assert collections.register("a" * 255)
    assert collections.query("a*") == ["a" * 255]


def test_an_unknown_kind_is_refused(collections):
    with pytest.raises(CollectionTypeError, match="'FOLDER'"):
        collections.register("x", "FOLDER")


def test_kinds_to_select_must_exist(collections):
    with pytest.raises(CollectionTypeError, match="'FOLDER'"):
        collections.query("*", kinds=["RUN", "FOLDER"])
