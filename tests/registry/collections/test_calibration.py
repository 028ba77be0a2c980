"""Validity ranges: certified, looked up, decertified, never two at once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import (
    CalibrationLookupError,
    CollectionTypeError,
    ConflictingDefinitionError,
    InvalidTimespanError,
)
from registry.timespan import Timespan

A, B = Timespan.from_ns(0, 100), Timespan.from_ns(100, 200)
ONE = {"instrument": "Cam", "detector": 1}


@pytest.fixture
def registry(two_run_registry):
    two_run_registry.collections.register("cal", "CALIBRATION")
    return two_run_registry


@pytest.fixture
def refs(registry):
    """Bias of the first run by detector."""
    return registry.query_datasets("bias", "first", order_by=["detector"])


@pytest.fixture
def later(registry):
    """Bias of the second run by detector."""
    return registry.query_datasets("bias", "second", order_by=["detector"])


def at(registry, begin, end=None, collections="cal"):
    span = Timespan.from_ns(begin, begin + 1 if end is None else end)
    found = registry.find_dataset("bias", ONE, collections=collections, timespan=span)
    return None if found is None else found.id


def test_a_calibration_is_found_while_it_is_valid(registry, refs, later):
    registry.collections.certify("cal", refs, A)
    registry.collections.certify("cal", later, B)
    assert at(registry, 0) == at(registry, 99) == refs[1].id
    assert at(registry, 100) == later[1].id
    assert at(registry, 200) is None
    assert at(registry, -1) is None


def test_without_a_time_calibration_collections_are_passed_over(registry, refs):
    registry.collections.certify("cal", refs, A)
    assert registry.find_dataset("bias", ONE, collections="cal") is None
    assert registry.find_dataset("bias", ONE, collections=["cal", "first"]) == refs[1]


def test_the_first_collection_that_answers_counts(registry, refs, later):
    registry.collections.certify("cal", refs, A)
    assert at(registry, 5, collections=["cal", "second"]) == refs[1].id
    assert at(registry, 5, collections=["second", "cal"]) == later[1].id
    assert at(registry, 500, collections=["cal", "second"]) == later[1].id


def test_two_answers_are_an_error_that_shows_them(registry, refs, later):
    registry.collections.certify("cal", refs, A)
    registry.collections.certify("cal", later, B)
    with pytest.raises(CalibrationLookupError, match=r"2 datasets bias .*'cal'"):
        at(registry, 90, 110)


def test_overlapping_validity_is_refused(registry, refs, later):
    registry.collections.certify("cal", refs, A)
    with pytest.raises(ConflictingDefinitionError, match=f"{refs[0].id}.*overlaps.*decertify"):
        registry.collections.certify("cal", later, Timespan.from_ns(99, 300))
    with pytest.raises(ConflictingDefinitionError):
        registry.collections.certify("cal", [refs[0], later[0]], B)
    assert len(registry.calibration_columns("bias", "cal").rank) == 2


def test_certifying_the_same_again_changes_nothing(registry, refs):
    for _ in range(2):
        registry.collections.certify("cal", refs, A)
    assert len(registry.calibration_columns("bias", "cal").rank) == 2


def test_an_empty_timespan_is_refused(registry, refs):
    with pytest.raises(InvalidTimespanError):
        registry.collections.certify("cal", refs, Timespan.make_empty())


def test_only_calibrations_are_certified(registry):
    with pytest.raises(CollectionTypeError, match=r"'calexp'.*isCalibration"):
        registry.collections.certify("cal", registry.query_datasets("calexp", "first"), A)


def test_whole_ranges_are_decertified(registry, refs, later):
    registry.collections.certify("cal", refs, A)
    registry.collections.certify("cal", later, B)
    assert registry.collections.decertify("cal", "bias", A, [ONE]) == 1
    assert at(registry, 5) is None
    assert at(registry, 150) == later[1].id
    assert registry.collections.decertify("cal", "bias", Timespan(None, None)) == 3
    assert len(registry.calibration_columns("bias", "cal").rank) == 0


def ranges(registry):
    found = registry.calibration_columns("bias", "cal")
    return sorted(
        zip(found.columns["detector"].tolist(), found.begin_ns.tolist(), found.end_ns.tolist(), strict=True)
    )


def test_a_part_taken_out_of_a_range_leaves_two(registry, refs):
    registry.collections.certify("cal", refs, A)
    assert registry.collections.decertify("cal", "bias", Timespan.from_ns(50, 60), [ONE]) == 1
    assert ranges(registry) == [(0, 0, 100), (1, 0, 50), (1, 60, 100)]
    assert at(registry, 49) == at(registry, 60) == refs[1].id
    assert at(registry, 50) is at(registry, 59) is None


def test_a_range_is_shortened_at_either_end_and_what_is_free_can_be_certified(registry, refs, later):
    registry.collections.certify("cal", refs, A)
    registry.collections.decertify("cal", "bias", Timespan.from_ns(-10, 20), [ONE])
    registry.collections.decertify("cal", "bias", Timespan.from_ns(80, 120), [ONE])
    assert ranges(registry) == [(0, 0, 100), (1, 20, 80)]
    registry.collections.certify("cal", later[1:], Timespan.from_ns(80, 90))
    assert at(registry, 85) == later[1].id


def test_an_unbounded_range_stays_unbounded_on_both_sides(registry, refs):
    registry.collections.certify("cal", refs[1:], Timespan(None, None))
    registry.collections.decertify("cal", "bias", A)
    assert ranges(registry) == [(1, -(2**63), 0), (1, 100, 2**63 - 1)]


@settings(max_examples=25, deadline=None)
@given(
    certified=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    cuts=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=5),
)
def test_any_cuts_agree_with_sets_of_moments(certified, cuts):
    from registry.dataset_type import DatasetType
    from registry.registry import Registry

    moments = set(range(*certified))
    with Registry.create("sqlite://") as registry:
        registry.insert_dimension_records("instrument", [{"name": "Cam"}])
        kind = DatasetType("flat", ["instrument"], "X", universe=registry.universe, isCalibration=True)
        registry.register_dataset_type(kind)
        registry.collections.register("cal", "CALIBRATION")
        registry.collections.register("run")
        registry.insert_datasets("flat", "run", {"instrument": ["Cam"]})
        if moments:
            flats = registry.query_datasets("flat", "run")
            registry.collections.certify("cal", flats, Timespan.from_ns(*certified))
        for begin, end in cuts:
            registry.collections.decertify("cal", "flat", Timespan.from_ns(begin, end))
            moments -= set(range(begin, end))
        found = registry.calibration_columns("flat", "cal")
        spans = sorted(zip(found.begin_ns.tolist(), found.end_ns.tolist(), strict=True))
    assert [moment for span in spans for moment in range(*span)] == sorted(moments)


def test_columns_tell_validity_and_rank(registry, refs, later):
    registry.collections.certify("cal", refs[:1], A)
    found = registry.calibration_columns("bias", ["second", "cal"])
    rows = sorted(
        zip(found.rank.tolist(), found.columns["detector"].tolist(), found.begin_ns.tolist(), strict=True)
    )
    assert rows == [(0, 0, -(2**63)), (0, 1, -(2**63)), (1, 0, 0)]
    runs = {found.runs[i] for i in found.run.tolist()}
    assert runs == {"first", "second"}
    assert found.ids.shape == (3, 16)


def test_what_is_certified_is_found_by_queries(registry, refs):
    registry.collections.certify("cal", refs, A)
    registry.collections.certify("cal", refs, B)
    assert registry.query_datasets("bias", "cal", order_by=["-detector"]) == refs[::-1]
    assert registry.query_datasets("bias", "cal", where="detector = 1") == refs[1:]


spans = st.tuples(st.integers(0, 20), st.integers(0, 20)).filter(lambda pair: pair[0] < pair[1])


@settings(max_examples=25, deadline=None)
@given(wanted=st.lists(spans, max_size=8), times=st.lists(st.integers(0, 20), min_size=1, max_size=5))
def test_any_certifications_agree_with_a_list(wanted, times):
    from registry.dataset_type import DatasetType
    from registry.registry import Registry

    with Registry.create("sqlite://") as registry:
        registry.insert_dimension_records("instrument", [{"name": "Cam"}])
        registry.register_dataset_type(
            DatasetType("flat", ["instrument"], "X", universe=registry.universe, isCalibration=True)
        )
        registry.collections.register("cal", "CALIBRATION")
        kept = []
        for i, (begin, end) in enumerate(wanted):
            registry.collections.register(f"run{i}")
            registry.insert_datasets("flat", f"run{i}", {"instrument": ["Cam"]})
            [ref] = registry.query_datasets("flat", f"run{i}")
            if any(begin < other_end and other_begin < end for other_begin, other_end, _ in kept):
                with pytest.raises(ConflictingDefinitionError):
                    registry.collections.certify("cal", [ref], Timespan.from_ns(begin, end))
            else:
                registry.collections.certify("cal", [ref], Timespan.from_ns(begin, end))
                kept.append((begin, end, ref))
        for time in times:
            expected = [ref for begin, end, ref in kept if begin <= time < end]
            span = Timespan.from_ns(time, time + 1)
            found = registry.find_dataset("flat", {"instrument": "Cam"}, collections="cal", timespan=span)
            assert found == (expected[0] if expected else None)
