"""The zero level of rows: noise of a few overscan pixels is not the image's, real steps of the level are."""

import numpy as np
import pytest

from pipetask.tasks.overscan import row_levels

ROWS, COLUMNS, NOISE = 600, 16, 3.3


@pytest.fixture
def noise():
    return np.random.default_rng(8).normal(0, NOISE, (ROWS, COLUMNS))


def test_rows_of_one_level_do_not_get_the_noise_of_their_few_pixels(noise):
    level, variance = row_levels(1000 + noise)
    assert np.std(level) < 0.25  # the mean of a row has 0.83, its median 1.0
    assert np.sqrt(np.mean((level - 1000) ** 2)) == pytest.approx(np.sqrt(variance.mean()), rel=0.5)


def test_a_drift_over_many_rows_is_followed(noise):
    drift = 1000 + 30 * np.sin(np.arange(ROWS) / 120)
    level, _ = row_levels(drift[:, None] + noise)
    assert np.abs(level - drift).max() < 3
    assert np.std(level - drift) < 0.5


def test_rows_that_differ_keep_their_own_level(noise):
    true = 1000 + np.random.default_rng(9).normal(0, 20, ROWS)
    level, variance = row_levels(true[:, None] + noise)
    assert np.std(level - true) == pytest.approx(NOISE / 4, rel=0.15)
    assert np.sqrt(variance.mean()) == pytest.approx(NOISE / 4, rel=0.15)


def test_single_rows_that_jump_keep_their_own_level(noise):
    true = np.full(ROWS, 1000.0)
    true[[100, 300]] += 50, -80
    level, _ = row_levels(true[:, None] + noise)
    assert level[[100, 300]] == pytest.approx(true[[100, 300]], abs=4)
    assert np.std(np.delete(level, [100, 300])) < 0.25


def test_pixels_that_are_off_or_missing_are_left_out(noise):
    pixels = 1000 + noise
    pixels[50, 3] = 60_000
    pixels[51, 4] = np.nan
    pixels[52] = np.nan
    level, variance = row_levels(pixels)
    assert level[50:53] == pytest.approx([1000] * 3, abs=1)
    assert np.isfinite(variance).all()


def test_an_overscan_without_noise_is_followed_exactly():
    rows = np.array([[100, 100], [103, 103], [99, 99]])
    level, variance = row_levels(rows)
    assert level.tolist() == [100, 103, 99]
    assert variance.tolist() == [0, 0, 0]
    assert row_levels(rows[:, :1])[0].tolist() == [100, 103, 99]
    assert np.isnan(row_levels(np.full((3, 4), np.nan))[0]).all()
