"""The tasks in a row on real images, by their ``run`` methods."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from pipetask import Exposure
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
