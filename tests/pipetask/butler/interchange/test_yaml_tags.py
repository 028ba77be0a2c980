"""The tags of an export: what is written is read again, and nothing else is made of a file."""

import uuid

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from lsst.sphgeom import Angle, Circle, LonLat, UnitVector3d

from pipetask.butler import Timespan
from pipetask.butler.interchange.yaml_tags import EncodedRegion, TaiTime, dump, flow, load

# Years 1700 to 2250.
times = st.integers(-8_500_000_000_000_000_000, 8_800_000_000_000_000_000)


@settings(max_examples=50, deadline=None)
@given(times)
def test_times_are_exact_to_the_nanosecond(ns):
    assert load(dump(TaiTime(ns))) == TaiTime(ns)


@settings(max_examples=50, deadline=None)
@given(st.none() | times, st.none() | times)
def test_timespans_keep_their_bounds(begin, end):
    bounds = {name: value for name, value in (("begin", begin), ("end", end)) if value is not None}
    timespan = Timespan.from_ns(**bounds)
    if not timespan.is_empty():
        assert load(dump([timespan])) == [timespan]


def test_a_time_is_written_as_people_read_it():
    second_day = 86_400 * 1_000_000_000
    assert dump(TaiTime(second_day + 5)) == "!butler_time/tai/iso '1970-01-02 00:00:00.000000005'\n"


def test_regions_ids_and_bytes_come_back():
    circle = Circle(UnitVector3d(LonLat.fromDegrees(10, 20)), Angle.fromDegrees(1))
    content = {
        "region": EncodedRegion("lsst.sphgeom.Circle", circle.encode()),
        "id": uuid.UUID(int=7),
        "hash": b"\0\xff",
        "none": None,
    }
    assert "!<lsst.sphgeom.Circle>" in dump(content)
    assert load(dump(content)) == content


@pytest.mark.parametrize(
    "value",
    [
        "!butler_time/tai/iso 'yesterday'",
        "!lsst.daf.butler.Timespan {begin: yesterday, end: null}",
        "!<lsst.sphgeom.Circle> {encoded: xy}",
        "!<lsst.sphgeom.Circle> {bytes: 00}",
        "!uuid '12'",
    ],
)
def test_a_tagged_value_that_is_none_is_told_with_its_line(value):
    with pytest.raises(yaml.MarkedYAMLError) as caught:
        load(f"version: 1.0.2\ndata:\n- type: {value}\n")
    assert caught.value.problem_mark.line == 2
    assert value.split()[0].strip("!<>") in caught.value.problem


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['true']",
        "!!python/name:os.system",
        "!lsst.sphgeom_evil {encoded: ''}",
        "!other x",
    ],
)
def test_other_tags_are_refused(text):
    with pytest.raises(yaml.YAMLError):
        load(text)


plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(max_size=9),
    st.uuids(),
    times.map(TaiTime),
    st.sampled_from(
        ["1e5", "null", "2030-01-01", "yes", "# no", "- x", "a: b", "\u2028", "\x7f", "\U0001f600"]
    ),
)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["id", "on", "y", "null", "visit"]), plain | st.lists(plain, max_size=3))
)
def test_what_is_written_on_one_line_is_read_as_it_was(record):
    text = flow(record)
    assert "\n" not in text
    assert load(f"- {text}\n") == load(dump([record])) == [record]
