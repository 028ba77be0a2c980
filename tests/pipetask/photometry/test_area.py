"""On an image of ones the sum is the area, which is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipetask.photometry import aperture_photometry

ONES = np.ones((60, 60))


@settings(max_examples=50, deadline=None)
@given(st.floats(1e-6, 25.0), st.floats(25.5, 34.0), st.floats(25.5, 34.0))
def test_the_sum_over_ones_is_the_area_of_the_circle(radius, x, y):
    result = aperture_photometry(ONES, [x], [y], radius)
    assert result.flux[0] == pytest.approx(np.pi * radius**2, rel=1e-13)
    assert result.area[0] == pytest.approx(np.pi * radius**2, rel=1e-13)
    assert result.flags[0] == 0


@settings(max_examples=50, deadline=None)
@given(st.floats(0.01, 25.0), st.floats(0.0, 25.0))
def test_an_edge_cuts_off_a_circular_segment(radius, distance):
    # the left edge of the image is at x = -0.5
    result = aperture_photometry(ONES, [distance - 0.5], [30.0], radius)
    ratio = min(distance / radius, 1.0)
    cut = radius**2 * (np.arccos(ratio) - ratio * np.sqrt(1 - ratio**2))
    assert result.area[0] == pytest.approx(np.pi * radius**2 - cut, rel=1e-12)
    assert result.flux[0] == pytest.approx(result.area[0], rel=1e-12)


def test_a_circle_larger_than_the_image_covers_it():
    result = aperture_photometry(ONES, [30.0, -1e5], [30.0, 7.0], [100.0, 2e5])
    assert np.array_equal(result.area[:, 1], [3600.0, 3600.0])
    assert result.area[0, 0] == 3600.0
    assert np.isnan(result.flux[1, 0])


def test_the_area_goes_to_nought_with_the_radius():
    radii = [1e-1, 1e-5, 1e-10, 1e-50]
    result = aperture_photometry(ONES, [30.0, 30.5], [30.2, 30.5], radii)
    assert np.allclose(result.area, np.pi * np.square(radii), rtol=1e-12, atol=0)
    assert np.allclose(result.flux, result.area, rtol=1e-12, atol=0)
