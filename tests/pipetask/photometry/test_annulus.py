"""The local background is that of photutils or of a plain loop, and comes off the flux times the area."""

import numpy as np
import pytest
from astropy.stats import sigma_clip
from photutils.aperture import CircularAnnulus, CircularAperture

from pipetask.photometry import Annulus, ApertureFlag, PhotometryError, aperture_photometry


def values_in_ring(image, x, y, annulus, usable):
    """Pixels whose centre lies in the ring."""
    rows, columns = np.indices(image.shape)
    squares = (columns - x) ** 2 + (rows - y) ** 2
    return image[(squares >= annulus.r_in**2) & (squares < annulus.r_out**2) & usable]


@pytest.fixture
def bumpy(noise):
    """``noise`` with a spike in every 40th pixel."""
    return noise + 500 * (np.random.default_rng(5).random(noise.shape) < 0.025)


@pytest.mark.parametrize("method", ["exact", "center"])
@pytest.mark.parametrize("radii", [(6.0, 10.0), (0.0, 5.0), (18.0, 25.0)])
def test_the_mean_agrees_with_photutils(noise, positions, method, radii):
    mask = np.random.default_rng(4).random(noise.shape) < 0.05
    result = aperture_photometry(noise, *positions, 3.0, mask=mask, annulus=Annulus(*radii, method=method))
    for x, y, background in zip(*positions, result.background, strict=True):
        ring = CircularAnnulus((x, y), *radii) if radii[0] else CircularAperture((x, y), radii[1])
        weights = ring.to_mask(method=method)
        large, small = weights.get_overlap_slices(noise.shape)
        weight = weights.data[small] * ~mask[large] if large else np.zeros(1)
        expected = (weight * noise[large]).sum() / weight.sum() if weight.any() else np.nan
        assert background == pytest.approx(expected, rel=1e-11, nan_ok=True)


@pytest.mark.parametrize("radii", [(6.0, 10.0), (3.0, 5.0), (2.5, 6.5), (0.0, 5.0), (12.5, 17.0), (0.3, 0.6)])
def test_a_ring_holds_the_whole_pixels_whose_centre_is_in_it_to_the_last_one(radii):
    numbers = np.random.default_rng(1).integers(0, 1000, (90, 80))  # their sums are exact
    numbers[numbers > 990] = 10**9
    steps = np.array([0, 1 / 16, 1 / 3, 0.5, 0.5 - 1e-15, 0.25 + 1e-12, 0.4, 0.6, 0.8, 0.3])
    places = np.stack(np.meshgrid(40 + steps, 45 - steps)).reshape(2, -1)
    ring = Annulus(*radii)
    result = aperture_photometry(numbers, *places, 2.0, annulus=ring)
    for x, y, background, error in zip(*places, result.background, result.background_err, strict=True):
        values = values_in_ring(numbers, x, y, ring, np.ones(numbers.shape, bool))
        assert background == pytest.approx(values.mean() if len(values) else np.nan, rel=1e-14, nan_ok=True)
        if len(values) > 1:
            assert error == pytest.approx(values.std() / np.sqrt(len(values)), rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("dtype", ["f4", ">f4", "f8", ">f8", "f2", "i2", ">i4", "u1", "g", "?"])
def test_every_type_of_pixel_makes_a_background(dtype):
    values = np.random.default_rng(1).integers(0, 2 if dtype == "?" else 100, (60, 60))
    mask = np.random.default_rng(2).random(values.shape) < 0.1
    image = values.astype(dtype)
    if image.dtype.kind == "f":
        image[mask] = np.nan
    result = aperture_photometry(image, [30.2], [29.7], 3.0, mask=mask, annulus=Annulus(6, 10))
    inside = values_in_ring(values, 30.2, 29.7, Annulus(6, 10), ~mask)
    assert result.background[0] == pytest.approx(inside.mean(), rel=1e-14)


@pytest.mark.parametrize("statistic", ["median", "clipped_mean", "clipped_median"])
@pytest.mark.parametrize("radii", [(5.0, 9.0), (30.0, 200.0)])
def test_medians_and_clipped_statistics_agree_with_a_loop(bumpy, positions, statistic, radii):
    mask = np.random.default_rng(4).random(bumpy.shape) < 0.05
    bumpy[40:44, 40:44] = np.nan
    annulus = Annulus(*radii, statistic)
    result = aperture_photometry(bumpy, *positions, 3.0, mask=mask, annulus=annulus)
    for x, y, background in zip(*positions, result.background, strict=True):
        values = values_in_ring(bumpy, x, y, annulus, ~mask & np.isfinite(bumpy)).astype(float)
        if statistic != "median" and len(values):
            values = sigma_clip(values, sigma=3, maxiters=5, cenfunc="median", stdfunc="std", masked=False)
        expected = (
            np.nan if not len(values) else values.mean() if statistic == "clipped_mean" else np.median(values)
        )
        assert background == pytest.approx(expected, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize(
    ("ours", "astropys"),
    [
        ({"sigma": 1.5, "iterations": 2}, {"sigma": 1.5, "maxiters": 2}),
        ({"sigma": 1.5, "sigma_upper": 1.0}, {"sigma": 1.5, "sigma_upper": 1.0, "maxiters": 5}),
        ({"sigma_lower": 1.0, "sigma_upper": 2.0}, {"sigma_lower": 1.0, "sigma_upper": 2.0, "maxiters": 5}),
        ({"sigma": 1.2, "iterations": None}, {"sigma": 1.2, "maxiters": None}),
    ],
)
def test_the_limits_of_clipping_are_used(bumpy, positions, ours, astropys):
    annulus = Annulus(5.0, 12.0, "clipped_mean", **ours)
    result = aperture_photometry(bumpy, *positions, 3.0, annulus=annulus)
    values = values_in_ring(bumpy, positions[0][0], positions[1][0], annulus, np.isfinite(bumpy)).astype(
        float
    )
    clipped = sigma_clip(values, **astropys, cenfunc="median", stdfunc="std", masked=False)
    assert result.background[0] == pytest.approx(clipped.mean(), rel=1e-12)


def test_the_background_times_the_area_comes_off_the_flux(noise):
    x, y = np.array([50.0, 1.0]), np.array([40.0, 40.0])
    bare = aperture_photometry(noise, x, y, [3.0, 5.0])
    result = aperture_photometry(noise, x, y, [3.0, 5.0], annulus=Annulus(7, 11))
    assert np.allclose(result.flux, bare.flux - result.background[:, None] * bare.area, rtol=1e-13)


def test_a_ring_without_usable_pixels_gives_no_flux_and_says_so(noise):
    mask = np.ones(noise.shape, bool)
    mask[38:43, 48:53] = False
    for statistic in ("mean", "median", "clipped_mean"):
        result = aperture_photometry(noise, [50.0], [40.0], 2.0, mask=mask, annulus=Annulus(6, 9, statistic))
        assert np.isnan(result.background[0])
        assert np.isnan(result.flux[0])
        assert result.flags[0] == ApertureFlag.NO_BACKGROUND


@pytest.mark.parametrize(
    ("radii", "statistic"), [((5, 5), "mean"), ((-1, 5), "mean"), ((1, np.nan), "mean"), ((1, 5), "mode")]
)
def test_rings_that_make_no_sense_are_refused(radii, statistic):
    with pytest.raises(PhotometryError):
        Annulus(*radii, statistic)
