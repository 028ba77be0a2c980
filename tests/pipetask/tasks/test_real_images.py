"""The tasks in a row on real images, by their ``run`` methods."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from pipetask import Exposure
from pipetask.simulate import star_image
from pipetask.tasks.aperture_photometry import ApertureTask
from pipetask.tasks.detect_sources import DetectSourcesTask
from pipetask.tasks.isr import IsrTask
from pipetask.tasks.subtract_background import SubtractBackgroundTask

CAMERA = {"gain": 8.0, "zero_point": {"key": "MAGZP"}}


@pytest.fixture
def images(camera_images):
    """Folder with the real images."""
    if camera_images is None:
        pytest.skip("the real images are absent (PIPETASK_TEST_DATA); the other files test the same tasks")
    return camera_images


def test_2mass_fluxes_give_magnitudes_with_the_zero_point_of_the_header(images):
    (path,) = (images / "2mass-m17").glob("*j1420186.fits")
    with fits.open(path) as hdus:
        header = hdus[0].header
        raw = Exposure(hdus[0].data, wcs=WCS(header), metadata=dict(header.items()))
    clean = IsrTask().run(raw, CAMERA).outputExposure
    assert clean.mask["NO_DATA"].mean() == pytest.approx(0.016, abs=0.002)
    subtracted = SubtractBackgroundTask().run([clean])
    sources = DetectSourcesTask().run(subtracted.outputExposure).outputCatalog
    assert 500 < len(sources) < 1500
    assert np.isfinite(subtracted.background.image()).all()
    task = ApertureTask(initInputs={"inputSchema": sources[:0]})
    catalog = task.run(subtracted.outputExposure, sources).outputCatalog
    assert len(catalog) == len(sources)
    magnitude = clean.photoCalib.magnitude(catalog["apFlux"])
    assert np.nanmin(magnitude) < 10  # the field's brightest stars
    assert 13 < np.nanmedian(magnitude) < 17  # the survey's limit is 15.8
    good = catalog["apFlags"] == 0
    assert good.mean() > 0.9
    assert np.allclose(catalog["apArea"][good], np.pi * 16)


def test_decam_cutouts_have_their_one_object_in_the_middle(images):
    for path in sorted((images / "decam-legacypipe" / "testcase3").glob("*_ooi_*.fits")):
        with fits.open(path) as hdus:
            calexp = Exposure(hdus[1].data, unit="adu")
        sources = DetectSourcesTask().run(calexp).outputCatalog
        assert 1 <= len(sources) <= 4
        middle = np.array(calexp.shape[::-1]) / 2
        assert np.hypot(sources["x"] - middle[0], sources["y"] - middle[1]).min() < 6
        flux = ApertureTask().run(calexp, sources).outputCatalog["apFlux"]
        assert np.nanmax(flux) > 0


def _module(name):
    path = Path(__file__).parents[3] / "examples" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def example():
    return _module("overlapping_images")


@pytest.fixture(scope="module")
def cutouts():
    return _module("cutouts_by_band")


def test_2mass_stars_on_two_images_agree_to_two_per_cent_without_a_fitted_factor(images, example):
    pairs = example.compare(images / "2mass-m17")
    assert len(pairs) == 5
    for pair, table in pairs.items():
        ratio = np.median(10 ** (0.4 * np.asarray(table["difference"])))
        assert ratio == pytest.approx(1, abs=0.02), pair


def test_simulated_stars_on_two_images_agree_without_a_fitted_factor(example, tmp_path):
    rng = np.random.default_rng(12)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [275.0, -16.0]
    wcs.wcs.cdelt = [-1 / 3600, 1 / 3600]
    x, y, flux = *rng.uniform(0, 300, (2, 60)), 10 ** rng.uniform(3, 4.5, 60)
    for name, shift, zero_point in (("a000001", 0, 20.0), ("a000002", 120, 20.5)):
        wcs.wcs.crpix = [100 - shift, 100]
        light = star_image((300, 200), x - shift, y, flux * 10 ** (0.4 * (zero_point - 20)), 3.0)
        header = wcs.to_header()
        header["MAGZP"] = zero_point
        pixels = rng.poisson(8 * (light + 500)) / 8
        fits.writeto(tmp_path / f"{name}.fits", pixels.astype(np.float32), header)
    (table,) = example.compare(tmp_path).values()
    assert len(table) > 5
    assert np.median(table["difference"]) == pytest.approx(0, abs=0.02)
    assert "a000001 a000002   all" in example.report({("a000001", "a000002"): table})


def test_decam_objects_agree_between_exposures_of_a_band_after_one_zero_point_each(images, cutouts):
    seen = cutouts.cutouts(images / "decam-legacypipe" / "testcase3")
    assert [each.band for each in seen] == ["g"] * 3 + ["r"] * 2 + ["z"] * 3
    galaxy, neighbour = (cutouts.pairs(seen, row) for row in (0, 1))
    assert len(galaxy) == len(neighbour) == 7
    for band in "grz":
        pulls = np.abs([pull for (b, *_), (_, pull) in galaxy.items() if b == band])
        assert pulls.shape[1] == 7  # r = 3 to 10
        assert np.mean(pulls < 1) > 0.68
        assert np.mean(pulls < 2) > 0.95
        assert pulls.max() < 3
    assert np.nanmax([np.abs(pull) for _, pull in neighbour.values()]) < 2.5
    assert all(value < 2 * freedom for value, freedom in cutouts.chi_square(seen, 1).values())
    # fluxes in circles of one exposure are known better to each other than to the sky: 0.3 % are not explained
    assert all(value < 1.1 * freedom for value, freedom in cutouts.chi_square(seen, 0, 0.003).values())


def test_a_decam_star_agrees_between_exposures_after_the_nominal_zero_points(images, cutouts):
    seen = cutouts.read(images / "decam-legacypipe" / "testcase6")
    one, two = (row for row in cutouts.star(seen) if row[0].band == "z")
    assert max(one[3], two[3]) < cutouts.EVEN
    assert np.all(np.abs(one[1] - two[1]) < np.hypot(one[2], two[2]))  # r = 3 to 6
    assert min(one[2]) < 0.04
    assert cutouts.report_star(seen).count("not compared") == 3  # a ray of the bright star


def test_simulated_objects_agree_between_exposures_of_a_band_through_a_cloud(cutouts, tmp_path):
    rng = np.random.default_rng(5)
    x, y = 30.3 + np.array([0, cutouts.NEIGHBOUR[0]]), 30.1 + np.array([0, cutouts.NEIGHBOUR[1]])
    clear = 10 ** (0.4 * (26.610 + 2.5 * np.log10(80 / 4.0) - np.array([19.0, 22.0])))
    for number, width, light in ((1, 0.0, 1.0), (2, 3.0, 0.7)):
        image = cutouts.blurred(star_image((60, 60), x, y, light * clear, 3.0), width)
        image += rng.normal(0, 5, (60, 60))
        header = fits.Header({"FWHM": 4.0, "ARAWGAIN": 4.0})
        primary = fits.PrimaryHDU()
        primary.header.update(FILTER="g DECam", EXPNUM=number, EXPTIME=80.0, AIRMASS=1.0)
        for kind, pixels in (
            ("ooi", image),
            ("ood", np.zeros_like(image)),
            ("oow", np.full_like(image, 0.04)),
        ):
            hdus = fits.HDUList([primary, fits.ImageHDU(pixels, header)])
            hdus.writeto(tmp_path / f"a_{number}_{kind}_g.fits")
    seen = cutouts.cutouts(tmp_path)
    fluxes = [each.flux[0, -1] / each.factor for each in seen]
    magnitudes = [each.zero_point - 2.5 * np.log10(flux) for each, flux in zip(seen, fluxes, strict=True)]
    assert np.diff(magnitudes) == pytest.approx(-2.5 * np.log10(0.7), abs=0.02)
    assert (seen[1].factor, seen[1].width) == (1, 0)  # the wider one is the reference
    assert seen[0].factor == pytest.approx(0.7, rel=0.02)
    assert seen[0].width == pytest.approx(3.0, abs=0.2)
    for row in (0, 1):
        ((_, pull),) = cutouts.pairs(seen, row).values()
        assert np.nanmax(np.abs(pull[:5])) < 3
    assert f"{magnitudes[0]:.3f}" in cutouts.report(seen)
    cutouts.draw(seen, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 5000
