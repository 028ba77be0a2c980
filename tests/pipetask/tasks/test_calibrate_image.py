"""CalibrateImageTask: what it says of a simulated image is true of it."""

import numpy as np
import pytest
from astropy.table import Table
from astropy.wcs import WCS

from pipetask import Exposure, PipetaskError, UnprocessableDataError
from pipetask.simulate import star_image
from pipetask.tasks.calibrate_image import CalibrateImageConfig, CalibrateImageTask
from pipetask.tasks.detect_sources import DetectSourcesTask
from pipetask.testing import check_connections

FWHM, ZERO_POINT = 4.0, 27.3


@pytest.fixture(scope="module")
def field():
    """An image with a WCS that is 3 arcsec off, its detections, the reference stars and the true stars."""
    rng = np.random.default_rng(21)
    x, y = rng.uniform(20, 492, (2, 90))
    flux = 10 ** rng.uniform(3.3, 5.2, 90)
    light = star_image((512, 512), x, y, flux, FWHM)
    image = rng.poisson(light + 150) - 150.0
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = [30.0, -20.0], [256.0, 256.0]
    wcs.wcs.cd = [[-0.5 / 3600, 0], [0, 0.5 / 3600]]
    sky = wcs.pixel_to_world(x, y)
    stars = Table(
        {"id": np.arange(1, 91), "x": x, "y": y, "flux": flux, "ra": sky.ra.deg, "dec": sky.dec.deg}
    )
    stars["mag_r"] = ZERO_POINT - 2.5 * np.log10(flux) + rng.normal(0, 0.01, 90)
    off = wcs.deepcopy()
    off.wcs.crval = [30.0 + 3 / 3600, -20.0]
    exposure = Exposure(image, variance=light + 150, wcs=off, unit="electron")
    found = DetectSourcesTask().run(exposure).outputCatalog
    return exposure, found, stars[["id", "ra", "dec", "mag_r"]], stars


def task(**options):
    config = CalibrateImageConfig()
    config.update(**options)
    return CalibrateImageTask(config)


@pytest.fixture(scope="module")
def result(field):
    exposure, found, references, _ = field
    return task().run(exposure, found, [references[:40], references[40:]], band="r")


@pytest.fixture(scope="module")
def matches(result, field):
    """Rows of sources, and the true stars that they are, apart from others."""
    catalog, stars = result.outputCatalog, field[3]
    dx = catalog["x"].data[:, None] - stars["x"].data
    dy = catalog["y"].data[:, None] - stars["y"].data
    near = np.hypot(dx, dy)
    alone = (
        (np.hypot(*(np.subtract.outer(stars[c].data, stars[c].data) for c in "xy")) < 25).sum(1) == 1
    ) & (stars["flux"] > 5e3)
    rows, which = np.nonzero((near < 1) & alone)
    assert len(rows) > 25
    return catalog[rows], stars[which]


def test_the_width_of_the_psf_is_that_of_the_stars(result):
    # the pixel adds its second moment of 1/12
    true = np.sqrt((FWHM / 2.3548) ** 2 + 1 / 12)
    assert result.outputExposure.psf.sigma == pytest.approx(true, rel=0.02)


def test_positions_on_the_image_and_on_the_sky_are_true(result, matches):
    found, true = matches
    pulls = (found["x"] - true["x"]) / found["xErr"]
    assert np.median(np.abs(pulls)) * 1.4826 == pytest.approx(1, abs=0.4)
    assert np.abs(found["ra"] - true["ra"]).max() * 3600 < 0.2  # was 3 arcsec
    assert np.median(np.abs(found["dec"] - true["dec"])) * 3600 < 0.03
    assert (found["refId"] == true["id"]).all()


def test_corrected_fluxes_hold_all_light(matches):
    found, true = matches
    ratio = found["flux"] / true["flux"]
    assert np.median(ratio) == pytest.approx(1, abs=0.01)
    assert np.median(found["apFlux"] / true["flux"]) < 0.97
    pulls = (found["flux"] - true["flux"]) / found["fluxErr"]
    assert 1.4826 * np.median(np.abs(pulls)) == pytest.approx(1, abs=0.5)


def test_the_zero_point_is_that_of_the_reference(result):
    calib = result.outputExposure.photoCalib
    assert calib.zero_point == pytest.approx(ZERO_POINT, abs=0.015)
    assert 0 < calib.error / calib.calibration < 0.01


def test_nothing_that_is_handed_in_changes(field, result):
    assert field[0].psf is None
    assert field[0].wcs.wcs.crval[0] == 30.0 + 3 / 3600
    assert result.outputExposure.wcs is not field[0].wcs


def test_without_a_reference_wcs_and_zero_point_stay(field):
    exposure, found, _, _ = field
    config = CalibrateImageConfig()
    config.doAstrometry = config.doPhotometry = False
    assert "references" not in check_connections(CalibrateImageTask, config).prerequisiteInputs
    result = CalibrateImageTask(config).run(exposure, found)
    assert result.outputExposure.wcs.wcs.crval[0] == exposure.wcs.wcs.crval[0]
    assert result.outputExposure.photoCalib is None
    assert (result.outputCatalog["refId"] == 0).all()


def test_the_catalog_has_the_columns_of_the_schema(result):
    schema = task().outputSchema
    assert schema.colnames == result.outputCatalog.colnames
    assert all(schema[name].dtype == result.outputCatalog[name].dtype for name in schema.colnames)
    assert result.outputCatalog["flux"].unit == "electron"


def test_images_that_cannot_be_calibrated_say_why(field):
    exposure, found, references, _ = field
    with pytest.raises(PipetaskError, match="no column 'mag_z'"):
        task().run(exposure, found, [references], band="z")
    with pytest.raises(UnprocessableDataError, match="brightSignal=100000"):
        task(brightSignal=1e5).run(exposure, found, [references], band="r")
    far = references.copy()
    far["dec"] += 1.0
    with pytest.raises(UnprocessableDataError, match="sources match"):
        task().run(exposure, found, [far], band="r")
