"""Requests to remote stores: several at a time, and what is done is told when one of them fails."""

import threading
import time

import pytest

from datastore.stores.side_by_side import AT_ONCE, side_by_side


def test_as_many_run_at_a_time_as_may_and_no_more():
    together, running, most = threading.Barrier(AT_ONCE), set(), []
    results = {}

    def square(item):
        running.add(item)
        most.append(len(running))
        if item < AT_ONCE:
            together.wait(30)  # is passed only if so many are here
        running.discard(item)
        return item * item

    side_by_side(square, range(3 * AT_ONCE), results.__setitem__)
    assert results == {item: item * item for item in range(3 * AT_ONCE)}
    assert max(most) <= AT_ONCE


def test_after_a_failure_no_more_are_begun_and_what_succeeded_is_told():
    begun, told = [], []

    def act(item):
        begun.append(item)
        if item == 3:
            raise OSError("line is dead")
        time.sleep(0.005)

    with pytest.raises(OSError, match="line is dead"):
        side_by_side(act, range(5000), lambda item, _: told.append(item))
    assert sorted([3, *told]) == sorted(begun)
    assert len(begun) < 5000


def test_nothing_is_no_work():
    side_by_side(lambda _: 1 / 0, [], lambda *_: None)
