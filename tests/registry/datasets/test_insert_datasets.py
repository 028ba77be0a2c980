"""Datasets go in as columns or data IDs; ids are kept; removal takes everything along."""

from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import select

from registry.database import Database
from registry.dataset_ref import new_ids
from registry.dataset_type import DatasetType
from registry.dimensions.coordinate import DataCoordinate
from registry.errors import (
    CollectionTypeError,
    ConflictingDefinitionError,
    DataIdError,
    MissingCollectionError,
    OrphanedRecordError,
)
from registry.timespan import Timespan

ONE = {"instrument": ["Cam"], "detector": [2]}
LOCATION = ("", "file", "a.fits", -1, 10, None, None, "fits", "ExposureF")


def uuids(ids):
    return [UUID(bytes=id.tobytes()) for id in ids]


def test_columns_and_data_ids_are_the_same(camera_registry, bias):
    registry = camera_registry
    registry.collections.register("run")
    a = registry.insert_datasets(
        bias, "run", {"instrument": np.array(["Cam"], dtype=object), "detector": np.array([0])}
    )
    data_id = DataCoordinate.standardize({"instrument": "Cam", "detector": 1}, dimensions=bias.dimensions)
    b = registry.insert_datasets("bias", "run", [data_id])
    assert a.shape == b.shape == (1, 16)
    refs = registry.get_datasets([*uuids(b), *uuids(a), UUID(int=7)])
    assert [ref and ref.dataId["detector"] for ref in refs] == [1, 0, None]
    assert refs[0].datasetType == bias
    assert refs[0].run == "run"


def test_datasets_without_dimensions_need_no_columns(camera_registry):
    packages = DatasetType("packages", [], "Packages", universe=camera_registry.universe)
    camera_registry.register_dataset_type(packages)
    for run in "ab":
        camera_registry.collections.register(run)
    [id] = uuids(camera_registry.insert_datasets(packages, "a", {}))
    given = new_ids(1)
    camera_registry.insert_datasets(packages, "b", {}, ids=given)
    assert camera_registry.find_dataset(packages, {}, collections=["a", "b"]).id == id
    found = camera_registry.find_dataset_columns(packages, ["b", "a"])
    assert found.columns == {}
    assert found.ids.tobytes() == given.tobytes()


def test_the_same_again_changes_nothing(two_run_registry, bias):
    ids = new_ids(1)
    for _ in range(2):
        assert two_run_registry.insert_datasets(bias, "first", ONE, ids=ids).tobytes() == ids.tobytes()
    two_run_registry.insert_datasets(bias, "first", ONE, ids=uuids(ids))
    assert len(two_run_registry.query_datasets("bias", "first")) == 3


@pytest.mark.parametrize(
    ("run", "detector"), [("second", 2), ("first", 1), ("second", 0)], ids=["run", "data ID", "both"]
)
def test_an_id_stands_for_one_dataset(two_run_registry, bias, run, detector):
    ids = two_run_registry.insert_datasets(bias, "first", ONE)
    with pytest.raises(ConflictingDefinitionError, match=r"leave the id out|exists already in run"):
        two_run_registry.insert_datasets(bias, run, {"instrument": ["Cam"], "detector": [detector]}, ids=ids)


def test_a_run_holds_one_dataset_per_data_id(two_run_registry, bias):
    with pytest.raises(
        ConflictingDefinitionError,
        match=r"Dataset 'bias' \{instrument: 'Cam', detector: 1\} exists already in run 'first' .* prune",
    ):
        two_run_registry.insert_datasets(bias, "first", {"instrument": ["Cam"], "detector": [1]})
    with pytest.raises(ConflictingDefinitionError):
        two_run_registry.insert_datasets(bias, "second", {"instrument": ["Cam"] * 2, "detector": [2, 2]})


