"""Putting, getting, finding and asking for existence."""

import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from pipetask.butler import Box, Butler, DataCoordinate, DatasetRef, DatasetType, Timespan
from pipetask.errors import (
    CalibrationLookupError,
    ConflictingDefinitionError,
    DataIdError,
    DatasetNotFoundError,
    MissingCollectionError,
    MissingDatasetTypeError,
    StorageTypeError,
    UnknownDimensionError,
    UnknownStorageClassError,
)


@pytest.mark.parametrize(
    "data_id",
    [
        {"instrument": "Cam", "detector": 2},
        {"instrument": "Cam", "detector": np.int64(2)},
        {"instrument": "Cam", "detector": 2, "band": "r"},
        {"detector": 2},
        {"instrument": "Cam", "detector": "D2"},
    ],
    ids=["plain", "numpy", "superfluous", "only instrument implied", "by name"],
)
def test_what_was_put_is_got_by_any_form_of_its_data_id(repo, data_id):
    ref = repo.put({"a": [1, None]}, "notes", data_id, run="first")
    assert ref.dataId == DataCoordinate.standardize(instrument="Cam", detector=2)
    for named in ("notes", repo.registry.get_dataset_type("notes")):
        assert repo.get(named, data_id, collections="first") == {"a": [1, None]}
    assert repo.get(ref) == {"a": [1, None]}
    assert repo.get("notes", detector=2, collections=["second", "first"]) == {"a": [1, None]}


def test_an_alias_of_a_dimension_is_accepted(repo):
    repo.register_dataset_type(
        DatasetType("perband", ["band"], "StructuredDataDict", universe=repo.dimensions)
    )
    repo.put({"x": 1}, "perband", abstract_filter="r", run="first")
    assert repo.get("perband", band="r", collections="first") == {"x": 1}


def test_a_dataset_without_dimensions_can_be_put(repo):
    repo.put({"x": 1}, "config", run="first")
    assert repo.get("config", collections="first") == {"x": 1}


def test_the_first_collection_that_has_it_wins(repo):
    for run in ("first", "second"):
        repo.put({"run": run}, "notes", detector=1, run=run)
    assert repo.get("notes", detector=1, collections=["second", "first"]) == {"run": "second"}
    repo.collections.register("chain", "CHAINED")
    repo.collections.redefine_chain("chain", ["first", "second"])
    assert repo.get("notes", detector=1, collections="chain") == {"run": "first"}


def test_a_component_and_a_part_are_read_alone(repo, image_of_ones):
    ref = repo.put(image_of_ones, "calexp", visit=1, detector=0, run="first")
    where = {"visit": 1, "detector": 0, "collections": "first"}
    assert repo.get("calexp.bbox", **where) == Box(0, 0, 8, 6)
    assert repo.get("calexp.mask", **where).array.shape == (6, 8)
    part = repo.get("calexp", parameters={"bbox": Box(2, 1, 3, 4)}, **where)
    assert part.bbox == Box(2, 1, 3, 4)
    assert repo.get(ref.makeComponentRef("bbox", "Box")) == Box(0, 0, 8, 6)


def test_another_storage_class_converts(repo, image_of_ones):
    repo.put(Table({"x": [1.0, 2.0]}), "table", visit=1, detector=0, run="first")
    where = {"visit": 1, "detector": 0, "collections": "first"}
    assert repo.get("table", storageClass="ArrowTable", **where).column_names == ["x"]
    as_arrow = DatasetType("table", ["visit", "detector"], "ArrowTable", universe=repo.dimensions)
    assert repo.get(as_arrow, **where).num_rows == 2
    assert repo.get("table", parameters={"columns": ["x"]}, **where).colnames == ["x"]


def test_a_handle_reads_when_asked(repo, image_of_ones):
    repo.put(image_of_ones, "calexp", visit=1, detector=0, run="first")
    handle = repo.getDeferred("calexp", visit=1, detector=0, collections="first")
    assert handle.dataId["visit"] == 1
    assert handle.get().bbox == Box(0, 0, 8, 6)
    assert handle.get(component="bbox") == Box(0, 0, 8, 6)
    assert handle.get(parameters={"bbox": Box(0, 0, 2, 2)}).bbox == Box(0, 0, 2, 2)


