"""The clipped mean keeps what many frames show and drops what few do."""

import numpy as np
import pytest

from pipetask.tasks.clipped_mean import clipped_mean, strips


def test_an_outlier_among_five_is_dropped_and_the_rest_averaged():
    values = np.array([10.0, 11.0, 9.0, 10.0, 500.0]).reshape(5, 1, 1)
    mean = clipped_mean(values, np.ones((5, 1, 1)))
    assert mean.image[0, 0] == pytest.approx(10.0)
    assert mean.count[0, 0] == 4
    assert mean.variance[0, 0] == pytest.approx(1 / 4)


def test_values_that_happen_to_agree_do_not_make_the_others_outliers():
    values = np.array([10.0, 10.0, 10.0, 12.0]).reshape(4, 1, 1)  # a median deviation of 0
    assert clipped_mean(values, np.ones((4, 1, 1))).image[0, 0] == pytest.approx(10.5)


def test_scatter_beyond_what_is_expected_is_not_clipped_away():
    rng = np.random.default_rng(5)
    values = rng.normal(0, 10, (40, 20, 20))
    mean = clipped_mean(values, np.ones((40, 1, 1)))
    assert mean.count.mean() > 39.5
    assert mean.image == pytest.approx(values.mean(0), abs=3)


def test_missing_values_do_not_count_and_a_pixel_of_none_is_nan():
    values = np.array([[[1.0, np.nan]], [[3.0, np.nan]], [[np.nan, np.nan]]])
    mean = clipped_mean(values, np.full((3, 1, 1), 4.0))
    assert mean.image[0, 0] == pytest.approx(2.0)
    assert mean.variance[0, 0] == pytest.approx(4.0 / 2)
    assert np.isnan(mean.image[0, 1])
    assert np.isnan(mean.variance[0, 1])
    assert mean.count.tolist() == [[2, 0]]


def test_weights_weigh():
    values = np.array([1.0, 4.0]).reshape(2, 1, 1)
    mean = clipped_mean(values, np.array([1.0, 2.0]).reshape(2, 1, 1), 10, weights=np.array([2.0, 1.0]))
    assert mean.image[0, 0] == pytest.approx(2.0)
    assert mean.variance[0, 0] == pytest.approx((4 * 1 + 1 * 2) / 9)


def test_the_mean_of_noise_has_the_variance_it_says():
    rng = np.random.default_rng(8)
    values = rng.normal(100, 3, (9, 100, 100))
    mean = clipped_mean(values, np.full((9, 1, 1), 9.0))
    assert mean.image.std() == pytest.approx(np.sqrt(mean.variance.mean()), rel=0.03)
    assert mean.image.mean() == pytest.approx(100, abs=0.05)


def test_strips_cover_all_rows_once_and_keep_to_the_memory():
    parts = list(strips(1000, 2000, 20, 64 * 2**20))
    assert sum(n for _, n in parts) == 1000
    assert [first for first, _ in parts] == np.cumsum([0, *(n for _, n in parts)])[:-1].tolist()
    assert all(n * 2000 * 20 * 4 * 4 <= 64 * 2**20 for _, n in parts)
    assert len(list(strips(10, 10**6, 1000, 1))) == 10  # a row at least
