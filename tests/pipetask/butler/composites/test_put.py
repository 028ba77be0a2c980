"""Putting composites: what is written, what becomes a reference, what is refused."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from pipetask.butler import Butler, DatasetRef, Exposure, PhotoCalib
from pipetask.errors import CompositePutError, MissingPartError
from registry.errors import ConflictingDefinitionError, OrphanedRecordError

ID = {"instrument": "Cam", "visit": 1, "detector": 0}
FUNCTIONS = """
def assemble(dataId, componentDict, classObj):
    return classObj(componentDict)

def disassemble(obj, dataId, componentDict):
    componentDict.update(obj)

def forgets(obj, dataId, componentDict):
    componentDict["notes"] = None

def stumbles(obj, dataId, componentDict):
    raise KeyError("notes")

def breaks(dataId, componentDict, classObj):
    raise RuntimeError("no idea how")

def strange(dataId, componentDict, classObj):
    return 3
"""
OWN = """
composites:
  own:
    python: builtins.dict
    assembler: functions_of_test.assemble
    disassembler: functions_of_test.disassemble
    components:
      notes: notes
      photoCalib: calib
"""
WRITE_ONCE = """
composites:
  shared:
    storageClass: ExposureF
    base: calexp
    components: {photoCalib: {datasetType: visit_calib, writeOnce: true}}
"""


@pytest.fixture
def functions(tmp_path, monkeypatch):
    (tmp_path / "functions_of_test.py").write_text(FUNCTIONS)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.fixture
def later(repo):
    with Butler.from_config(repo.root, run="later", collections=["later", "single"]) as butler:
        yield butler


def test_base_that_may_be_written_is_written_where_it_changed(later, define):
    define(
        """
composites:
  rewritten:
    storageClass: ExposureF
    base: calexp
    components:
      calexp: calexp
      photoCalib: calib
