"""Checking expressions: what names stand for, what may be compared, what can be bound."""

import datetime as dt
import uuid

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st
from lsst.sphgeom import Box, Circle, ConvexPolygon, LonLat

from registry.dimensions import DataCoordinate, DimensionUniverse
from registry.errors import DataIdError, InvalidQueryError, UnknownDimensionError
from registry.query.check import check
from registry.query.tree import (
    FALSE,
    TRUE,
    All,
    Column,
    Compare,
    Constant,
    Literal,
    OneOf,
    RegionOverlaps,
    SpansOverlap,
)
from registry.query.where import constants, constrain, dimensions_of, interpret, missing_governors
from registry.timespan import Timespan, time_to_ns

UNIVERSE = DimensionUniverse.default()
VISIT = UNIVERSE.conform(["visit", "detector"])


def meaning(text, *, dimensions=VISIT, **options):
    return check(text, dimensions, **options)


def column_of(text, **options):
    return meaning(f"{text} = NULL", **options).operand


@pytest.mark.parametrize(
    ("text", "element", "name"),
    [
        ("visit", "visit", "visit"),
        ("visit.id", "visit", "visit"),
        ("visit.visit", "visit", "visit"),
        ("detector.instrument", "instrument", "instrument"),
        ("instrument.name", "instrument", "instrument"),
        ("visit.physical_filter", "physical_filter", "physical_filter"),
        ("abstract_filter", "band", "band"),
        ("abstract_filter.name", "band", "band"),
        ("physical_filter.abstract_filter", "band", "band"),
        ("visit.name", "visit", "name"),
        ("full_name", "detector", "full_name"),
        ("exposure_time", "visit", "exposure_time"),
        ("exposure.exposure_time", "exposure", "exposure_time"),
        ("instrument.visit_system", "instrument", "visit_system"),
        ("timespan.begin", "visit", "timespan_begin"),
        ("visit.timespan.end", "visit", "timespan_end"),
        ("timespan", "visit", "timespan_begin"),
        ("htm7", "htm7", "htm7"),
        ("region", "visit_detector_region", "region"),
    ],
)
def test_names_stand_for_columns_as_in_the_reference(text, element, name):
    assert (column_of(text).element, column_of(text).name) == (element, name)


