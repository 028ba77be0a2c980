"""What must hold for any image: translation, additivity, linearity; and pulls of unit width on a simulated sky."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipetask.photometry import Annulus, aperture_photometry

IMAGE = np.random.default_rng(1).normal(10, 3, (80, 90))
BOUNDED = settings(max_examples=30, deadline=None)
places = st.floats(26.0, 53.0)
radii = st.floats(0.05, 19.0)


@BOUNDED
@given(places, places, radii, st.integers(-5, 5), st.integers(-5, 5))
def test_moving_image_and_source_by_whole_pixels_changes_nothing(x, y, radius, dx, dy):
    x, y = np.round(x * 2**20) / 2**20, np.round(y * 2**20) / 2**20  # so that x + dx is exact
    moved = np.roll(IMAGE, (dy, dx), axis=(0, 1))
    one = aperture_photometry(IMAGE, [x], [y], radius)
    other = aperture_photometry(moved, [x + dx], [y + dy], radius)
    assert one.flux[0] == pytest.approx(other.flux[0], rel=1e-12)


@BOUNDED
@given(places, places, radii, st.sampled_from(["exact", "center", "subpixel"]))
def test_sums_are_linear_in_the_image(x, y, radius, method):
    other = np.random.default_rng(2).normal(5, 1, IMAGE.shape)
    fluxes = [
        aperture_photometry(pixels, [x], [y], radius, method=method).flux[0]
        for pixels in (IMAGE, other, 3 * IMAGE - 2 * other)
    ]
    assert fluxes[2] == pytest.approx(3 * fluxes[0] - 2 * fluxes[1], rel=1e-11, abs=1e-10, nan_ok=True)


@BOUNDED
@given(places, places, st.floats(1.0, 10.0), st.floats(0.5, 9.0))
def test_an_aperture_and_the_ring_around_it_make_the_larger_aperture(x, y, radius, width):
    ring = Annulus(radius, radius + width, method="exact")
    result = aperture_photometry(IMAGE, [x], [y], [radius, radius + width])
    background = aperture_photometry(IMAGE, [x], [y], radius, annulus=ring).background[0]
    area = result.area[0, 1] - result.area[0, 0]
    assert result.flux[0, 1] == pytest.approx(result.flux[0, 0] + background * area, rel=1e-11)


def test_pulls_of_a_simulated_sky_have_unit_width():
    n = 100_000 if os.environ.get("PIPETASK_TEST_ALL") else 20_000
    rng = np.random.default_rng(5)
    variance = np.full((1200, 1200), 25.0)
    image = rng.normal(0.0, 5.0, variance.shape)
    x, y = rng.uniform(10, 1190, (2, n))
    result = aperture_photometry(image, x, y, 3.2, variance=variance)
    pulls = result.flux / result.flux_err
    assert 0.97 < pulls.std() < 1.03
    assert abs(pulls.mean()) < 0.02


def test_a_gaussian_star_has_its_analytic_flux():
    rows, columns = np.indices((61, 61))
    sigma, x, y = 3.0, 30.3, 29.6
    # pixels hold the integral over their area, to second order in the pixel size
    star = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    radius = np.array([5.0, 8.0, 12.0])
    result = aperture_photometry(star, [x], [y], radius)
    expected = 2 * np.pi * sigma**2 * (1 - np.exp(-(radius**2) / (2 * sigma**2)))
    assert result.flux[0] == pytest.approx(expected, rel=6e-3)


def test_a_gradient_sums_to_its_value_at_the_centre_times_the_area():
    rows, columns = np.indices((80, 80))
    plane = 2.0 + 0.25 * columns - 0.5 * rows
    x, y = np.random.default_rng(3).uniform(30, 50, (2, 200))
    for radius in (0.3, 4.0, 15.0, 25.0):
        result = aperture_photometry(plane, x, y, radius)
        moment = result.flux - (2.0 + 0.25 * x - 0.5 * y) * result.area
        # the weight of a pixel acts at its centre, not at the centre of what is covered: bounded by the rim
        assert (np.abs(moment) < 0.15 * (2 * np.pi * radius + 1)).all()