"""
    )
    exposure = later.get("calexp", ID)
    exposure.image[0, 0] = 99
    ref = later.put(exposure, "rewritten", ID)
    assert [part.run for part in ref.all_parts()] == ["later", "later"]
    assert later.get("rewritten", ID).image[0, 0] == 99
    assert later.get("calexp", ID, collections="single").image[0, 0] == 1


def test_recorded_composite_precedes_what_its_parts_would_make_now(repo, later, define):
    define(
        "composites:\n  c:\n    storageClass: ExposureF\n    base: calexp\n    components: {photoCalib: calib}\n"
    )
    exposure = later.get("calexp", ID)
    exposure.photoCalib = PhotoCalib(5.0)
    put = later.put(exposure, "c", ID)
    repo.put(PhotoCalib(7.0), "calib", ID, run="last")
    assert repo.get("c", ID, collections=["last", "later", "single"]).photoCalib == PhotoCalib(5.0)
    assert repo.find_dataset("c", ID, collections=["last", "later", "single"]).id == put.id
    assert repo.get("c", ID, collections=["last", "single"]).photoCalib == PhotoCalib(7.0)


def test_put_twice_into_one_run_is_refused(later, define):
    define(
        "composites:\n  c:\n    storageClass: ExposureF\n    base: calexp\n    components: {photoCalib: calib}\n"
    )
    later.put(later.get("calexp", ID), "c", ID)
    with pytest.raises(ConflictingDefinitionError, match=r"'c'.*exists already"):
        later.put(later.get("calexp", ID), "c", ID)


def test_part_in_use_cannot_be_removed_before_the_composite(repo, later, define):
    define(
        "composites:\n  c:\n    storageClass: ExposureF\n    base: calexp\n    components: {photoCalib: calib}\n"
    )
    later.put(later.get("calexp", ID), "c", ID)
    base = repo.query_datasets("calexp", "single", visit=1)
    with pytest.raises(OrphanedRecordError, match="a part of the composite"):
        repo.pruneDatasets(base, purge=True, unstore=True)
    repo.pruneDatasets(later.query_datasets("c", "later"), purge=True, unstore=True)
    repo.pruneDatasets(base, purge=True, unstore=True)


def test_functions_of_ones_own_assemble_and_take_apart(later, define, functions):
    define(OWN)
    later.put({"notes": {"seeing": 0.7}, "photoCalib": PhotoCalib(4.0)}, "own", ID)
    assert later.get("own", ID) == {"notes": {"seeing": 0.7}, "photoCalib": PhotoCalib(4.0)}
    assert later.get("notes", ID) == {"seeing": 0.7}


def test_none_means_as_it_was(later, define, functions):
    define(OWN)
    later.put(PhotoCalib(4.0), "calib", ID)
    ref = later.put({"notes": {"n": 1}, "photoCalib": None}, "own", ID)
    assert later.get(ref)["photoCalib"] == PhotoCalib(4.0)


def test_none_where_there_is_none_is_refused_and_nothing_is_left(later, define, functions):
    define(OWN)
    with pytest.raises(CompositePutError, match=r"'photoCalib'.*as it was"):
        later.put({"notes": {"n": 1}, "photoCalib": None}, "own", ID)
    assert later.query_all_datasets("later") == []


def test_disassembler_that_forgets_a_part_is_told(later, define, functions):
    define(OWN.replace("test.disassemble", "test.forgets"))
    with pytest.raises(CompositePutError, match="gave no photoCalib"):
        later.put({"notes": {"n": 1}, "photoCalib": PhotoCalib(1.0)}, "own", ID)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            "breaks",
            r"'own'.*of notes, photoCalib: functions_of_test\.breaks raised RuntimeError: no idea how",
        ),
        ("strange", r"'own'.*functions_of_test\.strange returned int, not builtins\.dict"),
    ],
)
def test_assembler_at_fault_is_named_with_dataset_and_cause(later, define, functions, function, message):
    define(OWN.replace("test.assemble", f"test.{function}"))
    later.put({"n": 1}, "notes", ID)
    later.put(PhotoCalib(4.0), "calib", ID)
    with pytest.raises(ValueError, match=message):
        later.get("own", ID)


def test_part_written_once_is_shared_by_those_that_offer_an_equal_one(repo, later, define):
    define(WRITE_ONCE)
    insert = repo.registry.insert_dimension_records
    insert("detector", [{"instrument": "Cam", "detector": 1, "full_name": "D1"}])
    other = {**ID, "detector": 1}
    repo.put(repo.get("calexp", ID, collections="single"), "calexp", other, run="single")
    for where in (ID, other):
        exposure = later.get("calexp", where)
        exposure.photoCalib = PhotoCalib(8.0)
        later.put(exposure, "shared", where)
    assert len(later.query_datasets("visit_calib", "later")) == 1
    assert later.get("shared", other).photoCalib == PhotoCalib(8.0)


def test_part_written_once_with_another_value_is_a_conflict(later, define):
    define(WRITE_ONCE)
    later.put(PhotoCalib(8.0), "visit_calib", instrument="Cam", visit=1)
    exposure = later.get("calexp", ID)
    exposure.photoCalib = PhotoCalib(9.0)
    with pytest.raises(ConflictingDefinitionError, match=r"'photoCalib'.*writeOnce, and differs"):
        later.put(exposure, "shared", ID)
    np.testing.assert_array_equal(later.get("calexp", ID).image, 1)


def test_changed_component_that_is_stored_inside_another_dataset_is_refused(later, define):
    define(
        "composites:\n  c:\n    python: types.SimpleNamespace\n    components: {photoCalib: calexp.photoCalib}\n"
    )
    held = later.get("c", ID)
    held.photoCalib = PhotoCalib(3.0)
    with pytest.raises(CompositePutError, match="stored inside 'calexp'"):
        later.put(held, "c", ID)


def test_workers_read_a_composite_from_its_ref_alone(repo, later, define):
    define(
        "composites:\n  c:\n    storageClass: ExposureF\n    base: calexp\n    components: {photoCalib: calib}\n"
    )
    later.put(PhotoCalib(6.0), "calib", ID)
    found = later.find_dataset("c", ID)
    limited = repo.limited(repo.artifacts([part.id for part in found.all_parts()]))
    ref = pickle.loads(pickle.dumps(found))
    assert limited.exists(ref)
    assert limited.get(ref).photoCalib == PhotoCalib(6.0)
    assert limited.getDeferred(ref).get(component="photoCalib") == PhotoCalib(6.0)
    assert limited.read_ids == {part.id for part in found.all_parts()}


def test_a_part_that_workers_write_once_is_one_file_though_it_is_to_be_disassembled(repo):
    config = Path(repo.root) / "butler.yaml"
    config.write_text(config.read_text().replace("datastore: {}", "datastore: {disassemble: [calexp]}"))
    with Butler.from_config(repo.root) as butler:
        ref = DatasetRef(butler.get_dataset_type("calexp"), ID, "later")
        for value, wanted in ((1.0, 1.0), (1.0, 1.0), (2.0, None)):
            worker = butler.limited({})
            exposure = Exposure(np.full((4, 5), value, np.float32), photoCalib=PhotoCalib(value))

            def is_equal(there, value=value):
                return there.photoCalib == PhotoCalib(value)

            if wanted is None:
                with pytest.raises(ConflictingDefinitionError, match=r"'calexp'.*is writeOnce, and differs"):
                    worker.put_once(exposure, ref, is_equal)
                continue
            (record,) = worker.put_once(exposure, ref, is_equal)
            assert record.component == ""
            assert worker.get(ref).photoCalib == PhotoCalib(wanted)
    assert len([path for path in (Path(repo.root) / "later").rglob("*") if path.is_file()]) == 1


PAIRS = """
composites:
  recalibrated:
    storageClass: ExposureF
    base: calexp
    components: {photoCalib: calib}
  visit_pair:
    python: types.SimpleNamespace
    dimensions: [visit]
    components:
      exposures: {datasetType: recalibrated, subset: true}
      calib: visit_calib
  annotated:
    python: types.SimpleNamespace
    components: {exposure: recalibrated, notes: notes}
