"""Reading composites: where parts come from, what parameters reach, whose the objects are."""

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from pipetask.butler import Butler, DatasetType, Exposure, PhotoCalib
from pipetask.errors import AssemblyError, MissingPartError, ParameterError

CAM = {"instrument": "Cam"}
ID = {**CAM, "visit": 1, "detector": 0}
RECALIBRATED = """
composites:
  recalibrated:
    storageClass: ExposureF
    base: calexp
    components: {photoCalib: calib}
"""


def test_a_component_of_the_base_is_had_whether_that_is_in_one_file_or_in_many(repo, define):
    define(RECALIBRATED)
    config = Path(repo.root) / "butler.yaml"
    config.write_text(config.read_text().replace("datastore: {}", "datastore: {disassemble: [calexp]}"))
    with Butler.from_config(repo.root, run="later", collections=["later", "single"]) as butler:
        apart = Exposure(np.full((4, 5), 8.0, np.float32), filter="Cam-r", photoCalib=PhotoCalib(1.0))
        butler.put(apart, "calexp", ID)
        for visit in (1, 2):  # in many files, in one
            where = {**ID, "visit": visit}
            butler.put(PhotoCalib(3.0), "calib", where)
            assert butler.get("recalibrated.bbox", where) == apart.bbox
            assert butler.get("recalibrated.filter", where) == ("Cam-r" if visit == 1 else None)
            assert butler.get("recalibrated", where).photoCalib == PhotoCalib(3.0)
        assert len(list((Path(repo.root) / "later" / "calexp").rglob("*.*"))) > 3


def test_a_part_is_searched_in_its_own_collections_wherever_the_composite_is(repo, define):
    define(
        RECALIBRATED.replace("{photoCalib: calib}", "{photoCalib: {datasetType: calib, collections: [last]}}")
    )
    repo.put(PhotoCalib(2.0), "calib", ID, run="later")
    with pytest.raises(MissingPartError, match=r"'photoCalib'.*in collections last"):
        repo.get("recalibrated", ID, collections=["later", "single"])
    repo.put(PhotoCalib(5.0), "calib", ID, run="last")
    assert repo.get("recalibrated", ID, collections=["later", "single"]).photoCalib == PhotoCalib(5.0)


def test_a_later_run_masks_an_earlier_one(repo, define):
    define(RECALIBRATED)
    for run, value in (("later", 2.0), ("last", 5.0)):
        repo.put(PhotoCalib(value), "calib", ID, run=run)
    for searched, value in ((["last", "later"], 5.0), (["later", "last"], 2.0)):
        assert repo.get("recalibrated", ID, collections=[*searched, "single"]).photoCalib == PhotoCalib(value)


TABLES = """
composites:
  tables:
    python: types.SimpleNamespace
    dimensions: [visit]
    components:
      rows: {datasetType: catalog, subset: true}
      calib: visit_calib
"""


@pytest.fixture
def tables(repo, define):
    kind = DatasetType("catalog", ["visit", "detector"], "SourceCatalog", universe=repo.dimensions)
    repo.register_dataset_type(kind)
    define(TABLES)
    repo.put(Table({"id": [1, 2], "flux": [3.0, 4.0]}), "catalog", ID, run="later")
    repo.put(PhotoCalib(2.0), "visit_calib", ID, run="later")
    return repo


def test_parameters_reach_the_parts_that_take_them(tables):
    got = tables.get("tables", CAM, visit=1, collections="later", parameters={"columns": ["flux"]})
    assert got.rows[0].colnames == ["flux"]
    assert got.calib == PhotoCalib(2.0)


def test_a_parameter_that_no_part_takes_is_refused_with_those_there_are(tables):
    with pytest.raises(
        ParameterError, match=r"No part of composite 'tables' has a parameter 'bbox'.*columns"
    ):
        tables.get("tables", CAM, visit=1, collections="later", parameters={"bbox": None})


def test_a_class_that_parts_do_not_make_is_told(repo, define):
    define("composites: {odd: {python: datetime.date, components: {photoCalib: calib}}}")
    repo.put(PhotoCalib(2.0), "calib", ID, run="later")
    with pytest.raises(
        AssemblyError, match=r"'odd'.*datetime\.date is made neither from photoCalib as keywords"
    ):
        repo.get("odd", ID, collections="later")


def test_what_a_worker_changes_is_its_own_save_what_is_shared_which_is_locked(repo, define):
    repo.register_dataset_type(DatasetType("plane", ["visit", "detector"], "Image", universe=repo.dimensions))
    define(RECALIBRATED.replace("{photoCalib: calib}", "{variance: plane}"))
    repo.put(np.full((4, 5), 9.0, np.float32), "plane", ID, run="later")
    ref = repo.find_dataset("recalibrated", ID, collections=["later", "single"])
    records = repo.artifacts([part.id for part in ref.all_parts()])
    first, second = (repo.limited(records).get(ref) for _ in range(2))
    first.image[...] = -1
    assert (second.image == 1).all()
    assert first.variance is second.variance
    with pytest.raises(ValueError, match="read-only"):
        first.variance[0, 0] = 0
    first.variance = first.variance + 1
    assert (second.variance == 9).all()
