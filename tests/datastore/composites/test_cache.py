"""Shared components: the same object each time, locked, and forgotten when there are too many."""

import numpy as np
import pytest

from datastore.composites.cache import ComponentCache, lock, unlocked
from datastore.types.exposure import Exposure
from datastore.types.mask import Mask
from datastore.types.psf import Psf


def test_object_is_loaded_once():
    cache, loads = ComponentCache(), []

    def load():
        loads.append(1)
        return np.zeros(3)

    assert cache.get("a", load) is cache.get("a", load)
    assert len(loads) == 1


def test_least_recently_used_is_forgotten_when_the_size_is_reached():
    cache = ComponentCache(size=250)
    first, second = (cache.get(name, lambda: np.zeros(100, np.uint8)) for name in "ab")
    assert cache.get("a", list) is first
    cache.get("c", lambda: np.zeros(100, np.uint8))
    assert cache.get("a", list) is first
    assert cache.get("b", lambda: np.zeros(100, np.uint8)) is not second


def test_object_that_would_fill_it_is_not_kept():
    cache = ComponentCache(size=100)
    big = cache.get("big", lambda: np.zeros(80, np.uint8))
    assert cache.get("big", lambda: np.zeros(80, np.uint8)) is not big


@pytest.mark.parametrize(
    ("made", "array"),
    [
        (np.zeros((2, 2)), lambda obj: obj),
        (Mask.zeros((2, 2)), lambda obj: obj.array),
        (Exposure(np.zeros((2, 2))), lambda obj: obj.variance),
        ({"a": [np.zeros(2)]}, lambda obj: obj["a"][0]),
    ],
)
def test_arrays_are_locked_and_those_of_a_copy_are_not(made, array):
    assert not array(lock(made)).flags.writeable
    copied = unlocked(made)
    assert array(copied).flags.writeable
    np.testing.assert_array_equal(array(copied), array(made))


def test_objects_without_arrays_are_shared_too():
    cache = ComponentCache()
    assert cache.get("psf", lambda: Psf(sigma=1.0)) is cache.get("psf", lambda: Psf(sigma=1.0))
