"""Find-first: the first collection that has a data ID gives its dataset."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.dataset_type import DatasetType
from registry.dimensions.coordinate import DataCoordinate
from registry.errors import ConflictingDefinitionError, DataIdError, MissingDatasetTypeError
from registry.registry import Registry


def data_id(visit, detector=0):
    return {"instrument": "Cam", "visit": visit, "detector": detector}


def test_the_order_of_collections_decides(two_run_registry):
    find = two_run_registry.find_dataset
    assert find("calexp", data_id(3), collections=["first", "second"]).run == "first"
    assert find("calexp", data_id(3), collections=["second", "first"]).run == "second"
    assert find("calexp", data_id(2), collections=["second", "first"]).run == "first"
    assert find("calexp", data_id(4), collections=["second", "first"]) is None


def test_superfluous_dimensions_are_left_out_and_missing_ones_named(two_run_registry):
    assert two_run_registry.find_dataset("bias", data_id(3), collections="first").dataId["detector"] == 0
    with pytest.raises(DataIdError, match="lacks detector"):
        two_run_registry.find_dataset("bias", {"instrument": "Cam"}, collections="first")
    with pytest.raises(MissingDatasetTypeError):
        two_run_registry.find_dataset("dark", data_id(3), collections="first")


def test_changes_are_noticed(two_run_registry):
    registry = two_run_registry
    registry.collections.register("third")
    search = {"collections": ["third", "second"]}
    assert registry.find_dataset("calexp", data_id(3), **search).run == "second"
    registry.insert_datasets("calexp", "third", {k: [v] for k, v in data_id(3).items()})
    [ref] = registry.query_datasets("calexp", "third")
    assert registry.find_dataset("calexp", data_id(3), **search) == ref
    registry.remove_datasets([ref.id])
    assert registry.find_dataset("calexp", data_id(3), **search).run == "second"


def test_tags_find_the_dataset_in_its_run(two_run_registry):
    registry = two_run_registry
    registry.collections.register("tag", "TAGGED")
    ref = registry.find_dataset("calexp", data_id(1), collections="first")
    registry.collections.associate("tag", [ref])
    assert registry.find_dataset("calexp", data_id(1), collections="tag") == ref
    assert registry.find_dataset_columns("calexp", "tag").runs == ["first"]
    registry.collections.disassociate("tag", [ref])
    assert registry.find_dataset("calexp", data_id(1), collections="tag") is None


def test_a_tag_is_not_moved_silently(two_run_registry):
    registry = two_run_registry
    registry.collections.register("tag", "TAGGED")
    for run in ("first", "first"):
        registry.collections.associate("tag", registry.query_datasets("bias", run))
    with pytest.raises(
        ConflictingDefinitionError,
        match=r"'tag' holds another dataset 'bias' .*: that of run 'first' .* --disassociate tag",
    ):
        registry.collections.associate("tag", registry.query_datasets("bias", "second"))


def test_columns_hold_one_row_per_data_id(two_run_registry):
    found = two_run_registry.find_dataset_columns("calexp", ["second", "first"])
    keys = zip(found.columns["visit"].tolist(), found.columns["detector"].tolist(), strict=True)
    runs = {key: found.runs[run] for key, run in zip(keys, found.run.tolist(), strict=True)}
    assert runs == {(v, d): "second" if v == 3 else "first" for v in (1, 2, 3) for d in (0, 1)}
    assert set(found.columns["instrument"].tolist()) == {"Cam"}


@pytest.mark.parametrize(
    ("condition", "visits"),
    [
        ({"where": "visit.exposure_time > 15"}, {2, 3}),
        ({"where": "band = 'g'"}, {1, 3}),
        ({"where": "visit IN (wanted)", "bind": {"wanted": [1, 2]}}, {1, 2}),
        ({"data_id": {"visit": 2}}, {2}),
        ({"data_id": {"band": "g"}}, {1, 3}),
        ({"data_id": {"instrument": "Elsewhere"}}, set()),
    ],
)
def test_columns_can_be_restricted(two_run_registry, condition, visits):
    found = two_run_registry.find_dataset_columns("calexp", ["second", "first"], **condition)
    assert set(found.columns["visit"].tolist()) == visits
    assert len(found.ids) == 2 * len(visits)


def test_queries_return_each_dataset_once(two_run_registry):
    registry = two_run_registry
    registry.collections.register("tag", "TAGGED")
    registry.collections.associate("tag", registry.query_datasets("bias", "first"))
    every = registry.query_datasets("bias", ["tag", "first", "second"], find_first=False)
    assert sorted(ref.run for ref in every) == ["first", "first", "second", "second"]
    assert len(registry.query_datasets("bias", ["tag", "first", "second"], find_first=False, limit=3)) == 3
    [ref] = registry.query_datasets("calexp", "first", where="visit = 2 AND detector = 1", with_records=True)
    assert ref.dataId.records["visit"].exposure_time == 20.0
    visits = [
        r.dataId["visit"] for r in registry.query_datasets("calexp", "first", order_by=["-visit"], limit=2)
    ]
    assert visits == [3, 3]


def test_where_is_split_into_parts_that_stand_alone(two_run_registry):
    registry = two_run_registry
    registry.insert_dimension_records("instrument", [{"name": "Other"}])
    where = (
        "instrument = 'Cam' AND visit.exposure_time > 15 AND detector.full_name IN ('A', 'B') AND band = 'g'"
    )
    parts = registry.split_where(where, dimensions=["visit", "detector"])
    visits = None
    for part in parts:
        columns = registry.data_id_columns(part.dimensions, where=part.where)
        if "visit" in columns:
            assert "detector" not in columns
            visits = set(columns["visit"].tolist())
        if "detector" in columns:
            assert sorted(columns["detector"].tolist()) == [0, 1]
    assert visits == {2, 3, 4}
    assert len(parts) == 4


contents = st.lists(st.sets(st.integers(0, 5)), min_size=1, max_size=5)


@settings(max_examples=25, deadline=None)
@given(contents, st.data())
def test_any_search_agrees_with_looking_one_by_one(runs, data):
    with Registry.create("sqlite://") as registry:
        registry.insert_dimension_records("instrument", [{"name": "Cam"}])
        registry.insert_dimension_records("detector", [{"instrument": "Cam", "id": i} for i in range(6)])
        registry.register_dataset_type(DatasetType("d", ["detector"], "X", universe=registry.universe))
        held = {}
        for name, detectors in zip("abcde", runs, strict=False):
            registry.collections.register(name)
            columns = {"instrument": ["Cam"] * len(detectors), "detector": sorted(detectors)}
            registry.insert_datasets("d", name, columns)
            held[name] = detectors
        order = data.draw(st.permutations(sorted(held)))
        expected = {d: name for name, d in itertools.product(reversed(order), range(6)) if d in held[name]}
        found = registry.find_dataset_columns("d", order)
        columns = (
            {
                d: found.runs[run]
                for d, run in zip(found.columns["detector"].tolist(), found.run.tolist(), strict=True)
            }
            if expected
            else {}
        )
        assert columns == expected
        for d in range(6):
            ref = registry.find_dataset("d", {"instrument": "Cam", "detector": d}, collections=order)
            assert (ref.run if ref else None) == expected.get(d)
        refs = registry.query_datasets("d", order)
        assert {ref.dataId["detector"]: ref.run for ref in refs} == expected


def test_a_search_for_many_data_ids_finds_what_one_for_each_does(two_run_registry):
    registry = two_run_registry
    registry.collections.register("tag", "TAGGED")
    registry.collections.associate("tag", [registry.find_dataset("calexp", data_id(2), collections="first")])
    group = registry.get_dataset_type("calexp").dimensions
    wanted = [DataCoordinate.standardize(data_id(visit), dimensions=group) for visit in (3, 1, 2, 4, 3)]
    for searched in itertools.permutations(["first", "second", "tag"]):
        found = registry.search_datasets("calexp", wanted, collections=searched)
        assert [refs[0] if refs else None for refs in found] == [
            registry.find_dataset("calexp", each, collections=searched) for each in wanted
        ]
        order = [registry.find_dataset("calexp", wanted[0], collections=each) for each in searched]
        assert found[0] == [ref for ref in order if ref is not None]
    assert registry.search_datasets("calexp", [], collections="first") == []