"""


def test_a_composite_may_refer_to_composites_that_were_never_put(later, define):
    define(PAIRS)
    later.put(PhotoCalib(4.0), "calib", ID)
    later.put(PhotoCalib(5.0), "visit_calib", ID)
    where = {"instrument": "Cam", "visit": 1}
    ref = later.put(later.get("visit_pair", where), "visit_pair", where)
    assert {part.datasetType.name for part in ref.all_parts()} == {"calexp", "calib", "visit_calib"}
    got = later.get("visit_pair", where, collections="later")
    assert (got.calib, got.exposures[0].photoCalib) == (PhotoCalib(5.0), PhotoCalib(4.0))


@pytest.mark.parametrize("value", [4.0, 6.0])
def test_a_part_that_is_a_composite_is_put_as_one_and_referred_to_if_it_is_as_it_was(later, define, value):
    define(PAIRS)
    later.put(PhotoCalib(4.0), "calib", ID)
    later.put({"n": 1}, "notes", ID)
    with Butler.from_config(later.root, run="last", collections=["last", "later", "single"]) as butler:
        whole = butler.get("annotated", ID)
        whole.exposure.photoCalib = PhotoCalib(value)
        ref = butler.put(whole, "annotated", ID)
        runs = {part.datasetType.name: part.run for part in ref.all_parts()}
        assert runs == {"calexp": "single", "calib": "later" if value == 4.0 else "last", "notes": "later"}
        got = butler.get("annotated", ID, collections="last")
        assert (got.exposure.photoCalib, got.notes) == (PhotoCalib(value), {"n": 1})


def test_all_that_were_put_are_listed_unless_only_the_first_is_asked_for(later, define):
    define(PAIRS)
    put = []
    for run, value in (("later", 4.0), ("last", 5.0)):
        exposure = later.get("calexp", ID)
        exposure.photoCalib = PhotoCalib(value)
        put.append(later.put(exposure, "recalibrated", ID, run=run))
    searched = ["last", "later", "single"]
    first = later.query_datasets("recalibrated", searched)
    assert [ref.id for ref in first] == [put[1].id]
    listed = later.query_datasets("recalibrated", searched, find_first=False)
    assert {ref.id for ref in listed} == {ref.id for ref in put}


def test_components_of_composites_are_listed_as_such(later, define):
    define(PAIRS)
    later.put(PhotoCalib(4.0), "calib", ID)
    (ref,) = later.query_datasets("recalibrated.photoCalib")
    assert (ref.datasetType.name, later.get(ref)) == ("recalibrated.photoCalib", PhotoCalib(4.0))


def test_what_is_missing_is_named_by_its_own_data_id(later, define):
    define(PAIRS)
    message = r"Composite 'visit_pair' \{instrument: 'Cam', visit: 2\} is not there.*'recalibrated'"
    with pytest.raises(MissingPartError, match=message):
        later.get("visit_pair", {"instrument": "Cam", "visit": 2})
    define(
        "composites: {p: {python: types.SimpleNamespace, dimensions: [visit], components: "
        "{c: {datasetType: calib, dataId: {detector: 0}}}}}"
    )
    message = r"'p' \{instrument: 'Cam', visit: 2\} is not.*no 'calib' \{instrument: 'Cam', detector: 0, visit: 2\} in"
    with pytest.raises(MissingPartError, match=message):
        later.get("p", {"instrument": "Cam", "visit": 2})


def test_an_object_of_another_type_is_refused_with_the_type_wanted(later, define):
    define(PAIRS)
    with pytest.raises(
        CompositePutError, match=r"'recalibrated'.*cannot be put: .*'ExposureF'.*Exposure.*int"
    ):
        later.put(3, "recalibrated", ID)
    with pytest.raises(CompositePutError, match=r"'annotated'.*it is a types.SimpleNamespace, not dict"):
        later.put({"notes": {}}, "annotated", ID)


def test_disassembler_that_raises_is_named_with_dataset_and_cause(later, define, functions):
    define(OWN.replace("test.disassemble", "test.stumbles"))
    message = r"'own' \{.*visit: 1\} cannot be put: disassembler functions_of_test\.stumbles raised KeyError: 'notes'"
    with pytest.raises(CompositePutError, match=message):
        later.put({"notes": {}}, "own", ID)
