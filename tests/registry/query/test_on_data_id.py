"""Conditions on data IDs, told without a database."""

import pytest

from registry.dimensions.coordinate import DataCoordinate
from registry.errors import InvalidQueryError
from registry.query.on_data_id import holds

DATA_ID = DataCoordinate.standardize(
    {
        "instrument": "Cam",
        "visit": 42,
        "detector": 3,
        "band": "g",
        "physical_filter": "g1",
        "day_obs": 20300101,
    }
)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("visit = 42", True),
        ("visit != 42", False),
        ("visit > 41 AND detector <= 3", True),
        ("visit < 42 OR detector >= 4", False),
        ("NOT (visit = 1 OR detector = 2)", True),
        ("detector IN (1, 3, 5)", True),
        ("detector NOT IN (1, 3, 5)", False),
        ("visit IN (0..100:2)", True),
        ("visit IN (1..100:2)", False),
        ("visit NOT IN (1..100:2)", True),
        ("band = 'g' AND instrument = 'Cam'", True),
        ("GLOB(physical_filter, 'g*')", True),
        ("NOT GLOB(physical_filter, 'g*')", False),
        ("visit % 10 = 2 AND visit / 10 = 4", True),
        ("visit + detector * 2 - 8 = 40", True),
        ("-detector < 0", True),
        ("band IS NULL", False),
    ],
)
def test_a_condition_holds_as_it_would_in_a_query(where, expected):
    assert holds(where, DATA_ID) is expected


@pytest.mark.parametrize(
    "where",
    ["visit.exposure_time > 30", "tract = 3", "detector = 9 AND visit.name = 'a'", "visit = 42 OR tract = 1"],
)
def test_what_a_data_id_does_not_tell_is_refused(where):
    with pytest.raises(InvalidQueryError, match=r"does not tell (visit.exposure_time|tract|visit.name)"):
        holds(where, DATA_ID)