def test_columns_must_be_complete_and_of_the_right_type(two_run_registry, bias):
    with pytest.raises(
        DataIdError, match="need the columns instrument, detector; given: instrument, detektor"
    ):
        two_run_registry.insert_datasets(bias, "first", {"instrument": ["Cam"], "detektor": [2]})
    with pytest.raises(DataIdError, match="holds int values, not str"):
        two_run_registry.insert_datasets(bias, "first", {"instrument": ["Cam"], "detector": ["2"]})
    with pytest.raises(ValueError, match="2 ids for 1 data IDs"):
        two_run_registry.insert_datasets(bias, "first", ONE, ids=new_ids(2))
    with pytest.raises(ValueError, match="shape"):
        two_run_registry.insert_datasets(bias, "first", ONE, ids=np.zeros((1, 8), dtype=np.uint8))


def test_datasets_are_put_in_runs(two_run_registry, bias):
    two_run_registry.collections.register("tag", "TAGGED")
    with pytest.raises(CollectionTypeError, match="'tag' is TAGGED"):
        two_run_registry.insert_datasets(bias, "tag", ONE)
    with pytest.raises(MissingCollectionError, match="did you mean 'first'"):
        two_run_registry.insert_datasets(bias, "frist", ONE)


def test_a_definition_that_differs_is_refused(two_run_registry):
    other = DatasetType("bias", ["visit"], "ExposureF", universe=two_run_registry.universe)
    with pytest.raises(ConflictingDefinitionError, match="registered as"):
        two_run_registry.insert_datasets(other, "first", ONE)


@pytest.fixture
def entangled(two_run_registry):
    """Run ``first`` with tags, validity, locations, provenance and parts of its datasets."""
    registry = two_run_registry
    refs = registry.query_datasets("bias", "first")
    registry.collections.register("tag", "TAGGED")
    registry.collections.register("cal", "CALIBRATION")
    registry.collections.associate("tag", refs)
    registry.collections.certify("cal", refs, Timespan(None, None))
    registry.insert_locations([(ref.id, *LOCATION) for ref in refs])
    quantum = new_ids(1)
    registry.insert_quanta([(quantum.tobytes(), "first", "task", "a.Task", "{}", "ok")])
    registry.insert_quantum_inputs([(quantum.tobytes(), refs[0].id, "biases")])
    registry.provenance.set_producers([(refs[1].id, UUID(bytes=quantum.tobytes()))])
    registry.insert_composite_parts([(refs[0].id, "variance", refs[1].id)])
    return registry, refs


def mentions(registry, wanted) -> list[str]:
    """Names of the columns of ids that still hold one of the given ids."""
    found = []
    for table in registry._schema.metadata.tables.values():
        for column in table.columns:
            if column.type is registry._db.dialect.id_type:
                rows = registry._db.fetch(select(column))
                found += [f"{table.name}.{column.name}" for (value,) in rows if value in wanted]
    return found


def test_removal_leaves_nothing_but_what_quanta_read(entangled):
    registry, refs = entangled
    wanted = {ref.id.bytes for ref in refs}
    assert len(mentions(registry, wanted)) > 6
    registry.remove_datasets([ref.id for ref in refs])
    assert mentions(registry, wanted) == ["quantum_input.dataset_id"]
    assert registry.query_datasets("bias", ["tag", "cal", "first"]) == []
    registry.remove_datasets([ref.id for ref in refs])


def test_a_part_in_use_is_not_removed(entangled):
    registry, refs = entangled
    with pytest.raises(
        OrphanedRecordError, match=r"Dataset 'bias' .* in run 'first' is a part of the composite"
    ):
        registry.remove_datasets([refs[1].id])
    assert registry.composite_parts([refs[0].id, refs[1].id]) == {
        refs[0].id: [("variance", refs[1].id)],
        refs[1].id: [],
    }


def test_a_run_goes_with_all_that_it_holds(entangled):
    registry, refs = entangled
    held = {id.tobytes() for id in registry.find_dataset_columns("calexp", "first").ids} | {
        r.id.bytes for r in refs
    }
    ids, locations = registry.remove_run("first")
    assert {id.tobytes() for id in ids} == held
    assert sorted(locations) == sorted((ref.id, LOCATION) for ref in refs)
    assert mentions(registry, held) == []
    assert registry.collections.query() == ["cal", "second", "tag"]
    with pytest.raises(CollectionTypeError, match="TAGGED"):
        registry.remove_run("tag")


