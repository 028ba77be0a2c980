"""Summaries keep searches away from collections that cannot answer."""

import pytest

from registry.dataset_type import DatasetType


@pytest.fixture
def registry(two_run_registry):
    registry = two_run_registry
    registry.insert_dimension_records("instrument", [{"name": "Other"}])
    registry.insert_dimension_records("detector", [{"instrument": "Other", "id": 0, "full_name": "A"}])
    registry.collections.register("other")
    registry.insert_datasets("bias", "other", {"instrument": ["Other"], "detector": [0]})
    return registry


def candidates(registry, name, collections, **data_id):
    found = registry._finder.candidates(registry._types.entry(name), collections, data_id)
    return [info.name for info in found]


def test_only_collections_with_the_type_and_the_governor_are_searched(registry):
    everywhere = ["first", "second", "other"]
    assert candidates(registry, "bias", everywhere) == everywhere
    assert candidates(registry, "calexp", everywhere) == ["first", "second"]
    assert candidates(registry, "bias", everywhere, instrument="Other") == ["other"]
    assert candidates(registry, "bias", everywhere, instrument="Nowhere") == []


def test_tags_and_validity_extend_summaries(registry):
    from registry.timespan import Timespan

    refs = registry.query_datasets("bias", "other")
    for name, kind in (("tag", "TAGGED"), ("cal", "CALIBRATION")):
        registry.collections.register(name, kind)
        assert candidates(registry, "bias", [name]) == []
    registry.collections.associate("tag", refs)
    registry.collections.certify("cal", refs, Timespan(None, None))
    assert candidates(registry, "bias", ["tag", "cal"], instrument="Other") == ["tag", "cal"]


def test_the_dataset_types_of_a_chain_are_those_of_its_members(registry):
    registry.collections.register("chain", "CHAINED")
    registry.collections.set_chain("chain", ["other", "second"])
    registry.register_dataset_type(DatasetType("unused", ["visit"], "X", universe=registry.universe))
    assert [t.name for t in registry.collections.dataset_types("chain")] == ["bias", "calexp"]
    assert [t.name for t in registry.collections.dataset_types("other")] == ["bias"]
