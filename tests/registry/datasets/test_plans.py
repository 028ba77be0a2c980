"""What the database does for a query that names a data ID: it looks things up, it never reads a whole table."""

import pytest
from sqlalchemy import Select

from registry.database import Database
from registry.prepared import Prepared
from registry.timespan import Timespan

DATA_ID = {"instrument": "Cam", "visit": 3, "detector": 1}


@pytest.fixture
def plans(two_run_registry, explained, monkeypatch):
    """Plans of all statements that a call runs, by line."""
    registry = two_run_registry
    registry.collections.register("cal", "CALIBRATION")
    registry.collections.register("tag", "TAGGED")
    registry.collections.certify("cal", registry.query_datasets("bias", "first"), Timespan(None, None))
    registry.collections.associate("tag", registry.query_datasets("calexp", "first"))
    lines: list[str] = []
    run = {"fetch": Database.fetch, "stream": Database.stream}

    def noting(name):
        def call(self, statement, *values):
            prepared = Prepared(statement, self.engine) if isinstance(statement, Select) else statement
            lines.extend(explained(self, prepared.sql, prepared.bind(*(values or [{}]))))
            return run[name](self, statement, *values)

        return call

    for name in run:
        monkeypatch.setattr(Database, name, noting(name))
    return registry, lines


CALLS = {
    "find": lambda r: r.find_dataset("calexp", DATA_ID, collections=["second", "first"]),
    "find tagged": lambda r: r.find_dataset("calexp", DATA_ID, collections=["tag", "second"]),
    "find calibration": lambda r: r.find_dataset(
        "bias", DATA_ID, collections="cal", timespan=Timespan.from_ns(1, 2)
    ),
    "columns of a data ID": lambda r: r.find_dataset_columns("calexp", ["second", "first"], data_id=DATA_ID),
    "query": lambda r: r.query_datasets(
        "calexp", ["second", "first"], where="instrument='Cam' AND visit=3 AND detector=1"
    ),
    "by id": lambda r: r.get_datasets([r.find_dataset("calexp", DATA_ID, collections="first").id]),
    "locations": lambda r: r.locations([r.find_dataset("calexp", DATA_ID, collections="first").id]),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_no_dataset_table_is_read_whole(plans, call):
    registry, lines = plans
    lines.clear()
    assert call(registry)
    about = [line for line in lines if "dataset" in line or "calibration_" in line]
    assert about
    tables = [line for line in about if not line.startswith("SCAN dataset_type")]  # a few rows, read once
    assert [line for line in tables if line.startswith("SCAN") and "datasets" not in line] == []


def test_a_data_id_is_looked_up_by_the_whole_key(plans):
    registry, lines = plans
    lines.clear()
    registry.find_dataset("calexp", DATA_ID, collections=["second", "first"])
    [line] = [line for line in lines if "SEARCH dataset_" in line and "PRIMARY KEY" in line]
    for column in ("collection_id=?", "dataset_type_id=?", "instrument=?", "visit=?", "detector=?"):
        assert column in line


def test_near_regions_are_found_by_index(camera_registry, explained):
    near = "SELECT visit FROM visit WHERE circle_z BETWEEN 0 AND 1 AND circle_x BETWEEN 0 AND 1"
    [line] = explained(camera_registry._db, near, {})
    assert "INDEX ix_visit_circle" in line


def test_records_of_a_data_id_are_looked_up_by_their_key(plans):
    registry, lines = plans
    lines.clear()
    where = "instrument='Cam' AND visit=3 AND detector=1"
    assert registry.query_datasets("calexp", ["second", "first"], where=where, with_records=True)
    [line] = [line for line in lines if "visit_detector_region" in line]
    assert line.startswith("SEARCH")
    for column in ("instrument=?", "visit=?", "detector=?"):
        assert column in line