def test_properties_of_datasets_can_be_named_where_datasets_are_searched_for():
    assert (
        column_of("raw.run", datasets=["raw"])
        == column_of("run", datasets=["raw"])
        == Column("", "run", "string", "raw")
    )
    with pytest.raises(InvalidQueryError, match="Unknown name 'ingest_date'"):
        meaning("ingest_date > T'2020-01-01'")


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("instrument = HSC", "Unknown name 'HSC'; if it is a text, put it in quotes", 13),
        ("timespam.begin = 3", "'timespam'; did you mean 'timespan'", 0),
        ("vist = 3", "'vist'; did you mean 'visit'", 0),
        ("visit = 1 AND visit.exp_time > 3", "'visit' has no column 'exp_time'; did you mean 'exposure_time'", 14),
        ("vist.name = 'x'", "'vist' in vist.name; did you mean 'visit'", 0),
        ("seq_num = 3 OR name = 'x'", "'name' is ambiguous", 15),
        ("visit = 'x'", "'visit' (int) cannot be compared with 'x' (text)", 6),
        ("band = 3", "'band' (text) cannot be compared with 3 (int)", 5),
        ("timespan.begin > '2020-01-01'", "write T before the quotes", 15),
        ("timespan OVERLAPS '2020-01-01'", "write T before the quotes", 9),
        ("timespan OVERLAPS ('2020-01-01', NULL)", "write T before", 19),
        ("visit OVERLAPS 3", "OVERLAPS needs a timespan or a region", 6),
        ("visit.region OVERLAPS 3", "A region cannot overlap 3 (int)", 13),
        ("visit.region OVERLAPS detector.purpose", "A region cannot overlap", 13),
        ("visit.region OVERLAPS visit_detector_region.region", "No overlaps are kept", 13),
        ("visit.region = NULL AND visit.region = visit.region", "(region) cannot be compared by '='", 37),
        ("visit.region OVERLAPS CIRCLE(1, 2)", "write CIRCLE(ra, dec, radius)", 22),
        ("visit.region OVERLAPS CIRCLE(1, 2, -3)", "not negative", 22),
        ("visit.region OVERLAPS CIRCLE(1, visit, 3)", "plain values", 32),
        ("visit.region OVERLAPS POINT(1, 100)", "no such region", 22),
        ("visit.region OVERLAPS CIRCEL(1, 2, 3)", "No function 'CIRCEL'; did you mean 'CIRCLE'", 22),
        ("visit", "'visit' (int) is no condition", 0),
        ("visit + 1", "is no condition", 6),
        ("band + 1 = 2", "'band' (text) is no number", 0),
        ("exposure_time % 2 = 1", "'%' is for integers only", 14),
        ("visit = 1 / 0", "division by zero", 10),
        ("visit % 0 = 1", "division by zero", 6),
        ("visit IN (5..1)", "A range goes upwards", 10),
        ("visit = 9223372036854775808", "does not fit in 64 bits", 8),
        ("visit = " + "9" * 5000, "does not fit in 64 bits", 8),
        ("visit IN (1.." + "9" * 5000 + ")", "does not fit in 64 bits", 10),
        ("visit = 1e400", "1e400 is larger than", 8),
        ("(visit = 3) = 1", "condition has no value", 7),
        ("band IN (1)", "cannot be compared with 1 (int)", 9),
        ("band IN (1..3)", "cannot be in a range", 9),
        ("visit = :v", "Nothing is bound to 'v'", 8),
        ("visit < NULL", "cannot be compared", 6),
        ("exposure.can_see_sky < exposure.has_simulated", "cannot be compared by '<'", 21),
        ("timespan >= (NULL, NULL)", "cannot be compared by '>='", 9),
        ("GLOB(visit, '*')", "GLOB compares texts", 5),
        ("GLOB(band, visit)", "The pattern of GLOB", 11),
        ("GLOB(band)", "write GLOB", 0),
        ("a.b.c.d = 1", "too many dots", 0),
        ("visit.begin = NULL", "'visit' is no timespan", 0),
        ("UUID('x') = NULL", "'x' is no UUID", 0),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_with_its_place(text, message, position):
    with pytest.raises(InvalidQueryError) as caught:
        meaning(text)
    assert message in str(caught.value)
    assert caught.value.position == position


def literal_of(value, against="visit"):
    return meaning(f"{against} = :x", bind={"x": value}).right


@pytest.mark.parametrize(
    ("value", "against", "expected", "kind"),
    [
        (3, "visit", 3, "int"),
        (np.int64(3), "visit", 3, "int"),
        (np.float32(0.5), "visit", 0.5, "float"),
        ("r", "band", "r", "string"),
        (np.str_("r"), "band", "r", "string"),
        (b"x", "skymap.hash", b"x", "hash"),
        (uuid.UUID(int=3), "dataset_id", uuid.UUID(int=3), "uuid"),
        (dt.datetime(1970, 1, 1, tzinfo=dt.UTC), "timespan.begin", 8_000_082_000 - 0, "time_ns"),
    ],
)
def test_scalars_can_be_bound(value, against, expected, kind):
    found = meaning(f"{against} = :x", bind={"x": value}, datasets=["raw"]).right
    assert found.type == kind
    assert type(found.value) is type(expected)
    if kind == "time_ns":  # UTC was 8.000082 s behind TAI
        assert abs(found.value - expected) < 1000
    else:
        assert found.value == expected


