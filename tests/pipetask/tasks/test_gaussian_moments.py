"""Centres, shapes and their errors of simulated stars, against the truth."""

import numpy as np
import pytest

from pipetask.simulate import star_image
from pipetask.tasks.gaussian_moments import gaussian_moments

SIGMA = 1.8


@pytest.fixture(scope="module")
def stars():
    """A grid of 900 stars of 20,000 electrons on a sky of 100, and their true centres."""
    rng = np.random.default_rng(11)
    x, y = (
        centre.ravel() + rng.uniform(-0.5, 0.5, 900) for centre in np.meshgrid(*[np.arange(15, 915, 30)] * 2)
    )
    light = star_image((920, 920), x, y, np.full(900, 2e4), SIGMA * 2.3548) + 100
    return rng.poisson(light) - 100.0, light, x, y


def test_centres_are_those_of_the_stars_within_their_errors(stars):
    image, variance, x, y = stars
    start = x + 0.3, y - 0.3
    found = gaussian_moments(image, variance, np.zeros(image.shape, bool), *start, sigma=2.2)
    assert np.isfinite(found.x).all()
    for values, truth, errors in ((found.x, x, found.x_err), (found.y, y, found.y_err)):
        assert np.mean(values - truth) == pytest.approx(0, abs=0.003)
        assert np.std((values - truth) / errors) == pytest.approx(1, abs=0.08)


def test_widths_are_those_of_the_stars_with_their_pixels(stars):
    image, variance, x, y = stars
    found = gaussian_moments(image, variance, np.zeros(image.shape, bool), x, y, sigma=2.5)
    # a pixel adds its own second moment of 1/12
    assert np.median(found.xx) == pytest.approx(SIGMA**2 + 1 / 12, rel=0.01)
    assert np.median(found.sigma) == pytest.approx(np.sqrt(SIGMA**2 + 1 / 12), rel=0.01)
    assert np.median(found.xy) == pytest.approx(0, abs=0.02)


def test_an_elongated_source_has_its_axes():
    rows, columns = np.indices((61, 61)) - 30.0
    inverse = np.linalg.inv([[9.0, 2.0], [2.0, 4.0]])
    image = np.exp(
        -0.5 * (inverse[0, 0] * columns**2 + inverse[1, 1] * rows**2 + 2 * inverse[0, 1] * columns * rows)
    )
    found = gaussian_moments(
        image, np.ones_like(image), np.zeros(image.shape, bool), np.array([30.4]), np.array([29.8]), sigma=2.5
    )
    assert found.x[0] == pytest.approx(30, abs=1e-3)
    assert (found.xx[0], found.yy[0], found.xy[0]) == pytest.approx((9, 4, 2), rel=0.05)


def test_what_is_no_source_is_nan_and_others_are_not_touched(stars):
    image, variance, x, y = stars
    unusable = np.zeros(image.shape, bool)
    unusable[:25, :25] = True
    places = np.array([x[0], 29.6, -500.0, np.nan, x[40]]), np.array([y[0], 30.1, 10.0, 5.0, y[40]])
    blank = np.where(np.hypot(*np.ogrid[-30:890, -30:890]) < 6, -1.0, image)
    found = gaussian_moments(blank, variance, unusable, *places, sigma=2.0)
    assert np.isnan(found.x[:4]).all()
    assert found.x[4] == pytest.approx(x[40], abs=0.1)
