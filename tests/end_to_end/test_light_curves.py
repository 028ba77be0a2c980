"""Light curves and coadds of simulated visits, through the installed commands."""

import shutil

import numpy as np
import pytest
from astropy.table import Table

from pipetask import Butler
from pipetask.tasks.reference_match import matched


@pytest.fixture
def mapped(processed, tmp_path):
    """A copy of ``processed`` on a sky map."""
    shutil.copytree(processed.folder / "repo", tmp_path / "repo")
    shell = type(processed)(tmp_path)
    shell("butler", "register-skymap", "repo", "field", "--patch-size", "400", "--patch-border", "20")
    return shell


def test_light_curves_are_flat_within_the_errors_where_stars_are_constant(mapped, simulated, pipeline):
    mapped(
        *("pipetask", "run", "-b", "repo", "-p", pipeline.with_name("light_curves.yaml")),
        *("-i", "u/me/aperture", "-o", "u/me/curves", "--register-dataset-types"),
        *("-c", "forcedPhotometry:doApertureCorrection=False", "-c", "forcedPhotometry:apRad=10"),
    )
    with Butler.from_config(mapped.folder / "repo", collections="u/me/curves") as butler:
        objects, curves, summary = (
            butler.get(name, skymap="field", tract=0)
            for name in ("object", "lightCurve", "lightCurveSummary")
        )
    truth = Table.read(simulated.folder / "raw" / "truth.ecsv")
    rows, _ = matched(*[np.column_stack([t["ra"], t["dec"]]) for t in (objects, truth)], 0.5)
    assert len(rows) > 0.9 * len(objects) > 10
    assert set(curves["visit"]) == {1001, 1002, 1003, 1004}
    twice = summary[(summary["nVisits"] == 2) & (summary["mean"] > 50 * summary["meanErr"])]
    assert len(twice) > 5
    change = twice["scatter"] / twice["mean"]
    assert np.median(change) < 0.03
    assert np.all(twice["last"] > twice["first"])
    assert 61_049 < twice["first"].min() < 61_051  # 2026-01-10


def test_coadds_have_the_stars_of_the_visits_with_their_magnitudes(mapped, simulated, pipeline):
    mapped(
        *("pipetask", "run", "-b", "repo", "-p", pipeline.with_name("coadd.yaml")),
        *("-i", "u/me/aperture,skymaps", "-o", "u/me/coadd", "--register-dataset-types"),
        *("-d", "band = 'r'"),
    )
    rows = mapped.rows("butler", "query-datasets", "repo", "coaddSrc", "--collections", "u/me/coadd")
    truth = Table.read(simulated.folder / "raw" / "truth.ecsv")
    truth = truth[(truth["band"] == "r") & (truth["flux"] > 2e4) & ~truth["saturated"]]
    ratios = []
    with Butler.from_config(mapped.folder / "repo", collections="u/me/coadd") as butler:
        for row in rows:
            data_id = {name: row[name] for name in ("skymap", "tract", "patch", "band")}
            coadd, catalog = butler.get("coadd", data_id), butler.get("coaddSrc", data_id)
            assert coadd.unit == "nJy"
            assert set(coadd.inputs["visit"]) <= {1002, 1004}
            assert np.isnan(coadd.image[coadd.mask["NO_DATA"]]).all()
            catalog = catalog[catalog["isPrimary"] & catalog["isComplete"]]
            found, stars = matched(*[np.column_stack([t["ra"], t["dec"]]) for t in (catalog, truth)], 0.5)
            # the zero point of an adu is 28, of which an electron is 1 / 1.5
            true = truth["flux"][stars] / 1.5 * 10 ** (0.4 * (31.4 - 28))
            ratios.extend(catalog["flux"][found] / true)
    assert len(ratios) > 10
    assert np.median(ratios) == pytest.approx(1, abs=0.03)