def test_what_is_not_there_is_told_with_what_was_searched(repo):
    repo.put({}, "notes", detector=1, run="first")
    with pytest.raises(DatasetNotFoundError) as caught:
        repo.get("notes", detector=2, collections=["first", "second"])
    message = str(caught.value)
    assert message == "No dataset 'notes' {instrument: 'Cam', detector: 2} in collections first, second."
    assert "butler query-datasets" in caught.value.hint
    assert repo.find_dataset("notes", detector=2, collections="first") is None
    assert not repo.exists("notes", detector=2, collections="first")
    with pytest.raises(DatasetNotFoundError):
        repo.getDeferred("notes", detector=2, collections="first")
    with pytest.raises(DatasetNotFoundError, match="No instrument 'cam' is registered; did you mean 'Cam'"):
        repo.get("notes", instrument="cam", detector=1, collections="first")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda b: b.get("nots", detector=1, collections="first"), MissingDatasetTypeError, "did you mean 'notes'"),
        (lambda b: b.get("notes", detector=1, collections="frist"), MissingCollectionError, "did you mean 'first'"),
        (lambda b: b.get("notes", collections="first"), DataIdError, "lacks detector"),
        (lambda b: b.get("notes", detector="D7", collections="first"), DataIdError, "'D7'"),
        (lambda b: b.get("notes", detectr=1, collections="first"), UnknownDimensionError, "did you mean 'detector'"),
        (lambda b: b.put({}, "notes", detector=1), MissingCollectionError, "No run to put a dataset into"),
        (lambda b: b.put({}, "notes", detector=1, run="frist"), MissingCollectionError, "did you mean 'first'"),
        (lambda b: b.put({}, "notes", detector=9, run="first"), DataIdError, "detector"),
        (lambda b: b.put([1], "notes", detector=1, run="first"), StorageTypeError, "dict"),
        (lambda b: b.put(1, "calexp.bbox", visit=1, detector=1, run="first"), TypeError, "put the whole 'calexp'"),
        (
            lambda b: b.register_dataset_type(DatasetType("x", [], "StructuredDataDct", universe=b.dimensions)),
            UnknownStorageClassError, "StructuredDataDict",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_named(repo, call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call(repo)
    assert not list(Path(repo.root).rglob("*.json"))


def test_a_run_holds_one_dataset_of_a_kind(repo):
    repo.put({"x": 1}, "notes", detector=1, run="first")
    with pytest.raises(
        ConflictingDefinitionError, match=r"'notes' \{instrument: 'Cam', detector: 1\} in run 'first' exists"
    ):
        repo.put({"x": 2}, "notes", detector=1, run="first")
    assert repo.get("notes", detector=1, collections="first") == {"x": 1}


def test_a_ref_made_beforehand_keeps_its_id(repo):
    ref = DatasetRef(repo.registry.get_dataset_type("notes"), {"instrument": "Cam", "detector": 3}, "first")
    assert repo.put({"x": 1}, ref).id == ref.id
    assert repo.get_dataset(ref.id) == ref


def test_existence_asks_for_the_file_too(repo):
    ref = repo.put({}, "notes", detector=1, run="first")
    assert repo.exists(ref)
    assert repo.exists("notes", detector=1, collections="first")
    next(Path(repo.root).rglob("notes*.json")).unlink()
    assert not repo.exists(ref)


def test_calibrations_are_chosen_by_time(repo):
    from astropy.time import Time

    repo.collections.register("calib", "CALIBRATION")
    middle = Time("2030-01-02T12:00:00", scale="tai")
    old = repo.put({"n": "old"}, "flat", detector=1, run="first")
    new = repo.put({"n": "new"}, "flat", detector=1, run="second")
    repo.registry.collections.certify("calib", [old], Timespan(None, middle))
    repo.registry.collections.certify("calib", [new], Timespan(middle, None))
    where = {"detector": 1, "collections": "calib"}
    assert repo.get("flat", exposure=1, **where) == {"n": "old"}
    assert repo.get("flat", visit=3, **where) == {"n": "new"}
    assert repo.get("flat", timespan=Timespan(None, Time("2030-01-01", scale="tai")), **where) == {"n": "old"}
    with pytest.raises(CalibrationLookupError):
        repo.get("flat", exposure=2, **where)
    with pytest.raises(CalibrationLookupError):
        repo.get("flat", **where)


def test_a_calibration_valid_at_all_times_needs_no_time(repo):
    repo.collections.register("calib", "CALIBRATION")
    ref = repo.put({"n": 1}, "flat", detector=1, run="first")
    repo.registry.collections.certify("calib", [ref], Timespan(None, None))
    assert repo.get("flat", detector=1, collections="calib") == {"n": 1}


def test_defaults_of_the_butler_are_used(repo):
    with Butler.from_config(repo.root, run="mine", instrument="Cam", detector=3) as butler:
        butler.put({"x": 1}, "notes")
        assert butler.get("notes") == {"x": 1}
        assert butler.collections.defaults == ()
    with Butler.from_config(repo.root, collections="mine") as butler:
        assert butler.get("notes", detector=3) == {"x": 1}


def test_a_butler_can_be_sent_to_another_process(repo):
    repo.put({"x": 1}, "notes", detector=1, run="first")
    with pickle.loads(
        pickle.dumps(Butler.from_config(repo.root, collections=["first"], instrument="Cam"))
    ) as copy:
        assert copy.get("notes", detector=1) == {"x": 1}
