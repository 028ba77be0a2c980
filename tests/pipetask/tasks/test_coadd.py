"""Warps keep fluxes, masks and gaps; coadds drop what one visit alone shows."""

import sys

import numpy as np
import pytest
from astropy.wcs import WCS

from pipetask import Exposure, NoWorkFound, PhotoCalib, PipetaskError
from pipetask.observation.skymap import SkyMap, Tract
from pipetask.simulate import star_image
from pipetask.tasks.assemble_coadd import AssembleCoaddConfig, AssembleCoaddTask
from pipetask.tasks.coadd_photometry import CoaddPhotometryConfig, CoaddPhotometryTask
from pipetask.tasks.make_warp import MakeWarpConfig, MakeWarpTask
from pipetask.testing import InMemoryDatasetHandle

SKY = SkyMap("test", 0.4, 80, 10, (Tract(0, 40.0, 10.0, 60.0, 40.0, 2, 1),))


def handle(exposure):
    return InMemoryDatasetHandle(exposure, storageClass="ExposureF")


@pytest.fixture
def image():
    """A star of 5000 counts at the tract's point of tangency, pixels of 0.5 arcsec, turned by 30 degrees."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = [40.0, 10.0], [41.0, 36.0]
    turn = np.radians(30)
    wcs.wcs.cd = 0.5 / 3600 * np.array([[-np.cos(turn), np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    pixels = star_image((71, 81), np.array([40.0]), np.array([35.0]), np.array([5000.0]), 4.0)
    exposure = Exposure(pixels, variance=np.full(pixels.shape, 9.0), wcs=wcs, photoCalib=PhotoCalib(3.0))
    exposure.mask.set("BAD", np.s_[20, 20])
    exposure.mask.set("SUSPECT", np.s_[35, 40])
    return exposure


@pytest.mark.parametrize("method", ["interpolation", "exact"])
def test_a_warp_keeps_flux_place_variance_and_mask(image, method):
    config = MakeWarpConfig()
    config.method = method
    warp = MakeWarpTask(config).run(SKY.to_dict(), [handle(image)], tract=0, patch=0).warp
    assert (warp.shape, warp.x0, warp.unit) == ((80, 90), 0, "nJy")
    rows, columns = np.indices(warp.shape)
    light = np.nan_to_num(warp.image) * (np.hypot(columns - 60, rows - 40) < 18)
    assert light.sum() == pytest.approx(15_000, rel=0.01)
    assert (light * columns).sum() / light.sum() == pytest.approx(60, abs=0.02)
    assert (light * rows).sum() / light.sum() == pytest.approx(40, abs=0.02)
    assert np.nanmedian(warp.variance) == pytest.approx(9 * 3**2 * (0.4 / 0.5) ** 2, rel=0.01)
    assert warp.mask["SUSPECT"][40, 60]
    assert warp.mask["SUSPECT"].sum() <= 4
    gap = warp.wcs.world_to_pixel(image.wcs.pixel_to_world(20, 20))
    assert np.isnan(warp.image[round(float(gap[1])), round(float(gap[0]))])
    assert np.array_equal(np.isnan(warp.image), warp.mask["NO_DATA"])


def test_an_image_beside_the_patch_is_no_work(image):
    image.wcs.wcs.crval = [41.0, 10.0]
    with pytest.raises(NoWorkFound, match="no usable pixel"):
        MakeWarpTask().run(SKY.to_dict(), [handle(image)], tract=0, patch=0)


def test_without_reproject_the_error_says_what_to_install(image, monkeypatch):
    monkeypatch.setitem(sys.modules, "reproject", None)
    with pytest.raises(PipetaskError, match=r"pip install 'pipetask\[coadd\]'"):
        MakeWarpTask().run(SKY.to_dict(), [handle(image)], tract=0, patch=0)


@pytest.fixture
def warps():
    """Six warps of noise; one has a satellite in row 12 and a hole; stars differ by 20 % of their peak."""
    rng = np.random.default_rng(6)
    found = []
    for k in range(6):
        pixels = rng.normal(0, 2, (40, 50))
        pixels[25, 30] = 1000 * (1 + 0.04 * k)
        warp = Exposure(
            pixels,
            variance=np.full(pixels.shape, 4.0),
            x0=100,
            y0=200,
            unit="nJy",
            photoCalib=PhotoCalib(1.0),
        )
        found.append(warp)
    found[2].image[12] += 300
    found[4].image[5, 5] = found[4].variance[5, 5] = np.nan
    for warp in found:
        warp.image[0, 0] = np.nan
    found[1].mask.set("SUSPECT", np.s_[7, 8])
    return found


def coadded(warps, **options):
    config = AssembleCoaddConfig()
    config.update(**options)
    return AssembleCoaddTask(config).run([handle(warp) for warp in warps]).coadd


def test_a_coadd_drops_what_one_visit_alone_shows(warps):
    coadd = coadded(warps)
    assert coadd.image[12].mean() == pytest.approx(0, abs=0.5)
    assert coadd.mask["CLIPPED"][12].all()
    assert coadd.variance[12, 3] == pytest.approx(4 / 5)
    assert coadd.variance[20, 3] == pytest.approx(4 / 6)
    assert coadd.variance[5, 5] == pytest.approx(4 / 5)
    assert not coadd.mask["CLIPPED"][5, 5]
    assert np.argwhere(coadd.mask["NO_DATA"]).tolist() == [[0, 0]]
    assert coadd.mask["INEXACT_PSF"][12].all()
    assert coadd.mask["INEXACT_PSF"].sum() == 51  # and the hole
    assert np.argwhere(coadd.mask["SUSPECT"]).tolist() == [[7, 8]]
    assert (coadd.x0, coadd.y0) == (100, 200)
    rest = np.delete(coadd.image, [0, 12, 25], axis=0)
    assert rest.std() == pytest.approx(2 / np.sqrt(6), rel=0.05)


def test_the_peaks_of_stars_are_not_clipped_unless_there_is_no_slack(warps):
    assert coadded(warps).image[25, 30] == pytest.approx(1100)
    assert not coadded(warps).mask["CLIPPED"][25, 30]
    assert coadded(warps, seeingSlack=0.0, sigma=1.0).mask["CLIPPED"][25, 30]


def test_strips_of_a_coadd_give_what_the_whole_gives(warps):
    whole, strips = coadded(warps), coadded(warps, memory=0.05)
    assert np.array_equal(whole.image, strips.image, equal_nan=True)
    assert whole.mask == strips.mask


@pytest.fixture
def sky():
    """A coadd with nine stars of 10 000 to 20 000 nJy, one of which one visit lacks."""
    x, y = (grid.ravel() + 0.2 for grid in np.meshgrid([18.0, 44.0, 70.0], [14.0, 40.0, 66.0]))
    flux = np.linspace(10_000, 20_000, 9)
    pixels = star_image((80, 90), x, y, flux, 4.0) + np.random.default_rng(3).normal(0, 5, (80, 90))
    wcs = SKY.wcs(0)
    coadd = Exposure(
        pixels, variance=np.full((80, 90), 25.0), wcs=wcs, photoCalib=PhotoCalib(1.0), unit="nJy"
    )
    coadd.mask.add_plane("INEXACT_PSF")
    coadd.mask.set("INEXACT_PSF", np.s_[40, 47])
    return coadd, np.column_stack([x, y]), flux


def measured(coadd, **options):
    config = CoaddPhotometryConfig()
    config.update(**options)
    return CoaddPhotometryTask(config).run(SKY.to_dict(), coadd, tract=0, patch=0).catalog


def test_magnitudes_on_a_coadd_are_those_of_whole_stars(sky):
    coadd, places, flux = sky
    catalog = measured(coadd)
    near = np.hypot(*(np.subtract.outer(catalog[c].data, p) for c, p in zip("xy", places.T, strict=True)))
    assert (near.min(axis=1) < 0.2).all()
    true = flux[near.argmin(axis=1)]
    assert catalog["flux"] / true == pytest.approx(np.ones(9), abs=0.02)
    assert np.median(catalog["apFlux"] / true) == pytest.approx(0.93, abs=0.01)  # within 4 pixels
    assert catalog["mag"] == pytest.approx(31.4 - 2.5 * np.log10(catalog["flux"]))
    assert catalog["magErr"] == pytest.approx(1.0857 * catalog["fluxErr"] / catalog["flux"], rel=1e-3)
    assert np.flatnonzero(~catalog["isComplete"]).tolist() == [np.argmin(np.abs(true - flux[4]))]
    assert all(catalog[name].description for name in catalog.colnames)


def test_a_coadd_without_a_bright_star_has_fluxes_in_the_aperture_alone(sky, caplog):
    catalog = measured(sky[0], brightSignal=1e4)
    assert np.isfinite(catalog["apFlux"]).all()
    assert np.isnan(catalog["mag"]).all()
    assert "brightSignal=10000" in caplog.text
