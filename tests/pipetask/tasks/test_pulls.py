"""Errors are what differences from the truth scatter by, from raw pixels to fluxes in nanojansky."""

import numpy as np
import pytest
from astropy.table import Table
from astropy.wcs import WCS

from pipetask import Exposure, PhotoCalib
from pipetask.simulate import star_image
from pipetask.tasks.calibrate_image import CalibrateImageConfig, CalibrateImageTask
from pipetask.tasks.detect_sources import DetectSourcesConfig, DetectSourcesTask
from pipetask.tasks.forced_photometry import ForcedPhotometryTask
from pipetask.tasks.isr import IsrTask
from pipetask.tasks.subtract_background import SubtractBackgroundTask

N, STEP, OVERSCAN, GAIN, READ_NOISE, SKY = 640, 26, 16, 1.5, 6.0, 100.0
CAMERA = {
    "gain": GAIN,
    "read_noise": READ_NOISE,
    "overscan": f"[{N + 1}:{N + OVERSCAN},1:{N}]",
    "trim": f"[1:{N},1:{N}]",
}


@pytest.fixture(scope="module")
def field():
    """Calibrated image, its catalog, and the true stars: apart from each other, of S/N 15 to 250."""
    rng = np.random.default_rng(31)
    places = np.arange(20.0, N - 15, STEP)
    x, y = (each.ravel() + rng.uniform(-1, 1, len(places) ** 2) for each in np.meshgrid(places, places))
    flux = 10 ** rng.uniform(3.4, 4.9, len(x))
    light = rng.poisson(star_image((N, N), x, y, flux, 3.6) + SKY)
    adu = (
        1000
        + np.pad(light, ((0, 0), (0, OVERSCAN))) / GAIN
        + rng.normal(0, READ_NOISE / GAIN, (N, N + OVERSCAN))
    )
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [30.0, 5.0], [N / 2, N / 2]
    wcs.wcs.cdelt = [-0.5 / 3600, 0.5 / 3600]
    raw = Exposure(np.rint(adu).astype(np.uint16), wcs=wcs, unit="adu")
    clean = SubtractBackgroundTask().run([IsrTask().run(raw, CAMERA).outputExposure]).outputExposure
    apart = DetectSourcesConfig()
    apart.doDeblend = False
    found = DetectSourcesTask(apart).run(clean).outputCatalog
    config = CalibrateImageConfig()
    config.doAstrometry = config.doPhotometry = False
    result = CalibrateImageTask(config).run(clean, found)
    return result.outputExposure, result.outputCatalog, Table({"x": x, "y": y, "flux": flux})


def test_positions_and_fluxes_of_an_image_are_off_by_their_errors(field):
    _, catalog, stars = field
    catalog = catalog[(catalog["flags"] == 0) & (catalog["apFlags"] == 0)]
    near = np.hypot(*(np.subtract.outer(catalog[name].data, stars[name].data) for name in "xy"))
    true = stars[near.argmin(axis=1)][near.min(axis=1) < 1]
    catalog = catalog[near.min(axis=1) < 1]
    assert len(catalog) > 500
    for name in ("x", "y", "flux"):
        pulls = (catalog[name].data - true[name].data) / catalog[f"{name}Err"].data
        assert np.std(pulls) == pytest.approx(1, abs=0.1), name  # the error of a width is 0.03
        assert abs(np.median(pulls)) < 0.25, name


def test_forced_fluxes_are_off_by_their_errors_and_that_of_the_zero_point(field):
    exposure, _, stars = field
    exposure = exposure.copy()
    exposure.photoCalib = PhotoCalib(2.0)
    sky = exposure.wcs.pixel_to_world(stars["x"], stars["y"])
    objects = Table({"objectId": np.arange(len(stars)), "ra": sky.ra.deg, "dec": sky.dec.deg})
    fluxes = ForcedPhotometryTask().run(exposure, objects).fluxes
    assert np.std((fluxes["flux"] - 2 * stars["flux"]) / fluxes["fluxErr"]) == pytest.approx(1, abs=0.1)
    exposure.photoCalib = PhotoCalib(2.0, 0.02)
    more = ForcedPhotometryTask().run(exposure, objects).fluxes
    assert more["fluxErr"] == pytest.approx(np.hypot(fluxes["fluxErr"], 0.01 * fluxes["flux"]))
