"""Sky maps and calibrations through the installed commands, and tasks that use them."""

import re

import numpy as np
import pytest
from astropy.io import fits

from pipetask import Butler


def test_a_skymap_covers_the_visits_and_joins_them_by_the_sky(survey):
    done = survey("butler", "register-skymap", "repo", "field", "--patch-size", "200", "--patch-border", "10")
    assert "1 tract," in done.stdout
    joined = survey.rows(
        *("butler", "query-data-ids", "repo", "visit", "detector", "patch"),
        *("--where", "instrument='SimCam' AND skymap='field' AND visit=1001 AND detector=0"),
    )
    patches = survey.rows("butler", "query-dimension-records", "repo", "patch", "--where", "skymap='field'")
    assert 0 < len(joined) < len(patches)  # the detector is one of two side by side
    survey("butler", "register-skymap", "repo", "field", "--patch-size", "200", "--patch-border", "10")
    assert len(survey.rows("butler", "query-dimension-records", "repo", "patch")) == len(patches)
    size = ("--patch-size", "200", "--patch-border", "10")
    done = survey("butler", "register-skymap", "repo", "wide", *size, "--tract-border", "0.02")
    assert int(re.search(r"(\d+) patches", done.stdout)[1]) > len(patches)


def test_a_bias_is_used_when_it_is_valid_and_missed_when_it_is_not(survey, simulated, pipeline):
    folder = survey.folder / "calibrations"
    folder.mkdir()
    for detector in (0, 1):
        header = fits.getheader(simulated.folder / "raw" / f"simcam_1001_{detector}.fits")
        header["OBSTYPE"] = "bias"
        fits.PrimaryHDU(np.full((320, 320), 7.0, np.float32), header).writeto(folder / f"bias{detector}.fits")
    survey("butler", "ingest-calibrations", "repo", "bias", "calibrations", "--instrument", "SimCam")
    command = (
        *(
            "pipetask",
            "run",
            "-b",
            "repo",
            "-p",
            f"{pipeline}#isr",
            "-o",
            "u/me/bias",
            "-c",
            "isr:doBias=True",
        ),
        *("-d", "exposure=1001", "--register-dataset-types"),
    )
    line = survey.error(*command)
    assert "bias" in line
    survey(
        *("butler", "certify-calibrations", "repo", "SimCam/calib/bias", "SimCam/calib", "bias"),
        *("--begin-date", "2026-01-01T00:00:00", "--end-date", "2026-02-01T00:00:00"),
    )
    survey(*command)
    survey(
        *("pipetask", "run", "-b", "repo", "-p", f"{pipeline}#isr", "-o", "u/me/plain", "-d", "exposure=1001")
    )
    with Butler.from_config(survey.folder / "repo") as butler:
        data_id = {"instrument": "SimCam", "exposure": 1001, "detector": 1}
        with_bias = butler.get("postISRCCD", data_id, collections="u/me/bias")
        without = butler.get("postISRCCD", data_id, collections="u/me/plain")
    assert np.median(without.image - with_bias.image) == pytest.approx(7 * 1.5, rel=1e-4)  # gain 1.5


def test_certifying_what_is_not_there_names_it(survey):
    line = survey.error("butler", "certify-calibrations", "repo", "SimCam/nothing", "SimCam/calib", "bias")
    assert "bias" in line or "SimCam/nothing" in line
