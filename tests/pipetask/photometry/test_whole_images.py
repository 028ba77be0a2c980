"""Tables, sky positions, images that are read in sections, neighbours in rings: what surrounds the sums."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS

from pipetask.photometry import (
    Annulus,
    ApertureFlag,
    PhotometryError,
    aperture_photometry,
    sky_photometry,
)


class Counting:
    """An image that tells how much of it was read."""

    def __init__(self, pixels):
        self._pixels, self.shape, self.dtype, self.read = pixels, pixels.shape, pixels.dtype, 0

    def __getitem__(self, key):
        part = self._pixels[key]
        self.read += part.size
        return part


def test_a_sliced_image_gives_the_same_and_only_the_surroundings_are_read():
    pixels = np.random.default_rng(1).normal(100, 10, (3000, 2500)).astype(">f4")
    rng = np.random.default_rng(2)
    x, y = rng.uniform(-3, 400, 50), rng.uniform(2500, 3003, 50)
    options = {"annulus": Annulus(6, 9, "clipped_mean")}
    lazy = Counting(pixels)
    whole = aperture_photometry(pixels, x, y, [2.0, 18.0], variance=pixels, **options)
    parts = aperture_photometry(lazy, x, y, [2.0, 18.0], variance=Counting(pixels), **options)
    for name in ("flux", "flux_err", "area", "background"):
        assert np.allclose(getattr(parts, name), getattr(whole, name), rtol=1e-12, equal_nan=True)
    assert np.array_equal(parts.flags, whole.flags)
    assert lazy.read < 0.05 * pixels.size


def test_a_section_of_a_file_is_read_without_the_rest(tmp_path):
    pixels = np.random.default_rng(1).normal(size=(300, 200)).astype(np.float32)
    fits.writeto(tmp_path / "image.fits", pixels)
    with fits.open(tmp_path / "image.fits") as hdus:
        result = aperture_photometry(hdus[0].section, [50.0], [70.0], 3.0)
    assert result.flux[0] == pytest.approx(
        aperture_photometry(pixels, [50.0], [70.0], 3.0).flux[0], rel=1e-13
    )


def test_the_table_has_units_and_descriptions(noise):
    result = aperture_photometry(noise, [50.0, 40.0], [40.0, 41.0], [3.0, 4.0], annulus=Annulus(6, 9))
    table = result.to_table("adu")
    assert table.colnames == ["flux", "area", "background", "background_err", "flags"]
    assert table["flux"].shape == (2, 2)
    assert (table["flux"].unit, table["area"].unit) == (u.adu, u.pix**2)
    assert all(table[name].description for name in table.colnames)


def test_positions_and_angles_on_the_sky_become_pixels(noise):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [30, -20], [50, 45]
    wcs.wcs.cdelt = [-0.5 / 3600, 0.5 / 3600]
    positions = wcs.pixel_to_world([40.3, 60.0], [30.2, 50.1])
    result, x, y = sky_photometry(noise, wcs, positions, 2 * u.arcsec, annulus=Annulus(6, 9))
    assert np.allclose([x, y], [[40.3, 60.0], [30.2, 50.1]], atol=1e-8)
    expected = aperture_photometry(noise, x, y, 4.0, annulus=Annulus(6, 9))
    assert np.allclose(result.flux, expected.flux, rtol=1e-6)
    assert np.allclose(sky_photometry(noise, wcs, positions, 4.0)[0].area, np.pi * 16)
    with pytest.raises(PhotometryError, match="radii are in kg"):
        sky_photometry(noise, wcs, positions, 2 * u.kg)


@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_neighbours_in_the_ring_are_left_out_where_asked_for(statistic):
    image = np.full((60, 60), 7.0)
    image[28:33, 37:42] = 1e4  # a star at (39, 30), in the ring of the one at (30, 30)
    x, y = [30.0, 39.0, 12.0], [30.0, 30.0, 12.0]
    ring = Annulus(6, 12, statistic, method="center", neighbour_radius=4.0)
    result = aperture_photometry(image, x, y, 2.0, annulus=ring)
    assert np.allclose(result.background, 7.0, rtol=1e-14)
    with_them = aperture_photometry(image, x, y, 2.0, annulus=Annulus(6, 12, "mean"))
    assert with_them.background[0] > 100


def test_neighbours_beyond_a_section_are_left_out_too():
    pixels = np.random.default_rng(1).normal(0, 1, (1100, 1200))
    x, y = np.random.default_rng(2).uniform(1010, 1040, (2, 60))  # sections end at 1024
    ring = Annulus(6, 12, neighbour_radius=2.0)
    whole = aperture_photometry(pixels, x, y, 2.0, annulus=ring)
    parts = aperture_photometry(Counting(pixels), x, y, 2.0, annulus=ring)
    assert np.allclose(parts.background, whole.background, rtol=1e-10, atol=1e-13)


def test_a_ring_with_too_few_pixels_gives_no_background(noise):
    for statistic in ("mean", "median"):
        few = Annulus(6, 9, statistic, minimum_pixels=400)
        result = aperture_photometry(noise, [45.0], [45.0], 2.0, annulus=few)
        assert result.flags[0] == ApertureFlag.NO_BACKGROUND
        assert np.isnan([result.flux[0], result.background[0], result.background_err[0]]).all()


@pytest.mark.parametrize("statistic", ["mean", "median", "clipped_mean", "clipped_median"])
def test_the_error_of_the_background_is_its_scatter_over_many_rings(statistic):
    image = np.random.default_rng(3).normal(1000, 5, (800, 800))
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(20.0, 780, 22), np.arange(20.0, 780, 22)))
    result = aperture_photometry(image, x, y, 2.0, annulus=Annulus(5, 10, statistic, method="center"))
    assert result.background.std() == pytest.approx(result.background_err.mean(), rel=0.08)
