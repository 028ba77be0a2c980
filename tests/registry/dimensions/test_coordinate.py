"""Data IDs: what is accepted, what is equal, how they are cut down and put together."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.dimensions import DataCoordinate, DimensionRecord, DimensionUniverse
from registry.errors import DataIdError, UnknownDimensionError

UNIVERSE = DimensionUniverse.default()
NAMES = ["detector", "visit", "exposure", "patch", "band", "physical_filter", "htm7", "visit_system"]
# One world in which every dimension has one value: all data IDs made from it agree with each other.
WORLD = {
    "instrument": "Cam", "detector": 3, "visit": 12, "exposure": 7, "skymap": "sky", "tract": 1, "patch": 9,
    "band": "r", "physical_filter": "Cam-R", "day_obs": 20260101, "group": "g1", "htm7": 40000, "visit_system": 0,
}  # fmt: skip
groups = st.sets(st.sampled_from(NAMES), max_size=4).map(UNIVERSE.conform)


def data_id(group, *, full=True):
    return DataCoordinate.standardize(
        {name: WORLD[name] for name in (group.keys if full else group.required)}, dimensions=group
    )


data_ids = st.builds(lambda group, full: data_id(group, full=full), groups, st.booleans())


def test_plain_mappings_keywords_aliases_and_numpy_values_are_accepted():
    expected = DataCoordinate.standardize({"instrument": "Cam", "visit": 12, "detector": 3})
    assert DataCoordinate.standardize(instrument="Cam", visit=12, detector=3) == expected
    assert (
        DataCoordinate.standardize({"instrument": np.str_("Cam"), "visit": np.int64(12)}, detector=3)
        == expected
    )
    assert all(type(value) in (str, int) for value in expected.values())
    assert DataCoordinate.standardize(abstract_filter="r")["band"] == "r"
    assert DataCoordinate.standardize(band="r")["abstract_filter"] == "r"
    assert dict(expected) == {"instrument": "Cam", "detector": 3, "visit": 12}
    assert repr(expected) == "{instrument: 'Cam', detector: 3, visit: 12}"


def test_dimensions_that_are_not_asked_for_are_left_out():
    got = DataCoordinate.standardize(WORLD, dimensions=["detector"])
    assert got.mapping == {"instrument": "Cam", "detector": 3}


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"visit": 12}, DataIdError, "lacks instrument"),
        ({"instrument": "Cam", "vist": 12}, UnknownDimensionError, "did you mean 'visit'"),
        ({"instrument": "Cam", "visit": "12"}, DataIdError, "'visit' is of type int; '12' is of type str"),
        ({"instrument": "Cam", "visit": 1.5}, DataIdError, "1.5 is of type float"),
        ({"instrument": "Cam", "visit": True}, DataIdError, "True is of type bool"),
        ({"instrument": None}, DataIdError, "not None"),
        ({"instrument": "C" * 33}, DataIdError, "at most 32"),
        ({"instrument": "Cam", "visit": 2**63}, DataIdError, "does not fit in 64 bits"),
        ({"visit_definition": 3}, UnknownDimensionError, "none itself"),
    ],
)
def test_what_is_wrong_with_a_data_id_is_said(given, error, message):
    with pytest.raises(error, match=message):
        DataCoordinate.standardize(given)


def test_implied_values_are_kept_if_all_are_there_and_do_not_count_for_equality():
    group = UNIVERSE.conform(["visit"])
    full, bare = data_id(group), data_id(group, full=False)
    assert full.hasFull()
    assert not bare.hasFull()
    assert full == bare
    assert hash(full) == hash(bare)
    assert full["band"] == "r"
    assert "band" not in bare
    assert bare.get("band") is None
    with pytest.raises(UnknownDimensionError, match="expand"):
        bare["band"]
    with pytest.raises(DataIdError):
        bare.full_values  # noqa: B018
    assert bare.expanded({"band": "r", "physical_filter": "Cam-R", "day_obs": 1}).hasFull()


def test_records_go_along():
    group = UNIVERSE.conform(["detector"])
    record = DimensionRecord(UNIVERSE["detector"], id=3, instrument="Cam", full_name="S3")
    expanded = data_id(group).expanded(records={"detector": record})
    assert expanded.hasRecords()
    assert expanded.union(data_id(UNIVERSE.conform(["band"]))).records["detector"] is record
    assert expanded.subset(["instrument"]).records == {}
    assert pickle.loads(pickle.dumps(expanded)).records["detector"] == record


@settings(max_examples=50, deadline=None)
@given(a=data_ids)
def test_data_ids_survive_pickle_mapping_and_keywords(a):
    copy = pickle.loads(pickle.dumps(a))
    assert (copy, copy.mapping) == (a, a.mapping)
    assert DataCoordinate.standardize(a.mapping, dimensions=a.dimensions) == a
    assert DataCoordinate.standardize(**a.required) == a
    assert DataCoordinate.from_required(a.dimensions, a.values_tuple) == a


@settings(max_examples=50, deadline=None)
@given(a=data_ids, b=data_ids)
def test_union_and_subset_undo_each_other(a, b):
    union = a.union(b)
    assert union.dimensions == a.dimensions | b.dimensions
    assert union == b.union(a)
    for part in (a, b):
        # A dimension that one requires may be implied in the union, and is unknown unless all implied ones are.
        if set(part.dimensions.required) <= set(union):
            assert union.subset(part.dimensions) == part
    assert a.union(a) == a
    assert a.subset(a.dimensions) is a
    common = a.dimensions & b.dimensions
    if set(common.required) <= set(a) & set(b):
        assert a.subset(common) == b.subset(common)


def test_contradicting_data_ids_have_no_union():
    a = DataCoordinate.standardize(instrument="Cam", visit=1)
    with pytest.raises(DataIdError, match="differ in 'visit'"):
        a.union(DataCoordinate.standardize(instrument="Cam", visit=2, detector=0))


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.integers(0, 3)), max_size=8))
def test_data_ids_of_one_group_are_ordered_by_their_values(rows):
    group = UNIVERSE.conform(["visit", "detector"])
    ids = [DataCoordinate.from_required(group, row) for row in rows]
    assert [each.values_tuple for each in sorted(ids)] == sorted(rows)
    assert len(set(ids)) == len(set(rows))
    for a in ids:
        for b in ids:
            assert (a < b) + (a == b) + (a > b) == 1
            assert (a <= b) == (not b < a)


def test_data_ids_of_different_dimensions_differ_even_with_equal_values():
    assert DataCoordinate.standardize(instrument="Cam", visit=1) != DataCoordinate.standardize(
        instrument="Cam", exposure=1
    )


def test_the_empty_data_id_is_the_same_for_all():
    empty = DataCoordinate.make_empty(UNIVERSE)
    assert empty == DataCoordinate.standardize({}, universe=UNIVERSE)
    assert empty.hasFull()
    assert len(empty) == 0
    assert empty.subset(UNIVERSE.empty) is empty
