"""Queries for composites: the same answers as one get each, with as many questions to the database for all."""

import numpy as np
import pytest

from pipetask.butler import DatasetType, Exposure, PhotoCalib
from pipetask.errors import MissingPartError
from registry.database import Database

CAM = {"instrument": "Cam"}
MANY = 25
COMPOSITES = """
composites:
  recalibrated:
    storageClass: ExposureF
    base: calexp
    components: {photoCalib: visit_calib}
  listed:
    python: types.SimpleNamespace
    dimensions: [visit]
    components:
      all: {datasetType: notes, subset: true}
      pinned: {datasetType: notes, dataId: {detector: 0}, match: unique}
  filtered:
    storageClass: ExposureF
    base: calexp
    components: {photoCalib: filter_calib}
  named:
    python: types.SimpleNamespace
    dimensions: [visit]
    components:
      inputs: {datasetType: calexp.psf, dataIdsFrom: stack.inputs}
"""


@pytest.fixture
def many(repo, define):
    """Visits 1 to 25; visit 2 lacks its notes."""
    common = {**CAM, "day_obs": 20300101, "physical_filter": "Cam-r"}
    later = range(3, MANY + 1)
    repo.registry.insert_dimension_records(
        "visit", [{**common, "visit": visit, "name": f"v{visit}"} for visit in later]
    )
    for name, dimensions, storage_class in (
        ("filter_calib", ["physical_filter"], "PhotoCalib"),
        ("stack", ["visit"], "ExposureF"),
    ):
        repo.register_dataset_type(DatasetType(name, dimensions, storage_class, universe=repo.dimensions))
    rows = {"instrument": ["Cam"] * len(later), "visit": list(later)}
    repo.registry.insert_datasets("calexp", "single", {**rows, "detector": [0] * len(later)})
    repo.registry.insert_datasets("visit_calib", "later", {**rows, "visit": list(later)})
    for visit in range(1, MANY + 1):
        if visit < 3:
            repo.put(PhotoCalib(float(visit)), "visit_calib", {**CAM, "visit": visit}, run="later")
        if visit != 2:
            repo.put({"visit": visit}, "notes", {**CAM, "visit": visit, "detector": 0}, run="single")
    repo.put(PhotoCalib(7.0), "filter_calib", {**CAM, "physical_filter": "Cam-r"}, run="later")
    define(COMPOSITES)
    return repo


@pytest.mark.parametrize(("name", "n"), [("recalibrated", MANY), ("listed", MANY - 1), ("filtered", MANY)])
def test_many_composites_are_found_with_as_many_questions_as_few(many, monkeypatch, name, n):
    asked = []
    for method in ("fetch", "stream"):
        original = getattr(Database, method)

        def counted(self, statement, *args, original=original):
            asked.append(statement)
            return original(self, statement, *args)

        monkeypatch.setattr(Database, method, counted)

    def questions(where):
        asked.clear()
        found = many.query_datasets(name, ["later", "single"], where=where, limit=None)
        return found, len(asked)

    questions("")  # what is asked once only, was asked
    few, for_few = questions("instrument = 'Cam' AND visit IN (1, 3, 4)")
    all_of_them, for_all = questions("")
    assert len(few) == 3
    assert len(all_of_them) == n
    assert for_all <= for_few
    for ref in (all_of_them[0], all_of_them[-1]):
        alone = many.find_dataset(name, ref.dataId.required, collections=["later", "single"])
        assert (alone.id, list(alone.all_parts())) == (ref.id, list(ref.all_parts()))


def test_a_part_may_have_dimensions_that_the_composite_only_implies(many):
    data_id = {**CAM, "visit": 1, "detector": 0}
    assert many.get("filtered.photoCalib", data_id, collections=["later", "single"]) == PhotoCalib(7.0)


def test_a_precursor_is_of_the_dataset_type_that_the_part_names(many):
    from astropy.table import Table

    notes = many.find_dataset("notes", {**CAM, "visit": 1, "detector": 0}, collections="single")
    for visit, table, why in (
        (1, Table({"id": [str(notes.id)]}), "is a 'notes' and no 'calexp'"),
        (2, Table({"weight": [0.5]}), "neither an 'id' nor instrument, detector, visit"),
        (3, Table({"instrument": ["Cam"], "visit": [99], "detector": [0]}), "is not there"),
    ):
        stack = Exposure(np.ones((2, 2), np.float32))
        stack.inputs = table
        many.put(stack, "stack", {**CAM, "visit": visit}, run="last")
        with pytest.raises(MissingPartError, match=why):
            many.get("named", {**CAM, "visit": visit}, collections=["last", "single"])
