"""Locations: where bytes are, in bulk and one by one."""

from uuid import UUID

import numpy as np
import pytest

from registry.datasets.locations import LOCATION_FIELDS


def location(path, component="", store="file"):
    return (component, store, path, -1, 10, "ab", "sha256", "fits", "ExposureF")


@pytest.fixture
def stored(two_run_registry):
    """Bias of the first run: one in two components, one in a file of both."""
    refs = two_run_registry.query_datasets("bias", "first", order_by=["detector"])
    rows = [
        (refs[0].id, *location("a/image.fits", "image")),
        (refs[0].id, *location("a/mask.fits", "mask")),
        (refs[1].id.bytes, *location("b.fits")),
    ]
    assert two_run_registry.insert_locations(rows) == 3
    return two_run_registry, refs


def test_locations_come_back_by_dataset(stored):
    registry, refs = stored
    found = registry.locations([refs[0].id, refs[1].id, UUID(int=1)])
    assert sorted(found[refs[0].id]) == [location("a/image.fits", "image"), location("a/mask.fits", "mask")]
    assert found[refs[1].id] == [location("b.fits")]
    assert found[UUID(int=1)] == []
    assert len(LOCATION_FIELDS) == len(location(""))


def test_the_newer_location_stays(stored):
    registry, refs = stored
    registry.insert_locations([(refs[1].id, *location("c.fits"))])
    assert registry.locations([refs[1].id])[refs[1].id] == [location("c.fits")]


@pytest.mark.parametrize("many", [1, 20_000])
def test_columns_point_into_the_ids(stored, monkeypatch, many):
    monkeypatch.setattr("registry.datasets.locations._MANY", many)  # in one pass, or by keys
    registry, refs = stored
    ids = np.array([list(refs[1].id.bytes), [0] * 16, list(refs[0].id.bytes)], dtype=np.uint8)
    index, locations = registry.location_columns(ids)
    assert index.tolist() == [0, 2, 2]
    assert [row[2] for row in locations] == ["b.fits", "a/image.fits", "a/mask.fits"]


def test_locations_can_be_forgotten(stored):
    registry, refs = stored
    registry.remove_locations([refs[0].id])
    assert registry.locations([refs[0].id])[refs[0].id] == []
    assert registry.locations([refs[1].id])[refs[1].id] == [location("b.fits")]


def test_paths_in_use_are_those_that_still_hold_a_dataset(stored):
    registry, refs = stored
    registry.insert_locations([(refs[0].id, *location("b.fits", "whole"))])
    registry.remove_datasets([refs[1].id])
    assert registry.paths_in_use("file", ["a/mask.fits", "b.fits", "c.fits"]) == {"a/mask.fits", "b.fits"}
    assert registry.paths_in_use("s3", ["b.fits"]) == set()
    registry.remove_datasets([refs[0].id])
    assert registry.paths_in_use("file", ["b.fits"]) == set()
