"""Timespans as sets of nanoseconds: the algebra, and the way from and to astropy times."""

import pickle

import pytest
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import InvalidTimespanError
from registry.timespan import MAX_NS, MIN_NS, Timespan, ns_to_time, time_to_ns

# On a line of a few points, a timespan is the set of points that it holds.
LINE = range(8)
spans = st.builds(Timespan.from_ns, st.integers(0, 7), st.integers(0, 7))
bounds = st.integers(-(10**18), 4 * 10**18)


def points(*spans):
    return {p for p in LINE for s in spans if s.nsec[0] <= p < s.nsec[1]}


@settings(max_examples=100, deadline=None)
@given(a=spans, b=spans, c=spans)
def test_timespans_behave_as_sets_of_moments(a, b, c):
    assert points(a.intersection(b)) == points(a) & points(b)
    assert a.intersection(b, c) == a.intersection(b).intersection(c)
    assert points(*a.difference(b)) == points(a) - points(b)
    assert a.overlaps(b) == bool(points(a) & points(b)) == b.overlaps(a)
    assert a.contains(b) == (points(b) <= points(a))
    assert a.is_empty() == (not points(a))
    assert (a == b) == (points(a) == points(b))


@settings(max_examples=50, deadline=None)
@given(a=spans, b=spans)
def test_differences_are_ordered_disjoint_and_not_empty(a, b):
    parts = list(a.difference(b))
    assert parts == sorted(parts)
    assert not any(part.is_empty() for part in parts)
    assert not any(x.overlaps(y) for x in parts for y in parts if x is not y)


@settings(max_examples=50, deadline=None)
@given(bounds, bounds)
def test_astropy_times_keep_every_nanosecond(begin, end):
    span = Timespan.from_ns(min(begin, end), max(begin, end) + 1)
    assert Timespan(span.begin, span.end) == span
    assert pickle.loads(pickle.dumps(span)) == span
    assert hash(Timespan.from_ns(*span.nsec)) == hash(span)


def test_times_are_counted_in_tai():
    assert time_to_ns(Time("1970-01-01T00:00:00", scale="tai")) == 0
    utc = Time("2026-01-01T00:00:00", scale="utc")  # 37 leap seconds behind TAI
    assert time_to_ns(utc) - time_to_ns(Time("2026-01-01T00:00:00", scale="tai")) == 37_000_000_000
    assert ns_to_time(time_to_ns(utc)).utc.isot == "2026-01-01T00:00:00.000000000"


def test_none_is_unbounded():
    t = Time("2026-01-01", scale="tai")
    assert Timespan(None, None).nsec == (MIN_NS, MAX_NS)
    assert Timespan(None, None).contains(t)
    assert Timespan(t, None).end is None
    assert not Timespan(None, t).contains(t)
    assert Timespan(t, None).overlaps(t)


def test_an_instant_lasts_a_nanosecond():
    t = Time("2026-01-01", scale="tai")
    begin, end = Timespan.from_instant(t).nsec
    assert end - begin == 1


def test_an_empty_timespan_has_no_bounds():
    empty = Timespan(Time("2026-01-02", scale="tai"), Time("2026-01-01", scale="tai"))
    assert empty == Timespan.make_empty()
    with pytest.raises(InvalidTimespanError):
        empty.begin  # noqa: B018


def test_times_that_do_not_fit_are_refused():
    with pytest.raises(InvalidTimespanError, match="1678"):
        Timespan(Time("1500-01-01", scale="tai"), None)
    with pytest.raises(InvalidTimespanError, match="array"):
        time_to_ns(Time(["2020-01-01", "2021-01-01"], scale="tai"))


def test_timespans_are_immutable():
    span = Timespan.from_ns(0, 1)
    with pytest.raises(AttributeError):
        span.nsec = (0, 2)


def test_timespans_print_their_bounds():
    assert str(Timespan.from_ns(0, 1_500_000_000)) == "[1970-01-01T00:00:00, 1970-01-01T00:00:01.5)"
    assert str(Timespan(None, None)) == "(-∞, ∞)"
    assert str(Timespan.make_empty()) == "(empty)"
