"""A repository with exposures, catalogs and a WCS that composites are made of."""

import numpy as np
import pytest

from pipetask.butler import Butler, DatasetType, Exposure, PhotoCalib

CAM = {"instrument": "Cam"}


@pytest.fixture
def repo(tmp_path, database_url):
    """Writeable butler, on both databases; visits 1 and 2 of detector 0 have a calexp in run ``single``."""
    registry_db = None if database_url.startswith("sqlite") else database_url
    butler = Butler.makeRepo(tmp_path / "repo", registry_db=registry_db)
    insert = butler.registry.insert_dimension_records
    insert("instrument", [CAM])
    insert("detector", [{**CAM, "detector": 0, "full_name": "D0"}])
    insert("physical_filter", [{**CAM, "physical_filter": "Cam-r", "band": "r"}])
    insert("day_obs", [{**CAM, "day_obs": 20300101}])
    common = {**CAM, "day_obs": 20300101, "physical_filter": "Cam-r"}
    insert("visit", [{**common, "visit": visit, "name": f"v{visit}"} for visit in (1, 2)])
    for name, dimensions, storage_class in (
        ("calexp", ["visit", "detector"], "ExposureF"),
        ("calib", ["visit", "detector"], "PhotoCalib"),
        ("visit_calib", ["visit"], "PhotoCalib"),
        ("notes", ["visit", "detector"], "StructuredDataDict"),
    ):
        butler.register_dataset_type(DatasetType(name, dimensions, storage_class, universe=butler.dimensions))
    for run in ("single", "later", "last"):
        butler.collections.register(run)
    for visit in (1, 2):
        exposure = Exposure(np.full((4, 5), visit, np.float32), photoCalib=PhotoCalib(1.0))
        butler.put(exposure, "calexp", {**CAM, "visit": visit, "detector": 0}, run="single")
    yield butler
    butler.close()


@pytest.fixture
def define(repo, tmp_path):
    """Register the composites of a YAML text; return the names of new ones."""

    def register(text):
        path = tmp_path / "composites.yaml"
        path.write_text(text)
        return repo.composites.register_file(path)

    return register
