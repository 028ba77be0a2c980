"""The main job on simulated exposures, through the installed commands."""

import json
from collections import Counter

import numpy as np
import pytest
from astropy.table import Table

from pipetask import Butler


def test_the_run_makes_a_catalog_for_every_visit_and_detector(processed):
    rows = processed.rows(
        "butler", "query-datasets", "repo", "customAperture", "--collections", "u/me/aperture"
    )
    assert {(row["visit"], row["detector"]) for row in rows} == {
        (visit, detector) for visit in {row["visit"] for row in rows} for detector in (0, 1)
    }
    assert len(rows) == 8  # 2 visits in each of 2 bands, 2 detectors


def test_the_catalog_keeps_every_source_and_column_of_src_and_adds_the_apertures(processed):
    with Butler.from_config(processed.folder / "repo", collections="u/me/aperture") as butler:
        for ref in butler.query_datasets("customAperture"):
            catalog = butler.get(ref)
            sources = butler.get("src", ref.dataId)
            assert isinstance(catalog, Table)
            assert list(catalog["id"]) == list(sources["id"])
            assert set(sources.colnames) < set(catalog.colnames)
            assert {str(catalog[name].unit) for name in ("x", "y")} == {"pix"}
            assert {str(catalog[name].unit) for name in ("ra", "dec")} == {"deg"}
            assert catalog["apArea"][np.asarray(catalog["apFlags"]) == 0] == pytest.approx(
                np.pi * 16, rel=1e-12
            )


def test_fluxes_of_bright_isolated_stars_are_unbiased(processed, simulated, pipeline):
    processed(
        *("pipetask", "run", "-b", "repo", "-p", f"{pipeline}", "-i", "SimCam/defaults", "-o", "u/me/wide"),
        *("--register-dataset-types", "-c", "aperture:apRad=12"),
    )
    truth = Table.read(next((simulated.folder / "raw").glob("*truth*.ecsv")))
    ratios = []
    with Butler.from_config(processed.folder / "repo", collections="u/me/wide") as butler:
        for ref in butler.query_datasets("customAperture"):
            catalog = butler.get(ref)
            stars = truth[
                (truth["visit"] == ref.dataId["visit"]) & (truth["detector"] == ref.dataId["detector"])
            ]
            ratios.extend(_ratios(stars, catalog))
    assert len(ratios) >= 8
    error_of_mean = np.std(ratios) / np.sqrt(len(ratios))
    assert abs(np.mean(ratios) - 1) < 0.002 + 3 * error_of_mean


def _ratios(stars, catalog):
    """Measured over true flux of stars without a neighbour, far from edges and from saturation."""
    for star in stars:
        distance = np.hypot(stars["x"] - star["x"], stars["y"] - star["y"])
        alone = np.sum((distance < 30) & (stars["flux"] > 1e-3 * star["flux"])) == 1
        near = np.hypot(catalog["x"] - star["x"], catalog["y"] - star["y"])
        if alone and star["flux"] > 3e4 and not star["saturated"] and len(near) and near.min() < 1:
            row = catalog[near.argmin()]
            if row["apFlags"] == 0:
                yield float(row["apFlux"] / star["flux"])


def test_visit_catalogs_are_consolidated(processed):
    with Butler.from_config(processed.folder / "repo", collections="u/me/aperture") as butler:
        for ref in butler.query_datasets("customAperture_visit"):
            parts = [
                butler.get("customAperture", instrument="SimCam", visit=ref.dataId["visit"], detector=d)
                for d in (0, 1)
            ]
            assert len(butler.get(ref)) == sum(map(len, parts))


def test_the_report_counts_what_ran(processed):
    done = processed("pipetask", "report", "-b", "repo", "u/me/aperture", "--format", "json")
    report = json.loads(done.stdout)
    succeeded = {row["task"]: row["succeeded"] for row in report["tasks"]}
    assert succeeded == {
        "isr": 8,
        "subtractBackground": 8,
        "detectSources": 8,
        "aperture": 8,
        "consolidateVisit": 4,
    }


def test_logs_metadata_configurations_and_packages_are_datasets(processed):
    with Butler.from_config(processed.folder / "repo", collections="u/me/aperture") as butler:
        data_id = {"instrument": "SimCam", "visit": _first_visit(butler), "detector": 0}
        assert butler.get("aperture_config").apRad == 4
        assert "numpy" in butler.get("packages")
        assert butler.get("aperture_metadata", data_id)
        assert butler.get("aperture_log", data_id) is not None


def _first_visit(butler):
    return min(record.id for record in butler.query_dimension_records("visit", instrument="SimCam"))


def test_a_second_run_goes_to_the_front_and_leaves_the_first_untouched(survey, pipeline):
    command = (
        *("pipetask", "run", "-b", "repo", "-p", f"{pipeline}#isr", "-i", "SimCam/defaults"),
        *("-o", "u/me/isr", "-d", "exposure=1001"),
    )
    survey(*command, "--register-dataset-types")
    first = survey.rows("butler", "query-datasets", "repo", "postISRCCD")
    survey(*command)
    both = survey.rows("butler", "query-datasets", "repo", "postISRCCD")
    assert Counter(row["run"] for row in both).most_common() == [
        (run, 2) for run in dict.fromkeys(r["run"] for r in both)
    ]
    assert {row["id"] for row in first} < {row["id"] for row in both}
    (chain,) = survey.rows("butler", "query-collections", "repo", "u/me/isr")
    newest, oldest, *inputs = chain["children"]
    assert oldest == first[0]["run"]
    assert newest > oldest
    assert inputs == ["SimCam/defaults"]


def test_the_commands_work_bare_inside_the_repository(survey, pipeline):
    inside = survey.folder / "repo"
    survey("pipetask", "run", "-p", pipeline, "--register-dataset-types", "-d", "visit=1001", cwd=inside)
    rows = survey.rows("butler", "query-datasets", "customAperture", cwd=inside)
    assert {row["run"].rpartition("/")[0] for row in rows} == {"u/tester/aperture"}
    shown = survey("pipetask", "qgraph", "-p", pipeline, "--show", cwd=inside).stdout
    assert "aperture" in shown
    assert "8" in shown


def test_a_finished_run_can_be_extended_without_doing_anything_again(processed, pipeline):
    done = processed(
        *("pipetask", "run", "-b", "repo", "-p", pipeline, "-o", "u/me/aperture", "--extend-run"),
        *("--skip-existing-in", "u/me/aperture"),
        exit_code=3,
    )
    assert "nothing" in (done.stdout + done.stderr).lower()


def test_a_graph_can_be_saved_and_run_later(survey, pipeline):
    survey(
        *(
            "pipetask",
            "qgraph",
            "-b",
            "repo",
            "-p",
            f"{pipeline}#isr",
            "-o",
            "u/me/isr",
            "--save-qgraph",
            "isr.qg",
        ),
        *("-d", "detector=1"),
    )
    survey("pipetask", "run", "-b", "repo", "-g", "isr.qg", "--register-dataset-types")
    rows = survey.rows("butler", "query-datasets", "repo", "postISRCCD", "--collections", "u/me/isr")
    assert {row["detector"] for row in rows} == {1}
