"""The universe: order of elements, closure of groups, aliases, sky pixels, faults in a user's file."""

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.dimensions import DimensionUniverse
from registry.errors import InvalidUniverseError, UnknownDimensionError

NAMES = [element.name for element in DimensionUniverse.default().dimensions] + ["htm7", "healpix9"]
groups = st.sets(st.sampled_from(NAMES), max_size=5).map(DimensionUniverse.default().conform)


@pytest.mark.parametrize(
    ("names", "required", "implied", "elements"),
    [  # as the reference's universe, version 8, answers
        (
            ["visit", "detector"],
            ["instrument", "detector", "visit"],
            ["band", "day_obs", "physical_filter"],
            [
                "band",
                "instrument",
                "day_obs",
                "detector",
                "physical_filter",
                "visit",
                "visit_detector_region",
            ],
        ),
        (
            ["patch", "band", "visit"],
            ["instrument", "skymap", "tract", "patch", "visit"],
            ["band", "day_obs", "physical_filter"],
            ["band", "instrument", "skymap", "day_obs", "physical_filter", "tract", "patch", "visit"],
        ),
        (
            ["subfilter", "tract"],
            ["band", "skymap", "subfilter", "tract"],
            [],
            ["band", "skymap", "subfilter", "tract"],
        ),
        (
            ["physical_filter", "subfilter"],
            ["instrument", "physical_filter", "subfilter"],
            ["band"],
            ["band", "instrument", "physical_filter", "subfilter"],
        ),
        (["htm7"], ["htm7"], [], ["htm7"]),
        ([], [], [], []),
    ],
)
def test_groups_are_closed_and_ordered_as_in_the_reference(universe, names, required, implied, elements):
    group = universe.conform(names)
    assert list(group.required) == required
    assert list(group.implied) == implied
    assert list(group.elements) == elements
    assert set(group.keys) == set(group.names)


def test_relations_join_when_all_their_dimensions_are_there(universe):
    assert "visit_definition" in universe.conform(["exposure", "visit"]).elements
    assert "visit_definition" not in universe.conform(["visit"]).elements
    assert "visit_system_membership" in universe.conform(["visit_system", "visit"]).elements


def test_the_most_specific_element_of_each_family_is_chosen(universe):
    group = universe.conform(["visit", "detector", "patch", "exposure", "htm7", "htm9"])
    assert set(group.spatial) == {"visit_detector_region", "patch", "htm9"}
    assert group.temporal == ("exposure",)
    assert universe.conform(["visit", "tract"]).spatial == ("tract", "visit")


def test_overlap_pairs_are_between_families(universe):
    assert set(universe.overlap_pairs) == {
        (a, b) for a in ("visit", "visit_detector_region") for b in ("tract", "patch")
    }


def test_an_alias_names_the_same_dimension(universe):
    assert universe["abstract_filter"] is universe["band"]
    assert universe.conform(["abstract_filter"]) is universe.conform(["band"])
    assert "abstract_filter" in universe.conform(["band"])


@pytest.mark.parametrize("name", ["htm25", "htm07", "healpix18", "htm", "htm-1", "mq3c4"])
def test_sky_pixels_beyond_their_levels_are_unknown(universe, name):
    assert name not in universe
    with pytest.raises(UnknownDimensionError):
        universe[name]


def test_an_unknown_dimension_suggests_the_nearest(universe):
    with pytest.raises(UnknownDimensionError, match="'vizit'; did you mean 'visit'"):
        universe.conform(["vizit"])


def test_a_relation_is_no_dimension(universe):
    with pytest.raises(UnknownDimensionError, match=r"visit_definition.*exposure, visit"):
        universe.conform(["visit_definition"])


def test_columns_come_in_the_order_that_tables_have(universe):
    assert universe["detector"].column_names == (
        "instrument", "detector", "full_name", "name_in_raft", "raft", "purpose",
    )  # fmt: skip
    visit = universe["visit"].column_names
    assert visit[:5] == ("instrument", "visit", "day_obs", "physical_filter", "name")
    assert visit[-3:] == ("region", "timespan_begin", "timespan_end")
    assert not universe["band"].has_table


def test_definitions_are_interned_across_pickle_and_yaml(universe):
    assert pickle.loads(pickle.dumps(universe)) is universe
    assert DimensionUniverse.from_yaml(universe.to_yaml()) is universe
    group = universe.conform(["visit", "detector"])
    assert pickle.loads(pickle.dumps(group)) is group
    assert pickle.loads(pickle.dumps(universe["visit"])) is universe["visit"]


@settings(max_examples=50, deadline=None)
@given(a=groups, b=groups, c=groups)
def test_groups_form_a_lattice(a, b, c):
    assert a | b is b | a
    assert (a | b) | c is a | (b | c)
    assert a | a is a
    assert a <= a | b
    assert a & b <= a
    assert (a <= b) == (a | b == b)
    assert set((a | b).names) == set(a.names) | set(b.names)
    assert set((a & b).names) == set(a.names) & set(b.names)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2", "not YAML"),
        ("just text", "mapping"),
        ("namespace: x\nversion: 1", "elements"),
        (
            "{namespace: x, version: 1, elements: {a: {requires: [b], keys: [{name: id, type: int}]}}}",
            "'b', which 'a' depends on",
        ),
        ("{namespace: x, version: 1, elements: {a: {requires: [b]}, b: {requires: [a]}}}", "a -> b -> a"),
        (
            "{namespace: x, version: 1, elements: {a: {keys: [{name: id, type: complex}]}}}",
            "a.id has the unknown type 'complex'",
        ),
    ],
)
def test_a_faulty_universe_says_what_is_wrong(text, message):
    with pytest.raises(InvalidUniverseError, match=message):
        DimensionUniverse.from_yaml(text)


def test_a_user_may_bring_another_universe():
    own = DimensionUniverse.from_yaml(
        "{namespace: own, version: 3, elements: {telescope: {governor: true, keys: [{name: name, type: string}]},"
        " plate: {requires: [telescope], keys: [{name: number, type: int}], metadata: [{name: emulsion, type: string}]}}}"
    )
    assert own.conform(["plate"]).required == ("telescope", "plate")
    assert own.governors == ("telescope",)
    assert "visit" not in own
