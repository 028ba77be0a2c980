"""Dimension records go in as columns or objects; conflicts and missing parents are told."""

import numpy as np
import pytest

from registry.dimensions.record import DimensionRecord
from registry.errors import ConflictingDefinitionError, DataIdError, InvalidArgumentError
from registry.timespan import Timespan

DETECTOR = {"instrument": "Cam", "detector": 1}


def names(registry):
    columns = registry.element_columns("detector", names=["detector", "full_name"])
    return dict(zip(columns["detector"].tolist(), columns["full_name"].tolist(), strict=True))


def columns(detectors, full_names):
    return {
        "instrument": np.array(["Cam"] * len(detectors), dtype=object),
        "detector": np.array(detectors),
        "full_name": full_names,
    }


def test_columns_mappings_and_records_are_the_same(camera_registry):
    registry = camera_registry
    element = registry.universe["detector"]
    assert registry.insert_dimension_records("detector", columns([10], ["X"])) == 1
    registry.insert_dimension_records("detector", [{"instrument": "Cam", "id": 11, "full_name": "Y"}])
    record = DimensionRecord(element, instrument="Cam", id=12, full_name="Z")
    registry.insert_dimension_records("detector", [record])
    assert names(registry) == {0: "A", 1: "B", 2: "C", 10: "X", 11: "Y", 12: "Z"}
    assert registry.dimension_record("detector", {"instrument": "Cam", "detector": 12}) == record
    assert registry.insert_dimension_records("detector", []) == 0


def test_equal_records_are_welcome_again(camera_registry):
    assert camera_registry.insert_dimension_records("detector", columns([1, 5], ["B", "F"])) == 1


def test_a_differing_record_is_refused_with_both_values(camera_registry):
    with pytest.raises(
        ConflictingDefinitionError, match=r"\{instrument: 'Cam', detector: 1\}.*full_name 'B', not 'Q'"
    ):
        camera_registry.insert_dimension_records("detector", columns([5, 1], ["F", "Q"]))
    assert names(camera_registry) == {0: "A", 1: "B", 2: "C"}


def test_conflicts_can_be_skipped_or_replaced(camera_registry):
    insert = camera_registry.insert_dimension_records
    assert insert("detector", columns([1, 5], ["Q", "F"]), conflict="skip") == 1
    assert names(camera_registry)[1] == "B"
    insert("detector", columns([1], ["Q"]), conflict="replace")
    assert names(camera_registry)[1] == "Q"
    assert camera_registry.dimension_record("detector", DETECTOR).full_name == "Q"
    with pytest.raises(ValueError, match="'merge'"):
        insert("detector", columns([1], ["Q"]), conflict="merge")


def test_another_owner_of_a_unique_value_is_named(camera_registry):
    with pytest.raises(ConflictingDefinitionError, match="full_name 'B', which belongs to detector 1"):
        camera_registry.insert_dimension_records("detector", columns([7], ["B"]))
    with pytest.raises(ConflictingDefinitionError, match="share a unique value"):
        camera_registry.insert_dimension_records("detector", columns([7, 8], ["N", "N"]))


def visits(**changes):
    return {
        "instrument": ["Cam"],
        "visit": [9],
        "physical_filter": ["g1"],
        "day_obs": [20260101],
        **changes,
    }


def test_missing_parents_are_named(camera_registry):
    with pytest.raises(DataIdError, match=r"physical_filter \{instrument: 'Cam', physical_filter: 'z'\}"):
        camera_registry.insert_dimension_records("visit", visits(physical_filter=["z"]))
    with pytest.raises(DataIdError, match=r"instrument \{instrument: 'Kam'\}"):
        camera_registry.insert_dimension_records("detector", [{"instrument": "Kam", "id": 1}])


def test_implied_values_are_required(camera_registry):
    given = visits()
    del given["physical_filter"]
    with pytest.raises(DataIdError, match="physical_filter"):
        camera_registry.insert_dimension_records("visit", given)
    with pytest.raises(DataIdError, match="physical_filter"):
        camera_registry.insert_dimension_records("visit", visits(physical_filter=[None]))


def test_unknown_columns_and_wrong_types_are_refused(camera_registry):
    with pytest.raises(DataIdError, match="did you mean 'exposure_time'"):
        camera_registry.insert_dimension_records("visit", visits(exposure_tim=[1.0]))
    with pytest.raises(DataIdError, match="is of type int; 'x'"):
        camera_registry.insert_dimension_records("visit", visits(seq_num=["x"]))
    with pytest.raises(DataIdError, match="at most 64"):
        camera_registry.insert_dimension_records("visit", visits(name=["x" * 65]))


@pytest.mark.parametrize(("element", "why"), [("band", "physical_filter"), ("htm7", "need none")])
def test_elements_without_records_say_why(camera_registry, element, why):
    with pytest.raises(DataIdError, match=why):
        camera_registry.insert_dimension_records(element, [{element: 1}])


