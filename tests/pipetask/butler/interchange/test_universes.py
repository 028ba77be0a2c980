"""Exports that the reference wrote with each version of its dimension universe become data of today's."""

import json
from pathlib import Path

import pytest
import yaml

from pipetask.butler import Timespan
from pipetask.butler.interchange.yaml_tags import load

UNIVERSES = Path(__file__).parent / "universes"
CAM = {"instrument": "Cam"}
WHEN = ("2030-01-01T20:00:00.000000000", "2030-01-01T20:00:30.500000000")


@pytest.fixture(params=range(9))
def version(request):
    """A version of the universe."""
    return request.param


@pytest.fixture
def export(version, tmp_path):
    """Folder of an export with one exposure, visit and patch, three datasets and a calibration of them."""
    folder = tmp_path / "export"
    text = (UNIVERSES / f"{version}.yaml").read_text()
    for entry in load(text)["data"]:
        for record in entry["records"] if entry["type"] == "dataset" else ():
            path = folder / record["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            content = {"from": entry["dataset_type"]}
            path.write_text(json.dumps(content) if path.suffix == ".json" else yaml.safe_dump(content))
    (folder / "export.yaml").write_text(text)
    return folder


def test_records_and_datasets_of_each_universe_arrive(version, export, new):
    assert f"universe_version: {version}\n" in (export / "export.yaml").read_text()
    report = new.import_(directory=export)
    assert (report.datasets, report.dataset_types, report.collections) == (4, 4, 4)
    [visit], [exposure] = (new.query_dimension_records(name) for name in ("visit", "exposure"))
    for record in (visit, exposure):
        assert tuple(str(bound) for bound in (record.timespan.begin, record.timespan.end)) == WHEN
        assert (record.day_obs, record.physical_filter, record.target_name) == (20300101, "r1", "M31")
        assert (record.exposure_time, record.zenith_angle) == (30.5, 20.0)
    # Columns that came later are unknown of what is older.
    assert visit.seq_num == (4 if version >= 2 else None)
    assert visit.azimuth == (5.0 if version >= 2 else None)
    assert exposure.azimuth == (5.0 if version >= 2 else None)
    assert exposure.can_see_sky == (True if version >= 7 else None)
    # What was a column of exposures and visits is a dimension now.
    assert exposure.group == "g11"
    assert [(group.instrument, group.name) for group in new.query_dimension_records("group")] == [
        ("Cam", "g11")
    ]
    [night] = new.query_dimension_records("day_obs")
    assert (night.id, night.timespan is not None) == (20300101, version >= 6)
    # A visit was in the visit system that its record named.
    [member] = new.query_dimension_records("visit_system_membership")
    assert (member.visit, member.visit_system) == (12, 0)
    [definition] = new.query_dimension_records("visit_definition")
    assert (definition.visit, definition.exposure) == (12, 11)
    overlaps = new.query_data_ids(["visit", "detector", "patch"], data_id={**CAM, "skymap": "sky"})
    assert [(each["visit"], each["detector"], each["patch"]) for each in overlaps] == [(12, 1, 0)]
    # Datasets are found by data IDs of today, and importing again changes nothing.
    assert new.get("stats", CAM, visit=12, detector=1, collections="tag") == {"from": "stats"}
    assert new.get("rawish", CAM, exposure=11, detector=1, collections="all") == {"from": "rawish"}
    patch = {"skymap": "sky", "tract": 0, "patch": 0, "band": "r"}
    assert new.get("coaddish", patch, collections="made") == {"from": "coaddish"}
    assert new.get("dark", CAM, detector=1, visit=12, collections="cal") == {"from": "dark"}
    found = new.find_dataset("dark", CAM, detector=1, collections="cal", timespan=Timespan.from_ns(0, 1))
    assert found is None
    again = new.import_(directory=export)
    assert (again.records, again.datasets, again.known_datasets) == (0, 0, 4)
