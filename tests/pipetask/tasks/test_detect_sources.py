"""DetectSourcesTask: stars are found where they are, and nothing where there is none."""

import numpy as np
import pytest

from pipetask import Exposure, PipetaskError
from pipetask.simulate import star_image
from pipetask.tasks.detect_sources import (
    HAS_BAD_PIXELS,
    NEAR_EDGE,
    SATURATED,
    DetectSourcesConfig,
    DetectSourcesTask,
)

X = np.array([30.3, 80.75, 140.0, 60.5, 110.2])
Y = np.array([40.1, 30.5, 90.25, 100.0, 61.7])
FLUX = np.array([2e4, 5e4, 1e5, 8e3, 3e4])


def field(shape=(130, 170), noise=5.0):
    """Stars of FWHM 4 in noise."""
    pixels = star_image(shape, X, Y, FLUX, 4.0) + np.random.default_rng(1).normal(0, noise, shape)
    return Exposure(pixels.astype(np.float32), variance=np.full(shape, noise**2, np.float32), unit="electron")


def nearest(catalog, x, y):
    return catalog[np.hypot(catalog["x"] - x, catalog["y"] - y).argmin()]


def test_every_star_is_found_to_a_few_hundredths_of_a_pixel():
    exposure = field()
    before = exposure.image.copy()
    catalog = DetectSourcesTask().run(exposure).outputCatalog
    assert len(catalog) == len(X)
    for x, y, flux in zip(X, Y, FLUX, strict=True):
        row = nearest(catalog, x, y)
        assert row["x"] == pytest.approx(x, abs=0.05)
        assert row["y"] == pytest.approx(y, abs=0.05)
        assert row["segmentFlux"] == pytest.approx(flux, rel=0.1)
        assert row["fwhm"] == pytest.approx(4, abs=0.8)
        assert row["flags"] == 0
    assert np.array_equal(exposure.image, before)


def test_the_catalog_has_the_columns_of_the_schema():
    task = DetectSourcesTask()
    catalog = task.run(field()).outputCatalog
    assert len(task.outputSchema) == 0
    assert catalog.colnames == task.outputSchema.colnames
    for name in catalog.colnames:
        assert catalog[name].dtype == task.outputSchema[name].dtype
        in_unit_of_image = name in ("segmentFlux", "peak")
        assert catalog[name].unit == ("electron" if in_unit_of_image else task.outputSchema[name].unit)
        assert catalog[name].description == task.outputSchema[name].description
    assert catalog["id"].dtype == np.int64
    assert len(set(catalog["id"])) == len(catalog)


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_an_image_without_sources_gives_no_rows(value):
    empty = Exposure(np.full((50, 60), value, np.float32))
    assert len(DetectSourcesTask().run(empty).outputCatalog) == 0
    noise = Exposure(np.random.default_rng(3).normal(0, 5, (50, 60)).astype(np.float32))
    catalog = DetectSourcesTask().run(noise).outputCatalog
    assert len(catalog) == 0
    assert catalog.colnames == DetectSourcesTask().outputSchema.colnames


def test_flags_tell_of_saturation_edges_and_bad_pixels():
    exposure = field()
    exposure.mask.set("SAT", np.s_[90, 140])
    exposure.mask.set("BAD", np.s_[:, 80])
    exposure.image[:, 110:] = np.nan
    exposure.image[85:95, 135:145] = field().image[85:95, 135:145]
    exposure.mask.set("NO_DATA", np.isnan(exposure.image))
    catalog = DetectSourcesTask().run(exposure).outputCatalog
    assert nearest(catalog, X[2], Y[2])["flags"] & SATURATED
    assert nearest(catalog, X[1], Y[1])["flags"] & HAS_BAD_PIXELS
    assert nearest(catalog, 108.0, Y[4])["flags"] & NEAR_EDGE
    assert nearest(catalog, X[0], Y[0])["flags"] == 0


def test_sky_positions_follow_from_the_wcs():
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [150.0, 2.0]
    wcs.wcs.crpix = [X[2] + 1, Y[2] + 1]
    wcs.wcs.cdelt = [-1e-4, 1e-4]
    exposure = field()
    assert np.isnan(DetectSourcesTask().run(exposure).outputCatalog["ra"]).all()
    exposure.wcs = wcs
    row = nearest(DetectSourcesTask().run(exposure).outputCatalog, X[2], Y[2])
    assert row["ra"] == pytest.approx(150.0, abs=5e-6)
    assert row["dec"] == pytest.approx(2.0, abs=5e-6)


def test_touching_stars_are_split_unless_told_otherwise():
    pixels = star_image((60, 60), np.array([26.0, 34.0]), np.array([30.0, 31.0]), np.array([3e4, 2e4]), 4.0)
    pair = Exposure((pixels + np.random.default_rng(1).normal(0, 5, (60, 60))).astype(np.float32))
    assert len(DetectSourcesTask().run(pair).outputCatalog) == 2
    assert len(DetectSourcesTask(DetectSourcesConfig(doDeblend=False)).run(pair).outputCatalog) == 1


def test_a_higher_threshold_finds_fewer():
    config = DetectSourcesConfig(threshold=500.0)
    assert 0 < len(DetectSourcesTask(config).run(field()).outputCatalog) < len(X)


@pytest.mark.parametrize("shape", [(41, 51), (101, 100)])
def test_small_cutouts_with_one_source_give_one_row(shape):
    x, y = np.array([shape[1] / 2]), np.array([shape[0] / 2])
    pixels = star_image(shape, x, y, np.array([2000.0]), 4.5) + np.random.default_rng(1).normal(0, 2, shape)
    catalog = DetectSourcesTask().run(Exposure(pixels.astype(np.float32))).outputCatalog
    assert len(catalog) == 1
    assert catalog["x"][0] == pytest.approx(x[0], abs=0.1)


@pytest.mark.parametrize("make", [field, lambda: Exposure(np.zeros((60, 60), np.float32), unit="electron")])
def test_with_a_declared_unit_the_schema_is_the_catalog_without_rows(make):
    config = DetectSourcesConfig()
    config.fluxUnit = "electron"
    task = DetectSourcesTask(config)
    catalog = task.run(make()).outputCatalog
    described = [
        [(c.name, c.dtype, c.unit, c.description) for c in table.itercols()]
        for table in (task.outputSchema, catalog)
    ]
    assert described[0] == described[1]
    assert task.outputSchema["segmentFlux"].unit == "electron"


def test_an_image_in_another_unit_than_the_declared_one_is_an_error():
    config = DetectSourcesConfig()
    config.fluxUnit = "nJy"
    with pytest.raises(PipetaskError, match="in 'electron', and task 'detectSources' has fluxUnit='nJy'"):
        DetectSourcesTask(config).run(field())