def test_timespans_come_as_objects_or_as_two_columns(camera_registry):
    insert = camera_registry.insert_dimension_records
    insert("visit", visits(visit=[8], timespan=[Timespan.from_ns(5, 9)]))
    insert("visit", visits(visit=[9], timespan_begin=[5], timespan_end=np.array([9])))
    records = [camera_registry.dimension_record("visit", {"instrument": "Cam", "visit": v}) for v in (8, 9)]
    assert records[0].timespan == records[1].timespan == Timespan.from_ns(5, 9)


def test_booleans_come_back_as_booleans(camera_registry):
    camera_registry.insert_dimension_records("group", [{"instrument": "Cam", "name": "g"}])
    exposure = {"instrument": "Cam", "id": 1, "physical_filter": "g1", "day_obs": 20260101, "group": "g"}
    camera_registry.insert_dimension_records("exposure", [{**exposure, "can_see_sky": True}])
    record = camera_registry.dimension_record("exposure", {"instrument": "Cam", "exposure": 1})
    assert record.can_see_sky is True
    assert record.has_simulated is None


@pytest.mark.parametrize("text", ["a\0b", "a\udc80b"])
def test_what_no_database_can_hold_as_text_is_refused(empty_registry, text):
    empty_registry.insert_dimension_records("instrument", [{"name": "Cam"}])
    record = {"instrument": "Cam", "id": 1, "full_name": text}
    with pytest.raises(DataIdError, match="'full_name' is no text"):
        empty_registry.insert_dimension_records("detector", [record])
    empty_registry.insert_dimension_records("detector", [record | {"full_name": "\xe9\U0001f600?"}])
    [kept] = empty_registry.query_dimension_records("detector")
    assert kept.full_name == "\xe9\U0001f600?"


NO_REGIONS = {
    "nothing": b"",
    "a letter": b"p",
    "a word": b"POLYGON",
    "a text": "POLYGON",
    "corners inside of the sphere": b"p" + (0.5 * np.eye(3)).tobytes(),
    "corners at no place": b"p" + np.full(9, np.nan).tobytes(),
    "corners at its centre": b"p" + bytes(72),
    "a circle at no place": b"c" + np.full(5, np.nan).tobytes(),
}


@pytest.mark.parametrize("region", NO_REGIONS.values(), ids=NO_REGIONS)
@pytest.mark.parametrize("as_columns", [True, False])
def test_a_region_that_is_none_names_the_record(camera_registry, sky_square, region, as_columns):
    rows = [{"instrument": "Cam", "id": id, "physical_filter": "g1", "day_obs": 20260101} for id in (8, 9)]
    rows[0]["region"], rows[1]["region"] = sky_square(1, 1, 1), region
    given = {name: [row[name] for row in rows] for name in rows[0]} if as_columns else rows
    with pytest.raises(DataIdError, match=r"visit \{instrument: 'Cam', visit: 9\}.*region"):
        camera_registry.insert_dimension_records("visit", given)
    assert camera_registry.dimension_record("visit", {"instrument": "Cam", "visit": 8}) is None


@pytest.mark.parametrize("as_columns", [True, False])
def test_a_wrong_value_names_the_record(empty_registry, as_columns):
    empty_registry.insert_dimension_records("instrument", [{"name": "Cam"}])
    rows = [{"instrument": "Cam", "id": 1, "raft": "a"}, {"instrument": "Cam", "id": 2, "raft": 5}]
    given = {name: [row[name] for row in rows] for name in rows[0]} if as_columns else rows
    with pytest.raises(DataIdError, match=r"detector \{instrument: 'Cam', detector: 2\}: 'raft' .* 5 is of"):
        empty_registry.insert_dimension_records("detector", given)


@pytest.mark.parametrize("as_columns", [True, False])
def test_an_unknown_column_is_told_what_there_is(empty_registry, as_columns):
    row = {"name": "Cam", "colour": "red"}
    given = {name: [value] for name, value in row.items()} if as_columns else [row]
    with pytest.raises(DataIdError, match=r"no column 'colour'; they have instrument, visit_max, "):
        empty_registry.insert_dimension_records("instrument", given)


@pytest.mark.parametrize(
    ("full_names", "message"),
    [
        (["A"], "numbers of rows: instrument 2, detector 2, full_name 1"),
        ("AB", "'full_name' is 'AB'; a column has one value"),
        (np.array("A"), "a column has one value"),
        (7, "'full_name' is 7; a column has one value"),
    ],
)
def test_columns_are_lists_of_one_length(camera_registry, full_names, message):
    given = {"instrument": ["Cam"] * 2, "detector": [5, 6], "full_name": full_names}
    with pytest.raises(InvalidArgumentError, match=message):
        camera_registry.insert_dimension_records("detector", given)
