"""Objects, fluxes at their places, and light curves, against small examples worked out by hand."""

import numpy as np
import pytest
from astropy.table import Table
from astropy.wcs import WCS

from pipetask import Exposure, PhotoCalib, PipetaskError, UnprocessableDataError
from pipetask.simulate import star_image
from pipetask.tasks.associate_sources import AssociateSourcesConfig, AssociateSourcesTask
from pipetask.tasks.forced_photometry import ForcedPhotometryConfig, ForcedPhotometryTask
from pipetask.tasks.light_curves import LightCurvesConfig, LightCurvesTask


class Stored:
    """A dataset that is loaded when it is asked for."""

    def __init__(self, obj, **data_id):
        self.obj, self.dataId = obj, data_id

    def get(self):
        return self.obj


def catalog(*places, flags=0):
    ra, dec = np.array(places).T
    return Stored(Table({"ra": ra, "dec": dec, "flags": np.full(len(ra), flags)}))


def associate(*catalogs, **options):
    config = AssociateSourcesConfig()
    config.update(**options)
    return AssociateSourcesTask(config).run(catalogs).objects


SECOND = 1 / 3600


def test_sources_within_the_radius_are_one_object_at_their_mean():
    objects = associate(
        catalog((10, 0), (20, 5)), catalog((10 + 0.2 * SECOND, 0)), catalog((10 - 0.2 * SECOND, 0.3 * SECOND))
    )
    assert len(objects) == 1
    assert objects["nSources"][0] == 3
    assert objects["ra"][0] == pytest.approx(10, abs=1e-9)
    assert objects["dec"][0] == pytest.approx(0.1 * SECOND, abs=1e-9)
    # deviations (0, -0.1), (0.2, -0.1), (-0.2, 0.2)
    assert objects["scatter"][0] == pytest.approx(np.sqrt((0.01 + 0.05 + 0.08) / 3), rel=1e-4)


def test_objects_across_zero_hours_are_not_two():
    objects = associate(catalog((360 - 0.1 * SECOND, 5)), catalog((0.1 * SECOND, 5)))
    assert len(objects) == 1
    assert min(objects["ra"][0], 360 - objects["ra"][0]) < 1e-8


def test_options_decide_what_an_object_is():
    catalogs = catalog((10, 0), (20, 5)), catalog((10 + 2 * SECOND, 0)), catalog((20, 5), flags=4)
    assert len(associate(*catalogs)) == 0
    assert len(associate(*catalogs, radius=3.0)) == 1
    assert len(associate(*catalogs, minSources=1)) == 3
    assert len(associate(*catalogs, doDropFlagged=False)) == 1


def test_a_tract_without_objects_has_an_empty_table_and_a_warning(caplog):
    objects = associate(catalog((10, 0), (20, 5)))
    assert len(objects) == 0
    assert objects["ra"].unit == "deg"
    assert "No object has sources in minSources=2 of 1 images" in caplog.text
    caplog.clear()
    assert len(associate(catalog((10, 0), (20, 5)), minSources=1)) == 2
    assert not caplog.text


