"""What must hold for any image: translation, additivity, linearity; and pulls of unit width on a simulated sky."""

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


def test_pulls_of_a_hundred_thousand_stars_have_unit_width():
    side, box, sigma, sky = 317, 9, 0.9, 30.0
    rng = np.random.default_rng(5)
    # each star in a box of its own, wide enough for the circle and for all but 5e-5 of the star
    dx, dy = rng.uniform(-0.5, 0.5, (2, side, side))
    flux = 10 ** rng.uniform(2, 5, (side, side))
    steps = np.arange(box) - box // 2
    along_x, along_y = (
        np.exp(-((steps - shift[..., None]) ** 2) / (2 * sigma**2)) / np.sqrt(2 * np.pi * sigma**2)
        for shift in (dx, dy)
    )
    stars = np.einsum("ij,ijy,ijx->iyjx", flux, along_y, along_x)
    variance = stars.reshape(side * box, side * box) + sky
    image = rng.poisson(variance) - sky
    rows, columns = np.indices((side, side)) * box + box // 2
    x, y = (columns + dx).ravel(), (rows + dy).ravel()
    result = aperture_photometry(image, x, y, 4.0, variance=variance)
    pulls = (result.flux - flux.ravel()) / result.flux_err
    assert len(pulls) > 100_000
    assert 0.97 < pulls.std() < 1.03
    assert abs(pulls.mean()) < 0.02


def test_a_gaussian_star_has_its_analytic_flux():
    rows, columns = np.indices((61, 61))
    sigma, x, y = 3.0, 30.3, 29.6
    # pixels hold the integral over their area, to second order in the pixel size
    star = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    radius = np.array([5.0, 8.0, 12.0, 27.0])
    result = aperture_photometry(star, [x], [y], radius)
    expected = 2 * np.pi * sigma**2 * (1 - np.exp(-(radius**2) / (2 * sigma**2)))
    assert result.flux[0] == pytest.approx(expected, rel=6e-3)
    assert result.flux[0, 3] == pytest.approx(expected[3], rel=1e-13)


@pytest.mark.parametrize("method", ["exact", "center", "subpixel"])
def test_each_of_many_radii_has_the_sums_it_has_alone(method):
    rng = np.random.default_rng(4)
    x, y = rng.uniform(-5, 90, (2, 300))
    mask = rng.random(IMAGE.shape) < 0.01
    radii = [0.2, 0.5, 3.0, 4.0, 15.5, 17.0, 40.0]
    options = {"variance": abs(IMAGE), "mask": mask, "method": method}
    together = aperture_photometry(IMAGE, x, y, radii, **options)
    for column, radius in enumerate(radii):
        alone = aperture_photometry(IMAGE, x, y, radius, **options)
        for name in ("flux", "flux_err", "area"):
            found, expected = getattr(together, name)[:, column], getattr(alone, name)
            assert np.allclose(found, expected, rtol=1e-12, atol=1e-12 * radius**2, equal_nan=True), name
        assert np.array_equal(together.flags[:, column], alone.flags)


def test_a_gradient_sums_to_its_value_at_the_centre_times_the_area():
    rows, columns = np.indices((80, 80))
    plane = 2.0 + 0.25 * columns - 0.5 * rows
    x, y = np.random.default_rng(3).uniform(30, 50, (2, 200))
    for radius in (0.3, 4.0, 15.0, 25.0):
        result = aperture_photometry(plane, x, y, radius)
        moment = result.flux - (2.0 + 0.25 * x - 0.5 * y) * result.area
        # the weight of a pixel acts at its centre, not at the centre of what is covered: bounded by the rim
        assert (np.abs(moment) < 0.15 * (2 * np.pi * radius + 1)).all()


@pytest.mark.parametrize("radius", [0.3, 2.5, 4.0, 15.0, 17.5, 25.0])
def test_a_gradient_about_the_centre_of_a_pixel_or_a_corner_cancels(radius):
    rows, columns = np.indices((80, 80))
    plane = 2.0 + 0.25 * columns - 0.5 * rows
    x, y = np.array([40.0, 39.5]), np.array([37.0, 40.5])
    result = aperture_photometry(plane, x, y, radius)
    scale = aperture_photometry(abs(plane), x, y, radius).flux
    assert (abs(result.flux - (2.0 + 0.25 * x - 0.5 * y) * np.pi * radius**2) <= 1e-13 * scale).all()
