"""Ellipses: area and sums as photutils has them, everywhere on the image and beyond it."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from photutils.aperture import EllipticalAperture

from pipetask.photometry import Annulus, ApertureFlag, PhotometryError, aperture_photometry


def reference(image, x, y, a, b, theta, method):
    """Σ w·pixel and Σ w per source."""
    sums = []
    for centre in zip(x, y, strict=True):
        mask = EllipticalAperture(centre, a, b, theta=theta).to_mask(method=method, subpixels=5)
        large, small = mask.get_overlap_slices(image.shape)
        weights = mask.data[small] if large else np.zeros((1, 1))
        sums.append(((weights * image[large]).sum() if large else 0.0, weights.sum()))
    return np.array(sums).T


@pytest.mark.parametrize("method", ["exact", "center", "subpixel"])
@pytest.mark.parametrize(
    ("a", "b", "theta"),
    [(4.0, 2.0, 0.3), (7.0, 0.6, 2.2), (3.0, 2.9, 1.0), (0.3, 0.2, 0.7), (2.0, 9.0, -0.4)],
)
def test_sums_agree_with_photutils(noise, positions, a, b, theta, method):
    x, y = positions
    result = aperture_photometry(noise, x, y, 1.0, ellipse=(a, b, theta), method=method)
    flux, area = reference(noise, x, y, a, b, theta, method)
    measured = result.area > 0
    assert measured.any()
    scale = 150 * np.pi * a * b
    assert np.allclose(result.area, area, rtol=0, atol=1e-12 * np.pi * max(a * b, 1))
    assert np.allclose(result.flux[measured], flux[measured], rtol=0, atol=1e-12 * max(scale, 150))


@settings(max_examples=60, deadline=None)
@given(st.floats(0.02, 15), st.floats(0.02, 15), st.floats(-7, 7), st.floats(28, 31), st.floats(28, 31))
def test_the_sum_over_ones_is_the_area_of_the_ellipse(a, b, theta, x, y):
    result = aperture_photometry(np.ones((60, 60)), [x], [y], 1.0, ellipse=(a, b, theta))
    assert result.flux[0] == pytest.approx(np.pi * a * b, rel=1e-11, abs=1e-13)


def test_an_ellipse_of_equal_axes_is_a_circle(noise, positions):
    circle = aperture_photometry(noise, *positions, [3.0, 6.5], variance=noise, annulus=Annulus(7, 9))
    ellipse = aperture_photometry(
        noise, *positions, [3.0, 6.5], variance=noise, annulus=Annulus(7, 9), ellipse=(1.0, 1.0, 0.4)
    )
    for name in ("flux", "flux_err", "area", "background", "background_err"):
        assert np.allclose(
            getattr(ellipse, name), getattr(circle, name), rtol=1e-9, atol=1e-9, equal_nan=True
        )
    assert np.array_equal(ellipse.flags, circle.flags)


def test_each_source_has_its_own_ellipse_and_a_bad_one_harms_no_other(noise):
    x = y = np.full(4, 45.0)
    a, b, theta = np.array([4.0, 6.0, np.nan, -1.0]), 2.0, np.array([0.0, 1.0, 0.0, 0.0])
    together = aperture_photometry(noise, x, y, 1.0, ellipse=(a, b, theta))
    for index in (0, 1):
        alone = aperture_photometry(noise, [45.0], [45.0], 1.0, ellipse=(a[index], b, theta[index]))
        assert together.flux[index] == pytest.approx(alone.flux[0], rel=1e-13)
    assert (together.flags[2:] == ApertureFlag.BAD_CENTRE).all()
    assert np.isnan(together.flux[2:]).all()


def test_medians_of_elliptical_rings_take_the_pixels_between(noise):
    a, b, theta, x, y = 2.0, 1.0, 0.5, 45.2, 44.1
    result = aperture_photometry(
        noise, [x], [y], 1.0, ellipse=(a, b, theta), annulus=Annulus(2.0, 4.0, "median")
    )
    rows, columns = np.indices(noise.shape)
    u = (columns - x) * np.cos(theta) + (rows - y) * np.sin(theta)
    v = (rows - y) * np.cos(theta) - (columns - x) * np.sin(theta)
    distance = np.hypot(u / a, v / b)
    ring = noise[(distance >= 2) & (distance < 4)]
    assert result.background[0] == pytest.approx(np.median(ring), rel=1e-12)


def test_parts_of_shapes_that_do_not_fit_are_refused(noise):
    with pytest.raises(PhotometryError, match="wanted: a, b and theta"):
        aperture_photometry(noise, [1.0], [1.0], 1.0, ellipse=([1.0, 2.0], 1.0, 0.0))


@pytest.mark.parametrize("method", ["exact", "center", "subpixel"])
@pytest.mark.parametrize("statistic", ["mean", "median"])
@pytest.mark.parametrize("tiny", [5e-324, 1e-300])
def test_shapes_too_small_for_their_area_to_be_a_number_are_measured(noise, tiny, method, statistic):
    x, y = [45.2, 0.0, -40.0], [44.1, 0.0, 12.0]
    small_hole = Annulus(tiny, 3.0, statistic, method=method)
    for ring in (None, small_hole, Annulus(0.0, tiny, statistic, method=method)):
        for ellipse in (None, (tiny, 1.0, 0.4), (1.0, 1.0, 0.4)):
            result = aperture_photometry(noise, x, y, tiny, method=method, annulus=ring, ellipse=ellipse)
            assert result.area[0] == 0 or result.area[0] < 1e-290
            assert result.flags[2] & ApertureFlag.NO_PIXELS
            if ring is small_hole and ellipse is None:
                assert result.background[0] == pytest.approx(100, rel=0.2)


def test_semi_axes_and_angle_may_be_an_array(noise):
    one, two = (
        aperture_photometry(noise, [45.2, 20.0], [44.1, 30.0], 1.0, ellipse=ellipse)
        for ellipse in ((4.0, [2.0, 3.0], 0.3), np.array([[4.0, 4.0], [2.0, 3.0], [0.3, 0.3]]))
    )
    assert np.array_equal(one.flux, two.flux)


def test_a_ring_far_larger_than_the_image_takes_all_of_it(noise):
    result = aperture_photometry(
        noise, [45.2], [44.1], 1.0, ellipse=(4.0, 2.0, 0.5), annulus=Annulus(2.0, 1e8)
    )
    assert result.background[0] == pytest.approx(noise.mean(), rel=1e-2)


def test_many_sub_pixels_take_little_memory(noise):
    x, y = np.full((2, 1000), 45.2)
    tracemalloc.start()
    result = aperture_photometry(noise, x, y, 1.0, ellipse=(6, 4, 0.5), method="subpixel", subpixels=100)
    assert tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()
    assert result.area[0] == pytest.approx(np.pi * 24, rel=1e-3)
