"""Work shared out to processes comes back in order."""

import os

import pytest

from pipetask.observation.in_processes import in_processes


@pytest.mark.usefixtures("always_in_processes")
def test_results_keep_the_order_of_the_items():
    assert list(in_processes(abs, range(-50, 0), 2)) == list(range(50, 0, -1))


def test_few_items_stay_in_this_process():
    assert set(in_processes(_process, [0, 1], 2)) == {os.getpid()}


def _process(_):
    return os.getpid()
