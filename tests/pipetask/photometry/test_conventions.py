"""Errors and masks as photutils and as SEP have them, by name."""

import numpy as np
import pytest
import sep

from pipetask.photometry import Annulus, ApertureFlag, PhotometryError, aperture_photometry


@pytest.fixture
def sky(noise):
    """Image, variance, mask and positions away from the edges, whose centres are not masked."""
    rng = np.random.default_rng(8)
    mask = rng.random(noise.shape) < 0.03
    variance = rng.uniform(50, 150, noise.shape).astype(np.float32)
    x, y = rng.uniform(20, 70, (2, 300))
    free = ~mask[np.floor(y + 0.5).astype(int), np.floor(x + 0.5).astype(int)]
    return noise, variance, mask, x[free], y[free]


@pytest.mark.parametrize("radius", [1.3, 4.0, 18.0])
def test_errors_are_those_of_sep_where_asked_for(sky, radius):
    image, variance, _, x, y = sky
    result = aperture_photometry(image, x, y, radius, variance=variance, errors="sep")
    flux, error, _ = sep.sum_circle(image, x, y, radius, var=variance, subpix=0)
    assert np.allclose(result.flux, flux, rtol=1e-12)
    assert np.allclose(result.flux_err, error, rtol=1e-12)


@pytest.mark.parametrize("radius", [1.3, 4.0, 18.0])
def test_masked_pixels_are_scaled_up_as_in_sep_where_asked_for(sky, radius):
    image, variance, mask, x, y = sky
    result = aperture_photometry(
        image, x, y, radius, variance=variance, mask=mask, errors="sep", masked="scale"
    )
    flux, error, _ = sep.sum_circle(image, x, y, radius, var=variance, mask=mask, subpix=0)
    assert np.allclose(result.flux, flux, rtol=1e-12)
    assert np.allclose(result.flux_err, error, rtol=1e-12)
    assert np.allclose(result.area, np.pi * radius**2, rtol=1e-12)
    assert (result.flags & ApertureFlag.MASKED).any()


def test_scaling_scales_the_root_of_the_squares_with_the_flux(sky):
    image, variance, mask, x, y = sky
    options = {"variance": variance, "mask": mask}
    left_out = aperture_photometry(image, x, y, 4.0, **options)
    scaled = aperture_photometry(image, x, y, 4.0, masked="scale", **options)
    factor = np.pi * 16 / left_out.area
    assert np.allclose(scaled.flux, left_out.flux * factor, rtol=1e-12)
    assert np.allclose(scaled.flux_err, left_out.flux_err * factor, rtol=1e-12)


def test_nothing_is_scaled_for_what_is_off_the_image():
    image = np.ones((40, 40))
    result = aperture_photometry(image, [0.0], [20.0], 4.0, masked="scale")
    assert result.flux[0] == pytest.approx(aperture_photometry(image, [0.0], [20.0], 4.0).flux[0], rel=1e-14)


def test_the_background_comes_off_the_scaled_area(sky):
    image, _, mask, x, y = sky
    ring = Annulus(6, 9)
    bare = aperture_photometry(image, x, y, 4.0, mask=mask, masked="scale")
    result = aperture_photometry(image, x, y, 4.0, mask=mask, masked="scale", annulus=ring)
    assert np.allclose(result.flux, bare.flux - result.background * np.pi * 16, rtol=1e-10)


@pytest.mark.parametrize("option", ["errors", "masked"])
def test_other_names_are_refused(option):
    with pytest.raises(PhotometryError, match=f"{option} 'other'"):
        aperture_photometry(np.ones((9, 9)), [4.0], [4.0], 2.0, **{option: "other"})
