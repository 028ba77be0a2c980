"""From raw images to magnitudes tied to a reference catalog, through the installed commands."""

import numpy as np
import pytest
from astropy.table import Table

from pipetask import Butler
from pipetask.tasks.reference_match import matched

ZERO_POINT = 30.0


def test_a_visit_is_tied_to_a_reference_catalog(survey, simulated, pipeline):
    truth = Table.read(simulated.folder / "raw" / "truth.ecsv")
    truth = truth[truth["band"] == "g"]
    _, first = np.unique(truth["id"], return_index=True)
    stars = truth[first]
    stars["mag_g"] = ZERO_POINT - 2.5 * np.log10(stars["flux"].value)
    stars["ra", "dec", "mag_g"].write(survey.folder / "stars.txt", format="csv")
    ingest = ("butler", "ingest-reference-catalog", "repo", "refcat", "stars.txt", "--table-format", "csv")
    line = survey.error(*ingest, "--column", "RA=ra")
    assert "no column 'RA'" in line
    done = survey(*ingest)
    assert f"Stored {len(stars)} sources" in done.stdout
    survey(
        *(
            "pipetask",
            "run",
            "-b",
            "repo",
            "-p",
            pipeline.with_name("single_visit.yaml"),
            "-o",
            "u/me/single",
        ),
        *("-d", "visit = 1001", "--register-dataset-types"),
    )
    with Butler.from_config(survey.folder / "repo", collections="u/me/single") as butler:
        catalog = butler.get("src_visit", instrument="SimCam", visit=1001)
        calib = butler.get("calexp.photoCalib", instrument="SimCam", visit=1001, detector=0)
        psf = butler.get("calexp.psf", instrument="SimCam", visit=1001, detector=0)
    assert calib.zero_point == pytest.approx(ZERO_POINT, abs=0.05)
    assert 3.4 < psf.fwhm < 4.8
    assert set(catalog["detector"]) == {0, 1}
    places = [np.column_stack([table["ra"], table["dec"]]) for table in (catalog, stars)]
    rows, partners = matched(*places, 0.5)
    bright = (stars["mag_g"][partners] < ZERO_POINT - 10) & (catalog["flags"][rows] == 0)
    off = (catalog["mag"][rows] - stars["mag_g"][partners])[bright]
    assert bright.sum() > 5
    assert np.median(off) == pytest.approx(0, abs=0.03)
    assert np.median(np.abs(catalog["ra"][rows] - stars["ra"][partners])[bright]) * 3600 < 0.05