@pytest.mark.parametrize(
    "container", [[1, 2], (1, 2), {1, 2}, frozenset([1, 2]), range(1, 3), np.array([1, 2])]
)
def test_containers_can_be_bound_for_in(container):
    expected = meaning("visit IN (1, 2)")
    for text in ("visit IN (:v)", "visit IN :v", "visit IN (v)"):
        found = meaning(text, bind={"v": container})
        assert isinstance(found, OneOf)
        assert set(found.values) == set(expected.values)
        assert all(type(value) is int for value in found.values)
    with pytest.raises(InvalidQueryError, match="use it with IN"):
        meaning("visit = :v", bind={"v": container})


def test_times_and_timespans_can_be_bound():
    t = Time("2026-01-01T00:00:00", scale="utc")
    assert literal_of(t, "timespan.begin").value == time_to_ns(t)
    span = Timespan.from_ns(3, 9)
    found = meaning("timespan OVERLAPS :x", bind={"x": span})
    assert isinstance(found, SpansOverlap)
    assert (found.right.begin.value, found.right.end.value) == span.nsec
    instant = meaning("timespan OVERLAPS :x", bind={"x": t}).right
    assert instant.end.value - instant.begin.value == 1
    times = meaning("timespan.begin IN (:x)", bind={"x": Time([58000.0, 58001.0], format="mjd", scale="tai")})
    assert times.values[1] - times.values[0] == 86_400 * 10**9


@pytest.mark.parametrize(
    "value",
    [Circle(Circle.full()), LonLat.fromDegrees(10, 20), SkyCoord(10 * units.deg, 20 * units.deg)],
)
def test_regions_and_positions_can_be_bound(value):
    found = meaning("visit.region OVERLAPS :x", bind={"x": value})
    assert isinstance(found, RegionOverlaps)
    assert found.region.contains(LonLat and Circle(found.region.getBoundingCircle()).getCenter())


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("POINT(10, -5)", Circle), ("CIRCLE(10, 2 - 7, 1.5)", Circle), ("BOX(10, -5, 2, 1)", Box),
        ("POLYGON(9, -6, 11, -6, 11, -4, 9, -4)", ConvexPolygon), ("REGION('CIRCLE 10 -5 1')", Circle),
    ],
)  # fmt: skip
def test_regions_are_written_in_degrees(text, kind):
    from lsst.sphgeom import UnitVector3d

    region = meaning(f"visit.region OVERLAPS {text}").region
    assert isinstance(region, kind)
    assert region.contains(UnitVector3d(LonLat.fromDegrees(10, -5)))
    assert not region.contains(UnitVector3d(LonLat.fromDegrees(12.1, -5)))


def test_the_radius_of_a_circle_is_its_radius():
    region = meaning("visit.region OVERLAPS CIRCLE(10, 0, 1.5)").region
    assert region.getOpeningAngle().asDegrees() == pytest.approx(1.5)


def test_what_can_be_compared_with_nothing_is_refused():
    with pytest.raises(InvalidQueryError, match="of type dict can be compared with nothing"):
        meaning("visit = :x", bind={"x": {}})


def test_a_bound_name_precedes_a_dimension():
    assert meaning("visit = detector", bind={"detector": 3}).right == Literal(3, "int")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", TRUE), ("NULL = NULL", TRUE), ("visit IN ()", FALSE), ("visit NOT IN ()", TRUE),
        ("POINT(1, 1) OVERLAPS CIRCLE(1, 1, 1)", TRUE), ("NOT POINT(1, 1) OVERLAPS CIRCLE(1, 1, 1)", FALSE),
        (":yes", TRUE), ("NOT :yes", FALSE), ("visit = 1 OR :yes", TRUE), ("visit = 1 AND NOT :yes", FALSE),
    ],
)  # fmt: skip
def test_constants_are_simplified(text, expected):
    found = meaning(text, bind={"yes": True})
    assert found == expected
    assert isinstance(found, Constant)


operators = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])


