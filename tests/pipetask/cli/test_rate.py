"""Rates of quanta that end, by a clock that the test sets."""

import pytest

from pipetask.cli.rate import Rate


def rate_after(ended_by_time):
    rate = Rate()
    for now, ended in ended_by_time:
        rate.note(now, ended)
    return rate.per_s(ended_by_time[-1][0])


def test_what_ends_in_the_first_moments_tells_no_rate():
    assert rate_after([(0.0, 0), (5.0, 1), (5.001, 2), (5.002, 40), (6.9, 41)]) == 0.0


def test_a_few_tell_no_rate_however_long_they_take():
    assert rate_after([(100.0, 1), (200.0, 2), (300.0, 3)]) == 0.0
    assert rate_after([(100.0, 1), (200.0, 2), (300.0, 3), (400.0, 4)]) == pytest.approx(0.01)


def test_a_steady_rate_is_told_whatever_came_at_first():
    """Eight workers begin together; what they begin with ends at one time."""
    assert rate_after([(10.0, 8), *((10.0 + i, 8 + 2 * i) for i in range(1, 30))]) == pytest.approx(2.0)


def test_a_rate_is_that_of_the_last_minute():
    slow = [(float(t), 1 + t) for t in range(200)]
    fast = [(200.0 + t, 200 + 50 * t) for t in range(100)]
    assert rate_after([*slow, *fast]) == pytest.approx(50.0)


def test_a_rate_falls_while_nothing_ends():
    rate = Rate()
    for t in range(10):
        rate.note(float(t), 10 * t + 1)
    assert rate.per_s(9.0) == pytest.approx(10.0)
    assert rate.per_s(18.0) == pytest.approx(5.0)


def test_a_million_updates_are_not_all_kept():
    rate = Rate()
    for i in range(100_000):
        rate.note(i * 1e-3, i + 1)
    assert rate.per_s(100.0) == pytest.approx(1000.0, rel=0.01)
    assert len(rate._samples) < 1000
