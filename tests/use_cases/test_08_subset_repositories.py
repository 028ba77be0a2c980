"""Use case 8: a new repository with the catalogs and their calibration only, since the images are so large."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from pipetask.butler import Butler, PhotoCalib
from pipetask.cli.main import butler as butler_command
from pipetask.errors import ExportFormatError
from registry.errors import ConflictingDefinitionError

CAM = {"instrument": "Cam"}
ID = {**CAM, "visit": 1, "detector": 0}
DEFINITION = """
composites:
  calibrated_src:
    storageClass: SourceCatalog
    base: src
    components:
      photoCalib: {datasetType: calexp.photoCalib, match: unique}
"""


@pytest.fixture
def subset(repo, define, tmp_path):
    """Butler of the new repository."""
    define(DEFINITION)
    target = Butler.makeRepo(tmp_path / "subset")
    refs = repo.query_datasets("calibrated_src", "single")
    target.transfer_from(repo, refs, transfer="copy", register_dataset_types=True, transfer_dimensions=True)
    target.composites.register_file(tmp_path / "composites.yaml")
    yield target
    target.close()


def test_the_catalog_is_still_whole_there(subset, make):
    catalog = subset.get("calibrated_src", ID, collections="single")
    np.testing.assert_array_equal(catalog["flux"], make.catalog(10)["flux"])
    assert catalog.photoCalib == PhotoCalib(2.0)


def test_no_pixels_are_there(subset):
    files = [path for path in (Path(subset.root) / "single").rglob("*") if path.is_file()]
    assert len(files) == 8  # four catalogs, four calibrations
    assert sum(path.stat().st_size for path in files if "calexp" in str(path)) < 1000


def test_datasets_keep_their_ids(subset, repo):
    mine, theirs = ({ref.id for ref in b.query_datasets("calexp", "single")} for b in (subset, repo))
    assert mine == theirs


@pytest.mark.parametrize("name", ["calexp", "calexp.wcs"])
def test_what_is_absent_is_said_with_all_that_is(subset, name):
    with pytest.raises(LookupError, match=r"Only photoCalib of the dataset is here.*absent: image, mask"):
        subset.get(name, ID, collections="single")


def test_parts_are_found_across_several_collections(subset):
    subset.collections.register("empty")
    assert subset.get("calibrated_src", ID, collections=["empty", "single"]).photoCalib == PhotoCalib(2.0)


def test_two_different_matches_are_an_error_where_one_is_wanted(repo, define, make):
    define(DEFINITION)
    repo.put(make.exposure(99), "calexp", ID, run="later")
    with pytest.raises(ConflictingDefinitionError, match=r"'photoCalib'.*must be unique.*later, single"):
        repo.get("calibrated_src", ID, collections=["later", "single"])


def test_the_command_takes_components(repo, tmp_path):
    Butler.makeRepo(tmp_path / "light").close()
    words = ["transfer-datasets", str(repo.root), str(tmp_path / "light"), "-d", "src,calexp.photoCalib"]
    done = CliRunner().invoke(butler_command, [*words, "--register-dataset-types"])
    assert done.exit_code == 0, done.output
    assert "8 datasets" in done.output
    with Butler.from_config(tmp_path / "light") as light:
        assert light.get("calexp.photoCalib", ID, collections="single") == PhotoCalib(2.0)
        assert len(light.get("src", ID, collections="single")) == 5


def test_what_is_here_in_part_exists_in_part(subset):
    there = {
        name: subset.exists(name, ID, collections="single")
        for name in ("calexp", "calexp.wcs", "calexp.photoCalib", "src", "calibrated_src")
    }
    assert there == {
        "calexp": False,
        "calexp.wcs": False,
        "calexp.photoCalib": True,
        "src": True,
        "calibrated_src": True,
    }


def test_an_export_of_what_is_here_in_part_is_refused_with_the_way_out(subset, tmp_path):
    message = r"'calexp' .* is here in part \(photoCalib\).*transfer-datasets -d calexp\.photoCalib"
    with (
        pytest.raises(ExportFormatError, match=message),
        subset.export(directory=tmp_path / "out") as export,
    ):
        export.saveDatasets(subset.query_all_datasets("single"))
