"""Access by refs alone, without a database."""

import pickle

import pytest

from pipetask.butler import Box, DatasetRef
from pipetask.errors import DatasetNotFoundError


def test_known_datasets_are_read_without_a_database(repo, image_of_ones):
    ref = repo.put(image_of_ones, "calexp", visit=1, detector=0, run="first")
    records = repo.artifacts([ref.id])
    config = pickle.loads(pickle.dumps(repo.limited_config()))
    repo.close()
    limited = config.open(records)
    assert limited.exists(ref)
    assert limited.read_ids == set()
    assert limited.get(ref).bbox == Box(0, 0, 8, 6)
    assert limited.read_ids == {ref.id}
    assert limited.get(ref.makeComponentRef("bbox", "Box")) == Box(0, 0, 8, 6)
    handle = limited.getDeferred(ref)
    assert handle.get(component="bbox") == Box(0, 0, 8, 6)
    assert limited.dimensions == repo.dimensions


def test_what_it_was_not_told_about_is_not_there(repo):
    ref = DatasetRef(repo.registry.get_dataset_type("notes"), {"instrument": "Cam", "detector": 1}, "first")
    limited = repo.limited({})
    assert not limited.exists(ref)
    with pytest.raises(DatasetNotFoundError, match="not among those that this process was given"):
        limited.get(ref)


def test_what_it_wrote_is_recorded_by_the_butler(repo):
    notes = repo.registry.get_dataset_type("notes")
    refs = [DatasetRef(notes, {"instrument": "Cam", "detector": d}, "first") for d in (0, 1)]
    limited = repo.limited({})
    for ref in refs:
        limited.put({"d": ref.dataId["detector"]}, ref)
    assert limited.get(refs[0]) == {"d": 0}
    limited.put({"d": "again"}, refs[1])
    rows = [(id, *record) for id, records in limited.written.items() for record in records]
    for _ in range(2):  # a journal may be replayed
        repo.record("first", {notes: ([ref.dataId for ref in refs], [ref.id for ref in refs])}, rows)
    assert repo.get("notes", detector=1, collections="first") == {"d": "again"}