@pytest.fixture
def image():
    """Two stars of 1000 and 4000 counts on a plane of 3; one count is worth 2 nJy."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = [10.0, 0.0], [30.0, 30.0]
    wcs.wcs.cdelt = [-0.5 / 3600, 0.5 / 3600]
    places = np.array([20.3, 42.0]), np.array([15.0, 40.7])
    pixels = 3 + star_image((61, 61), *places, np.array([1000.0, 4000.0]), 3.0)
    exposure = Exposure(pixels, variance=np.full(pixels.shape, 4.0), wcs=wcs, photoCalib=PhotoCalib(2.0))
    sky = wcs.pixel_to_world(np.append(places[0], 500), np.append(places[1], 30))
    return exposure, Table({"objectId": [7, 8, 9], "ra": sky.ra.deg, "dec": sky.dec.deg})


def forced(image, **options):
    config = ForcedPhotometryConfig()
    config.update(**options)
    return ForcedPhotometryTask(config).run(*image).fluxes


def test_objects_on_the_image_are_measured_in_nanojansky(image):
    fluxes = forced(image, doApertureCorrection=False, doLocalBackground=True, apRad=5.0)
    assert fluxes["objectId"].tolist() == [7, 8]
    assert fluxes["x"].tolist() == pytest.approx([20.3, 42.0])
    assert fluxes["flux"].tolist() == pytest.approx([2000, 8000], rel=2e-3)
    assert fluxes["flux"].unit == "nJy"
    plain = forced(image, doApertureCorrection=False, apRad=5.0)
    assert plain["flux"].tolist() == pytest.approx(
        [2 * (1000 + 75 * np.pi), 2 * (4000 + 75 * np.pi)], rel=2e-3
    )
    assert plain["fluxErr"][0] == pytest.approx(2 * np.sqrt(4 * np.pi * 25), rel=0.05)  # w², at the rim less


def test_the_aperture_correction_of_the_image_must_fit(image):
    image[0].metadata |= {"apCorrection": 1.5, "apCorrectionRadius": 4.0}
    assert forced(image)["flux"] == pytest.approx(1.5 * forced(image, doApertureCorrection=False)["flux"])
    with pytest.raises(PipetaskError, match=r"correction for radius 4, .* apRad=6"):
        forced(image, apRad=6.0)
    del image[0].metadata["apCorrectionRadius"]
    with pytest.raises(
        PipetaskError, match="no aperture correction; take images that calibrateImage has made"
    ):
        forced(image)
    image[0].photoCalib = None
    with pytest.raises(UnprocessableDataError, match="no zero point"):
        forced(image)


def part(visit, band, *rows):
    table = Table(rows=rows, names=["objectId", "flux", "fluxErr", "flags"], dtype=[int, float, float, int])
    return Stored(table, visit=visit, detector=1, band=band)


def test_the_flags_that_are_bad_can_be_chosen():
    parts = [part(1, "r", (1, 10.0, 1.0, 1), (2, 7.0, 1.0, 4)), part(2, "r", (1, 12.0, 1.0, 0))]
    config = LightCurvesConfig()
    config.badFlags = 4
    summary = LightCurvesTask(config).run(parts, [1.0, 2.0]).summary
    assert summary["nBad"].tolist() == [0, 1]
    assert summary["mean"][0] == pytest.approx(11)
    assert LightCurvesTask().run(parts, [1.0, 2.0]).summary["nBad"].tolist() == [1, 1]


def test_light_curves_are_ordered_and_summed_up():
    parts = [
        part(3, "r", (1, 14.0, 2.0, 0), (2, 5.0, 1.0, 0)),
        part(1, "r", (1, 10.0, 1.0, 0), (2, 7.0, 1.0, 4)),
        part(2, "g", (1, 3.0, 1.0, 0), (2, np.nan, np.nan, 0)),
    ]
    result = LightCurvesTask().run(parts, [3.0, 1.0, 2.0])
    curves, summary = result.lightCurves, result.summary
    assert all(summary[name].description for name in summary.colnames)
    assert list(zip(curves["objectId"], curves["band"], curves["visit"], strict=True)) == [
        (1, "g", 2), (1, "r", 1), (1, "r", 3), (2, "g", 2), (2, "r", 1), (2, "r", 3)
    ]  # fmt: skip
    assert curves["time"].tolist() == [2, 1, 3, 2, 1, 3]
    rows = {(row["objectId"], row["band"]): row for row in summary}
    both = rows[1, "r"]
    assert (both["nVisits"], both["nBad"]) == (2, 0)
    mean = (10 + 14 / 4) / (1 + 1 / 4)
    assert both["mean"] == pytest.approx(mean)
    assert both["meanErr"] == pytest.approx(1 / np.sqrt(1.25))
    assert both["scatter"] == pytest.approx(np.sqrt(8))
    assert both["chi2"] == pytest.approx((10 - mean) ** 2 + (14 - mean) ** 2 / 4)
    assert (both["first"], both["last"]) == (1, 3)
    assert (rows[2, "r"]["nVisits"], rows[2, "r"]["nBad"], rows[2, "r"]["mean"]) == (1, 1, 5)
    assert np.isnan(rows[2, "r"]["scatter"])
    assert np.isnan(rows[2, "g"]["mean"])
    assert np.isnan(rows[2, "g"]["first"])
