"""SubtractBackgroundTask: the sky goes, the sources stay, pixels without data don't matter."""

import numpy as np
import pytest

from pipetask import Exposure, NoWorkFound
from pipetask.simulate import star_image
from pipetask.tasks.subtract_background import SubtractBackgroundConfig, SubtractBackgroundTask


@pytest.fixture
def slope():
    return np.add.outer(np.linspace(0, 20, 200), np.linspace(100, 130, 240))


@pytest.fixture
def image(slope):
    """A sloping sky with noise 5 and 60 stars, as an exposure."""
    rng = np.random.default_rng(1)
    x, y, flux = rng.uniform(0, 240, 60), rng.uniform(0, 200, 60), 10 ** rng.uniform(3, 5, 60)
    pixels = slope + star_image(slope.shape, x, y, flux, 4.0) + rng.normal(0, 5, slope.shape)
    return Exposure(pixels.astype(np.float32), variance=np.full(slope.shape, 25.0, np.float32))


def test_the_model_is_the_sky_without_the_stars(image, slope):
    before = image.image.copy()
    result = SubtractBackgroundTask().run([image])
    sky = result.background.image()
    assert np.abs(np.mean(sky - slope)) < 0.3
    assert np.std(sky - slope) < 1.0
    assert result.outputExposure.image + sky == pytest.approx(before, abs=1e-2)
    assert np.array_equal(image.image, before)


def test_pixels_without_data_are_left_out_and_stay(image, slope):
    image.image[:15] = np.nan
    image.mask.set("NO_DATA", np.s_[:15])
    image.image[50:60, 50:60] = 1e6
    image.mask.set("BAD", np.s_[50:60, 50:60])
    result = SubtractBackgroundTask().run([image])
    sky = result.background.image()
    assert np.isfinite(sky).all()
    assert np.abs(sky - slope)[20:].max() < 5
    assert np.isnan(result.outputExposure.image[:15]).all()


def test_the_exposures_of_a_visit_are_added_up(image, slope):
    image.mask.set("CR", np.s_[3, 4])
    result = SubtractBackgroundTask().run([image, image.copy()])
    assert np.mean(result.background.image()) == pytest.approx(2 * np.mean(slope), rel=0.01)
    assert result.outputExposure.variance[0, 0] == 50
    assert result.outputExposure.mask["CR"].sum() == 1
    assert image.variance[0, 0] == 25


@pytest.mark.parametrize("shape", [(41, 51), (12, 300), (5, 5)])
def test_boxes_shrink_with_the_image(shape):
    pixels = np.random.default_rng(1).normal(50, 2, shape).astype(np.float32)
    result = SubtractBackgroundTask().run([Exposure(pixels)])
    assert np.mean(result.background.image()) == pytest.approx(50, abs=1.5)


def test_an_image_without_usable_pixels_is_no_work():
    with pytest.raises(NoWorkFound):
        SubtractBackgroundTask().run([Exposure(np.full((50, 50), np.nan, np.float32))])


def test_a_sky_that_sources_cover_wholly_is_still_modelled(image):
    config = SubtractBackgroundConfig(growSources=200)
    result = SubtractBackgroundTask(config).run([image])
    assert np.mean(result.background.image()) == pytest.approx(125, abs=10)
