"""Sums, areas and errors are those of photutils to 1e-12, for every method, radius and position."""

import numpy as np
import pytest

from pipetask.photometry import aperture_photometry

RADII = (0.001, 0.1, 0.5, 0.5**0.5, 1.0, 1.5, 2.5, 4.0, 5.0, 7.3, 12.0, 15.9, 16.1, 30.0)


@pytest.mark.parametrize("radius", [*RADII, 70.0, 200.0])
def test_exact_sums_agree(noise, positions, reference, radius):
    variance = noise * 1.5
    result = aperture_photometry(noise, *positions, radius, variance=variance)
    reference(noise, *positions, radius, variance=variance).agrees_with(result)


@pytest.mark.parametrize("method", ["center", "subpixel"])
@pytest.mark.parametrize("radius", RADII)
def test_centre_and_subpixel_sums_agree(noise, positions, reference, radius, method):
    result = aperture_photometry(noise, *positions, radius, variance=noise, method=method)
    reference(noise, *positions, radius, variance=noise, method=method).agrees_with(result)


def test_the_number_of_subpixels_is_used(noise, positions, reference):
    result = aperture_photometry(noise, *positions, 3.3, method="subpixel", subpixels=3)
    reference(noise, *positions, 3.3, method="subpixel", subpixels=3).agrees_with(result)


@pytest.mark.parametrize("method", ["exact", "center", "subpixel"])
@pytest.mark.parametrize("radius", [0.6, 4.0, 20.0])
@pytest.mark.parametrize("share", [0.02, 0.6])
def test_masked_pixels_are_left_out(noise, positions, reference, method, radius, share):
    mask = np.random.default_rng(3).random(noise.shape) < share
    result = aperture_photometry(noise, *positions, radius, variance=noise, mask=mask, method=method)
    reference(noise, *positions, radius, variance=noise, mask=mask, method=method).agrees_with(result)


@pytest.mark.parametrize("radius", [0.6, 4.0, 20.0])
def test_pixels_that_are_not_finite_are_left_out(noise, positions, reference, radius):
    rng = np.random.default_rng(4)
    image = noise.copy()
    for value in (np.nan, np.inf, -np.inf):
        image[rng.random(noise.shape) < 0.003] = value
    mask = rng.random(noise.shape) < 0.01
    result = aperture_photometry(image, *positions, radius, mask=mask)
    reference(image, *positions, radius, mask=mask).agrees_with(result)


def test_one_bright_pixel_among_nothing_gets_its_own_weight(reference):
    image = np.zeros((41, 41))
    image[20, 30] = 1e10
    x, y = np.full(200, 20.0), np.full(200, 20.0)
    for radius in (9.6, 10.0, 10.4):
        x = 20 + np.random.default_rng(5).uniform(-0.3, 0.3, 200)
        expected = reference(image, x, y, radius)
        got = aperture_photometry(image, x, y, radius)
        assert np.allclose(got.flux, expected.flux, rtol=1e-11, atol=1e-3)  # of 1e10


def test_a_far_centre_of_a_huge_circle_keeps_its_digits():
    # a circle so large that its rim is a straight line across the image: the part right of x = 9.75
    image = np.ones((20, 20))
    radius = 1e7
    result = aperture_photometry(image, [9.75 + radius], [10.0], radius)
    assert result.area[0] == pytest.approx(
        9.75 * 20 - 20**3 / 24 / radius - 20 * 0.5**2 / 2 / radius, abs=3e-7
    )
