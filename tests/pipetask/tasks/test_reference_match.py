"""Matches, refined WCS and clipped medians against what was put in."""

import numpy as np
import pytest
from astropy.wcs import WCS

from pipetask import UnprocessableDataError
from pipetask.tasks.reference_match import clipped_median, matched, refine_wcs


@pytest.fixture
def wcs():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = [150.0, 60.0], [250.0, 250.0]
    wcs.wcs.cd = [[-0.5 / 3600, 0], [0, 0.5 / 3600]]
    return wcs


@pytest.fixture
def stars():
    return np.random.default_rng(2).uniform(0, 500, (2, 80))


def test_pairs_are_nearest_to_each_other_also_across_zero_hours():
    first = np.array([[359.9999, 0.0], [10.0, 89.9999], [20.0, 5.0]])
    second = np.array([[190.0, 89.9999], [0.0001, 0.0], [0.0, 0.0]])
    rows, partners = matched(first, second, 1.0)
    assert list(zip(rows, partners, strict=True)) == [(0, 2), (1, 0)]
    assert [len(part) for part in matched(first, np.empty((0, 2)), 1.0)] == [0, 0]


def test_a_wcs_that_is_off_by_seconds_turned_and_scaled_is_refined(wcs, stars):
    x, y = stars
    sky = wcs.pixel_to_world(x, y)
    reference = np.column_stack([sky.ra.deg, sky.dec.deg])[::-1]
    bad = wcs.deepcopy()
    bad.wcs.crval = [150.0 + 5 / 3600 / np.cos(np.radians(60)), 60.0 - 4 / 3600]
    turn = np.radians(0.05)
    bad.wcs.cd = 1.0005 * wcs.wcs.cd @ [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    refined = refine_wcs(
        bad, x[:60], y[:60], reference[:70], max_offset_arcsec=10, radius_arcsec=1.0, minimum=10
    )
    assert len(refined.source) == 50  # the first ten of the reversed list are not among them
    there = refined.wcs.pixel_to_world(x, y)
    assert there.separation(sky).arcsec.max() < 1e-3
    assert refined.scatter_arcsec < 1e-4
    assert bad.pixel_to_world(x, y).separation(sky).arcsec.min() > 4


def test_too_few_matches_are_told(wcs, stars):
    x, y = stars
    with pytest.raises(UnprocessableDataError, match="0 of 80 sources match one of 2"):
        refine_wcs(
            wcs, x, y, np.array([[10.0, 5.0], [11, 6]]), max_offset_arcsec=5, radius_arcsec=1, minimum=3
        )


def test_the_median_leaves_outliers_out():
    values = np.append(np.random.default_rng(4).normal(25, 0.1, 400), [99.0, np.nan, 3.0])
    middle, error, used = clipped_median(values)
    assert middle == pytest.approx(25, abs=0.02)
    assert error == pytest.approx(1.2533 * 0.1 / 20, rel=0.2)
    assert 390 < used <= 400
    assert np.isnan(clipped_median(np.array([np.nan]))[0])
