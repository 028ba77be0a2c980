"""Calibration frames through the installed commands: combined, certified, and used to recover the light."""

import numpy as np
import pytest
from astropy.table import Table

from pipetask import Butler, DatasetType, Timespan
from pipetask.simulate import (
    Signature,
    linearity_table,
    simulate_calibrations,
    simulate_survey,
    star_image,
)

SHAPE = (160, 180)


@pytest.fixture(scope="module")
def raws(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raws")
    simulate_calibrations(folder / "calibrations", bands=("r",), detectors=1, shape=SHAPE)
    one = {"bands": ("r",), "visits_per_band": 1, "detectors": 1, "shape": SHAPE}
    simulate_survey(folder / "science", **one, stars_per_detector=20, signature=True)
    return folder


def test_calibrations_are_combined_certified_and_recover_the_light(shell, raws, pipeline):
    root = pipeline.parents[1]
    shell("butler", "create", "repo")
    shell("butler", "register-instrument", "repo", root / "examples" / "cameras" / "simcam.yaml")
    shell("butler", "ingest-raws", "repo", raws / "calibrations", raws / "science")
    shell(
        *("pipetask", "run", "-b", "repo", "-p", root / "pipelines" / "calibrations.yaml"),
        *("-o", "u/me/calib", "--register-dataset-types"),
    )
    shell("butler", "certify-calibrations", "repo", "u/me/calib", "SimCam/calib", "bias")
    with Butler.from_config(shell.folder / "repo", writeable=True) as butler:
        linearizer = DatasetType(
            *("linearizer", ["instrument", "detector"], "ArrowAstropy"),
            universe=butler.dimensions,
            isCalibration=True,
        )
        butler.register_dataset_type(linearizer)
        butler.collections.register("u/me/linearity", "RUN")
        table = Table(linearity_table())
        refs = [butler.put(table, linearizer, run="u/me/linearity", instrument="SimCam", detector=0)]
        refs += [*butler.query_datasets("dark", "u/me/calib"), *butler.query_datasets("flat", "u/me/calib")]
        butler.collections.certify("SimCam/calib", refs, Timespan(None, None))
    steps = [f"isr:do{step}=True" for step in ("Bias", "Linearize", "Dark", "Flat", "CosmicRays")]
    shell(
        *("pipetask", "run", "-b", "repo", "-p", f"{pipeline}#isr", "-o", "u/me/isr"),
        *("-d", "exposure.observation_type = 'science'", "--register-dataset-types"),
        *(part for step in steps for part in ("-c", step)),
    )
    with Butler.from_config(shell.folder / "repo", collections="u/me/isr") as butler:
        clean = butler.get("postISRCCD", instrument="SimCam", exposure=1001, detector=0)
    assert clean.visitInfo.exposure_time_s == 30
    truth = Table.read(raws / "science" / "truth.ecsv")
    sky, noise = _sky(clean, truth)
    # What is left of the response (15 % at the corners, 1.5 % from pixel to pixel), the bias pattern
    # (4 adu) and the hot pixels must not be seen in the noise.
    pulls = (clean.image - sky)[noise] / np.sqrt(clean.variance[noise])
    assert np.median(pulls) == pytest.approx(0, abs=0.15)
    assert 1.4826 * np.median(np.abs(pulls)) == pytest.approx(1, abs=0.05)
    hot = Signature.of(0, "r", SHAPE).dark > 5
    assert np.abs(np.median((clean.image - sky)[hot & noise])) < 40  # it was 300 to 3000 electrons
    assert _flux_error(clean, sky, truth) == pytest.approx(0, abs=0.02)


def _sky(clean, truth):
    """A plane through the pixels that stars leave alone, and where these are."""
    light = star_image(SHAPE, truth["x"], truth["y"], truth["flux"], fwhm=5.0)  # wider than any seeing
    used = (light < 0.5) & ~clean.mask.any(("SAT", "BAD", "CR", "NO_DATA"))
    rows, columns = np.indices(SHAPE)
    terms = np.stack([np.ones(SHAPE), rows, columns], axis=-1)
    plane = np.median(clean.image[used])
    for _ in range(3):  # stars beyond the edge are not in the truth
        used &= np.abs(clean.image - plane) < 4 * np.sqrt(clean.variance)
        plane = terms @ np.linalg.lstsq(terms[used], clean.image[used], rcond=None)[0]
    return plane, used


def _flux_error(clean, sky, truth):
    """Median relative error of the fluxes of bright stars, and none of their neighbours."""
    from pipetask.photometry import aperture_photometry

    bright = (truth["flux"] > 2e4) & ~truth["saturated"]
    inside = (np.abs(truth["x"] - 90) < 75) & (np.abs(truth["y"] - 80) < 65)
    stars = truth[bright & inside]
    apart = np.hypot(
        np.subtract.outer(stars["x"].data, truth["x"].data),
        np.subtract.outer(stars["y"].data, truth["y"].data),
    )
    alone = [not np.any((row > 0) & (row < 14) & (truth["flux"] > 2e3)) for row in apart]
    stars = stars[alone]
    measured = aperture_photometry(clean.image - sky, stars["x"], stars["y"], 8.0, mask=clean.mask["BAD"])
    whole = measured.area > 0.99 * np.pi * 8**2  # no dead column in it
    assert whole.sum() >= 2
    return np.median(measured.flux[whole] / stars["flux"][whole] - 1)
