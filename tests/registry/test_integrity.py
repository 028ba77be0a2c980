"""Reading all locations, and rows that refer to nothing."""

import contextlib
import sqlite3

import pytest

from registry.dataset_type import DatasetType
from registry.registry import Registry


def location(id, path):
    component, store, offset, size, *rest = "", "file", -1, 10, "abc", "sha256", "json", "Dict"
    return (id, component, store, path, offset, size, *rest)


@pytest.fixture
def two_runs(camera_registry):
    registry = camera_registry
    notes = DatasetType("notes", ["detector"], "Dict", universe=registry.universe)
    registry.register_dataset_type(notes)
    ids = {}
    for run in ("b", "a"):
        registry.collections.register(run)
        made = registry.insert_datasets(notes, run, {"instrument": ["Cam"] * 2, "detector": [0, 1]})
        ids[run] = [id.tobytes() for id in made]
        registry.insert_locations([location(id, f"{run}/{i}.json") for i, id in enumerate(ids[run])])
    return registry, ids


def test_locations_come_by_path_with_dataset_and_run(two_runs):
    registry, ids = two_runs
    found = [(id.bytes, run, fields[2]) for id, run, fields in registry.all_locations()]
    assert found == [
        (ids["a"][0], "a", "a/0.json"),
        (ids["a"][1], "a", "a/1.json"),
        (ids["b"][0], "b", "b/0.json"),
        (ids["b"][1], "b", "b/1.json"),
    ]
    assert [fields[2] for _, _, fields in registry.all_locations("b")] == ["b/0.json", "b/1.json"]


def test_nothing_dangles_where_constraints_are_kept(two_runs):
    assert two_runs[0].dangling_rows() == []


def test_memberships_of_datasets_that_are_gone_are_found(tmp_path):
    path = tmp_path / "registry.sqlite3"
    with Registry.create(f"sqlite:///{path}") as registry:
        registry.insert_dimension_records("instrument", [{"name": "Cam"}])
        notes = DatasetType("notes", ["instrument"], "Dict", universe=registry.universe)
        registry.register_dataset_type(notes)
        registry.collections.register("run")
        registry.insert_datasets(notes, "run", {"instrument": ["Cam"]})
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("DELETE FROM dataset")
        database.commit()
    with Registry.open(f"sqlite:///{path}") as registry:
        (found,) = registry.dangling_rows()
    assert (found.column, found.refers_to, found.rows) == ("dataset_id", "dataset", 1)