@settings(max_examples=50, deadline=None)
@given(operators, st.integers(-5, 5), st.integers(0, 3))
def test_a_double_negation_changes_nothing(operator, value, times):
    text = f"visit {operator} {value}"
    assert meaning("NOT (" * 2 * times + text + ")" * 2 * times) == meaning(text)


# What goes along with an expression


def test_expressions_data_ids_and_keywords_are_combined():
    found = interpret(
        ["visit > 3", {"detector": 4}, meaning("visit < 9")],
        dimensions=VISIT,
        data_id=DataCoordinate.standardize(instrument="Cam"),
    )
    assert isinstance(found, All)
    assert constants(found) == {"detector": 4, "instrument": "Cam"}
    assert dimensions_of(found, UNIVERSE) == VISIT
    assert interpret(None, dimensions=VISIT) == TRUE
    assert constants(interpret({"abstract_filter": "r"}, dimensions=VISIT)) == {"band": "r"}


def test_a_data_id_is_checked():
    with pytest.raises(DataIdError):
        interpret({"visit": "three"}, dimensions=VISIT)
    with pytest.raises(UnknownDimensionError, match="did you mean"):
        interpret(None, dimensions=VISIT, data_id={"vist": 3})


def test_a_visit_without_an_instrument_needs_a_default():
    found = interpret("visit = 3", dimensions=VISIT)
    assert missing_governors(found, VISIT) == ("instrument",)
    with pytest.raises(InvalidQueryError, match=r"names visit but no instrument; add: instrument = '…'"):
        constrain(found, VISIT, {})
    assert constants(constrain(found, VISIT, {"instrument": "Cam"})) == {"visit": 3, "instrument": "Cam"}


@pytest.mark.parametrize(
    "text",
    [
        "visit = 3 AND instrument != 'Cam'", "instrument = 'Cam' OR visit = 3", "visit.instrument IN ('a', 'b') AND visit = 3",
        "detector = 3 AND GLOB(instrument, 'C*')", "patch = 3 AND skymap.hash = :h", "band = 'r'",
    ],
)  # fmt: skip
def test_a_governor_that_is_spoken_of_needs_no_default(text):
    group = UNIVERSE.empty
    found = interpret(text, dimensions=group, bind={"h": b""})
    assert constrain(found, group, {"instrument": "Cam"}) == found


def test_defaults_apply_to_the_dimensions_of_the_result_but_are_not_required_there():
    assert constrain(TRUE, VISIT, {}) == TRUE
    assert constrain(TRUE, VISIT, {"instrument": "Cam", "skymap": "sky"}) == Compare(
        "=", Column("instrument", "instrument", "string"), Literal("Cam", "string")
    )


def test_equalities_of_one_column_become_a_list():
    assert str(meaning("visit = 1 OR detector = 2 OR visit IN (3, 1)")) == "visit IN (1, 3) OR detector = 2"
    assert str(meaning("visit != 1 AND visit != 2")) == "visit NOT IN (1, 2)"
    assert str(meaning("visit = 1 AND visit = 2")) == "visit = 1 AND visit = 2"


@pytest.mark.parametrize(
    "text", ["instrument = '2MAS'", "band = 'r' AND NOT 'Two' = instrument", "instrument IN ('2MASS', 'Two')"]
)
def test_a_value_that_a_governor_dimension_does_not_have_is_an_error(text):
    group = UNIVERSE.conform(["visit"])
    with pytest.raises(InvalidQueryError, match="No instrument") as caught:
        check(text, group, known=lambda _: ["2MASS", "DECam"])
    assert text[caught.value.position] == "'"
    assert "did you mean '2MASS'" in str(caught.value) or "there are '2MASS', 'DECam'" in str(caught.value)
    with pytest.raises(DataIdError, match="No instrument '2MAS' is registered; did you mean '2MASS'"):
        interpret({"instrument": "2MAS"}, dimensions=group, known=lambda _: ["2MASS"])
    interpret("instrument = 'DECam' AND visit = 7", dimensions=group, known=lambda _: ["DECam"])
