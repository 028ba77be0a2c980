"""Every change is one transaction: an error in the middle leaves nothing."""

import pytest

from registry.dataset_ref import DatasetRef, new_ids
from registry.dataset_type import DatasetType
from registry.errors import (
    ConflictingDefinitionError,
    DatabaseConflictError,
    DataIdError,
    DatasetNotFoundError,
    OrphanedRecordError,
    RegistryError,
)
from registry.timespan import Timespan


def rows_of(registry) -> dict[str, list]:
    return {
        name: sorted(registry._db.fetch(table.select()), key=repr)
        for name, table in registry._schema.metadata.tables.items()
    }


class Interrupted(Exception):
    """Stands for anything that goes wrong."""


def register_and_fail(registry, dataset_type):
    registry.collections.register("run")
    registry.register_dataset_type(dataset_type)
    assert registry.collections.query() == ["run"]
    raise Interrupted


def unknown(registry, dataset_type):
    return DatasetRef(dataset_type, {"instrument": "Cam", "detector": 2}, "first")


CHANGES = {
    "records": lambda r: r.insert_dimension_records(
        "visit",
        {
            "instrument": ["Cam"] * 2,
            "visit": [8, 9],
            "physical_filter": ["g1", "nope"],
            "day_obs": [20260101] * 2,
        },
    ),
    "datasets": lambda r: r.insert_datasets(
        "bias", "second", {"instrument": ["Cam"] * 3, "detector": [2, 1, 0]}
    ),
    "datasets of unknown detector": lambda r: r.insert_datasets(
        "bias", "second", {"instrument": ["Cam"] * 2, "detector": [2, 9]}
    ),
    "producers": lambda r: r.insert_datasets(
        "bias", "second", {"instrument": ["Cam"], "detector": [2]}, quantum_ids=new_ids(1)
    ),
    "tags": lambda r: r.collections.associate(
        "tag", [*r.query_datasets("bias", "first"), unknown(r, r.get_dataset_type("bias"))]
    ),
    "validity": lambda r: r.collections.certify(
        "cal",
        [*r.query_datasets("bias", "first"), unknown(r, r.get_dataset_type("bias"))],
        Timespan(None, None),
    ),
    "chain": lambda r: r.collections.set_chain("chain", ["first", "chain"]),
    "locations": lambda r: r.insert_locations(
        [(r.query_datasets("bias", "first")[0].id, *LOCATION), (new_ids(1).tobytes(), *LOCATION)]
    ),
    "removal": lambda r: r.collections.remove("first"),
}
LOCATION = ("", "file", "a.fits", -1, 10, None, None, "fits", "ExposureF")


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_that_fails_leaves_nothing(two_run_registry, change):
    registry = two_run_registry
    for name, kind in (("tag", "TAGGED"), ("cal", "CALIBRATION"), ("chain", "CHAINED")):
        registry.collections.register(name, kind)
    before = rows_of(registry)
    with pytest.raises(RegistryError):
        change(registry)
    assert rows_of(registry) == before


def test_an_outer_transaction_holds_the_inner_ones(camera_registry):
    new = DatasetType("new", ["visit"], "X", universe=camera_registry.universe)
    with pytest.raises(Interrupted), camera_registry.transaction():
        register_and_fail(camera_registry, new)
    assert camera_registry.collections.query() == []
    assert camera_registry.query_dataset_types() == []


def test_a_rolled_back_dimension_group_frees_its_number(camera_registry):
    one, two = (
        DatasetType(name, [name], "X", universe=camera_registry.universe) for name in ("visit", "detector")
    )
    with pytest.raises(Interrupted), camera_registry.transaction():
        register_and_fail(camera_registry, one)
    camera_registry.register_dataset_type(two)
    camera_registry.collections.register("run")
    camera_registry.insert_datasets(two, "run", {"instrument": ["Cam"], "detector": [1]})
    assert len(camera_registry.query_datasets(two, "run")) == 1


def register_after_an_error(registry):
    with registry.transaction():
        with pytest.raises(DataIdError):
            registry.insert_dimension_records("detector", [{"instrument": "Nope", "id": 1}])
        registry.collections.register("run")


def test_an_error_inside_dooms_the_transaction_around_it(camera_registry):
    with pytest.raises(DatabaseConflictError, match="nothing was stored"):
        register_after_an_error(camera_registry)
    assert camera_registry.collections.query() == []


def test_producers_may_come_before_their_quanta_in_one_transaction(camera_registry, bias):
    registry = camera_registry
    registry.collections.register("run")
    quantum = new_ids(1)
    with registry.transaction():
        ids = registry.insert_datasets(
            bias, "run", {"instrument": ["Cam"], "detector": [1]}, quantum_ids=quantum
        )
        registry.insert_quanta([(quantum.tobytes(), "run", "t", "T", "{}", "ok")])
    [ref] = registry.query_datasets(bias, "run")
    assert ref.id.bytes == ids.tobytes()
    assert registry.provenance.producers([ref.id])[ref.id].bytes == quantum.tobytes()


def test_messages_name_what_is_wrong(two_run_registry):
    registry = two_run_registry
    registry.collections.register("cal", "CALIBRATION")
    with pytest.raises(DataIdError, match=r"detector \{instrument: 'Cam', detector: 9\}.*not registered"):
        CHANGES["datasets of unknown detector"](registry)
    with pytest.raises(DatasetNotFoundError, match=r"No dataset bias \{instrument: 'Cam', detector: 2\}"):
        CHANGES["validity"](registry)
    with pytest.raises(DatasetNotFoundError, match=r"a\.fits"):
        CHANGES["locations"](registry)
    with pytest.raises(OrphanedRecordError, match="quantum"):
        CHANGES["producers"](registry)
    with pytest.raises(ConflictingDefinitionError, match=r"exists already in run 'second'"):
        CHANGES["datasets"](registry)


def test_one_look_asks_once_what_others_have_changed(two_run_registry, bias, monkeypatch):
    dialect, asked = two_run_registry._db.dialect, []
    counter = dialect.change_counter
    monkeypatch.setattr(dialect, "fresh_s", 0.0)
    monkeypatch.setattr(dialect, "change_counter", lambda of: asked.append(of) or counter(of))
    for _ in range(2):
        with two_run_registry.one_look():
            for detector in (0, 1):
                data_id = {"instrument": "Cam", "detector": detector}
                two_run_registry.find_dataset(bias, data_id, collections=["first", "second"])
    assert len(asked) == 2