def test_a_run_in_a_chain_is_not_removed(entangled):
    registry, refs = entangled
    registry.collections.register("chain", "CHAINED")
    registry.collections.set_chain("chain", ["first"])
    with pytest.raises(OrphanedRecordError, match="chain"):
        registry.remove_run("first")
    assert registry.get_datasets([refs[0].id]) == [refs[0]]


def test_records_that_need_an_implied_value_are_checked_by_what_the_data_id_has(camera_registry):
    registry = camera_registry
    registry.insert_dimension_records("subfilter", {"band": ["g", "g"], "subfilter": [0, 1]})
    names = ["physical_filter", "subfilter"]
    kind = DatasetType("chromatic", names, "StructuredDataDict", universe=registry.universe)
    registry.register_dataset_type(kind)
    registry.collections.register("run")
    given = {"instrument": ["Cam"] * 2, "physical_filter": ["g1", "g1"], "subfilter": [0, 1]}
    registry.insert_datasets(kind, "run", given)
    found = registry.query_datasets("chromatic", "run")
    assert [(ref.dataId["subfilter"], ref.dataId["band"]) for ref in found] == [(0, "g"), (1, "g")]
    with pytest.raises(DataIdError, match=r"subfilter \{subfilter: 9\}"):
        registry.insert_datasets(kind, "run", {**given, "subfilter": [1, 9]})


def test_a_series_of_checks_sees_what_is_written_between(camera_registry, bias):
    registry = camera_registry
    names = [f"extra{i}" for i in range(40)]
    registry.insert_dimension_records(
        "detector", {"instrument": ["Cam"] * 40, "detector": range(100, 140), "full_name": names}
    )
    registry.collections.register("run")
    registry.insert_datasets(bias, "run", {"instrument": ["Cam"], "detector": [0]})

    def check(detector):
        data_id = DataCoordinate.standardize(instrument="Cam", detector=detector, dimensions=bias.dimensions)
        registry.check_insertion(bias, "run", data_id)

    with registry.transaction():
        for detector in range(100, 130):
            check(detector)
        with pytest.raises(ConflictingDefinitionError, match=r"detector: 0}.*exists already"):
            check(0)
        with pytest.raises(DataIdError, match=r"detector: 140}.*not registered"):
            check(140)
        ids = uuids(registry.insert_datasets(bias, "run", {"instrument": ["Cam"], "detector": [131]}))
        for _ in range(10):
            with pytest.raises(ConflictingDefinitionError, match="detector: 131}"):
                check(131)
        registry.remove_datasets(ids)
        check(131)
        registry.insert_dimension_records("detector", [{"instrument": "Cam", "id": 140, "full_name": "new"}])
        check(140)


def test_a_series_of_checks_asks_the_database_seldom(camera_registry, bias, monkeypatch):
    registry = camera_registry
    registry.insert_dimension_records(
        "detector",
        {"instrument": ["Cam"] * 99, "detector": range(100, 199), "full_name": [f"e{i}" for i in range(99)]},
    )
    registry.collections.register("run")
    registry.insert_datasets(bias, "run", {"instrument": ["Cam"], "detector": [0]})
    asked, peek = [], Database.peek
    monkeypatch.setattr(Database, "peek", lambda db, *args: asked.append(args) or peek(db, *args))
    monkeypatch.setattr(registry._db.dialect, "fresh_within_s", 60.0)  # nobody else writes meanwhile
    with registry.transaction():
        for detector in range(100, 199):
            data_id = DataCoordinate.standardize(
                instrument="Cam", detector=detector, dimensions=bias.dimensions
            )
            registry.check_insertion(bias, "run", data_id)
    assert len(asked) < 25
