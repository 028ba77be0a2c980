"""What the simulation says about its images is true of them."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from pipetask.simulate import BIAS, GAIN, SATURATION, simulate_survey, star_image


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survey")
    simulate_survey(folder, detectors=2, shape=(200, 240))
    return folder


def test_a_star_has_its_flux_and_place():
    image = star_image((41, 51), np.array([20.3]), np.array([18.8]), np.array([1000.0]), fwhm=4.0)
    rows, columns = np.indices(image.shape)
    assert image.sum() == pytest.approx(1000, rel=1e-6)
    assert (image * columns).sum() / image.sum() == pytest.approx(20.3, abs=1e-6)
    assert (image * rows).sum() / image.sum() == pytest.approx(18.8, abs=1e-6)


def test_half_of_a_star_on_the_edge_is_in_the_image():
    image = star_image((41, 41), np.array([-0.5]), np.array([20.0]), np.array([10.0]), fwhm=3.0)
    assert image.sum() == pytest.approx(5, rel=1e-6)


def test_there_are_two_visits_in_each_band(survey):
    headers = [fits.getheader(path) for path in sorted(survey.glob("*.fits"))]
    assert len(headers) == 2 * 2 * 2
    assert {(h["FILTER"], h["EXPNUM"]) for h in headers} == {
        ("g", 1001),
        ("r", 1002),
        ("g", 1003),
        ("r", 1004),
    }
    assert {h["DETECTOR"] for h in headers} == {0, 1}


def test_stars_lie_where_the_header_and_the_truth_say(survey):
    truth = Table.read(survey / "truth.ecsv")
    path = survey / "simcam_1001_1.fits"
    header, pixels = fits.getheader(path), fits.getdata(path).astype(float)
    stars = truth[(truth["visit"] == 1001) & (truth["detector"] == 1)]
    x, y = WCS(header).world_to_pixel_values(stars["ra"], stars["dec"])
    assert np.allclose(x, stars["x"], atol=1e-4)
    assert np.allclose(y, stars["y"], atol=1e-4)
    for star in stars[np.argsort(stars["flux"])[-5:]]:
        row, column = round(star["y"]), round(star["x"])
        assert pixels[row, column] > np.median(pixels) + 1000


def test_saturated_stars_end_at_the_limit(survey):
    truth = Table.read(survey / "truth.ecsv")
    assert truth["saturated"].any()
    star = truth[np.argmax(truth["flux"])]
    pixels = fits.getdata(survey / f"simcam_{star['visit']}_{star['detector']}.fits")
    assert pixels.max() == SATURATION


def test_overscan_is_bias_and_dead_columns_hold_no_light(survey):
    path = survey / "simcam_1002_0.fits"
    header, pixels = fits.getheader(path), fits.getdata(path).astype(float)
    assert header["TRIMSEC"] == "[1:240,1:200]"
    assert pixels[:, 240:].mean() == pytest.approx(BIAS, abs=0.5)
    assert pixels[:, header["BADCOL0"]].mean() == pytest.approx(BIAS, abs=1)
    assert np.median(pixels[:, :240]) > BIAS + 100 / GAIN


def test_the_same_seed_gives_the_same_files(survey, tmp_path):
    simulate_survey(tmp_path, detectors=2, shape=(200, 240))
    for path in survey.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()
