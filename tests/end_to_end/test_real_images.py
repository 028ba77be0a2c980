"""The main job on real images of two cameras, through the installed commands."""

import numpy as np
import pytest

from pipetask import Butler

CAMERAS = "examples/cameras"


@pytest.fixture(scope="module")
def m17(images_2mass, tmp_path_factory, pipeline):
    shell = _shell(tmp_path_factory.mktemp("m17"))
    root = pipeline.parents[1]
    shell("butler", "create", "m17")
    shell("butler", "register-instrument", "m17", root / CAMERAS / "2mass.yaml")
    shell("butler", "ingest-raws", "m17", images_2mass)
    shell("butler", "define-visits", "m17", "2MASS")
    shell(
        *("pipetask", "run", "-b", "m17", "-p", pipeline, "-i", "2MASS/defaults", "-o", "u/me/aperture"),
        *("--register-dataset-types", "-j", "2"),
    )
    return shell


def _shell(folder):
    import importlib.util
    from pathlib import Path

    spec = importlib.util.spec_from_file_location(
        "end_to_end_conftest", Path(__file__).parent / "conftest.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Shell(folder)


def test_2mass_catalogs_have_a_row_per_source_with_positions_on_the_sky(m17):
    rows = m17.rows("butler", "query-datasets", "m17", "customAperture", "--collections", "u/me/aperture")
    assert {(row["visit"], row["detector"]) for row in rows} == {(142, 186), (142, 198), (143, 80), (143, 92)}
    catalog = Butler.from_config(m17.folder / "m17").get(
        "customAperture", instrument="2MASS", visit=142, detector=186, collections="u/me/aperture"
    )
    assert len(catalog) > 300
    assert {"id", "x", "y", "ra", "dec", "apFlux", "apFluxErr", "apArea", "apBackground", "apFlags"} <= set(
        catalog.colnames
    )
    assert np.all(np.abs(catalog["ra"] - 275.12) < 0.1)
    assert np.all(np.abs(catalog["dec"] + 16.04) < 0.2)


def test_stars_seen_in_two_scans_agree_after_the_zero_points(m17):
    with Butler.from_config(m17.folder / "m17", collections="u/me/aperture") as butler:
        one = butler.get("customAperture", instrument="2MASS", visit=142, detector=186)
        two = butler.get("customAperture", instrument="2MASS", visit=143, detector=92)
    cos_dec = np.cos(np.radians(-16.0))
    dx = (np.asarray(one["ra"])[:, None] - np.asarray(two["ra"])) * cos_dec * 3600
    dy = (np.asarray(one["dec"])[:, None] - np.asarray(two["dec"])) * 3600
    i, j = np.nonzero(np.hypot(dx, dy) < 1)
    ratio = np.asarray(one["apFlux"])[i] / np.asarray(two["apFlux"])[j]
    bright = np.asarray(one["apFlux"])[i] > np.nanpercentile(np.asarray(one["apFlux"])[i], 70)
    assert bright.sum() > 20
    assert np.nanmedian(ratio[bright]) == pytest.approx(1, abs=0.05)  # the zero points agree to 0.0002 mag


def test_decam_cutouts_are_ingested_as_calexp_and_measured(images_decam, tmp_path_factory, pipeline):
    shell = _shell(tmp_path_factory.mktemp("decam"))
    root = pipeline.parents[1]
    shell("butler", "create", "decam")
    shell("butler", "register-instrument", "decam", root / CAMERAS / "decam-legacypipe.yaml")
    shell("butler", "ingest-raws", "decam", images_decam)
    calexps = shell.rows("butler", "query-datasets", "decam", "calexp")
    assert len(calexps) == 14
    (instrument,) = {row["instrument"] for row in calexps}
    shell(
        *(
            "pipetask",
            "run",
            "-b",
            "decam",
            "-p",
            f"{pipeline}#detectSources,aperture",
            "-o",
            "u/me/aperture",
        ),
        *("--register-dataset-types",),
    )
    rows = shell.rows("butler", "query-datasets", "decam", "customAperture")
    assert len(rows) == 14
    with Butler.from_config(shell.folder / "decam", collections="u/me/aperture") as butler:
        lengths = [
            len(butler.get("customAperture", instrument=instrument, visit=r["visit"], detector=r["detector"]))
            for r in rows
        ]
    assert min(lengths) >= 1
