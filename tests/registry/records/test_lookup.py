"""Data IDs are completed from dimension records."""

import pytest

from registry.errors import DataIdError


def test_implied_values_and_records_come_along(camera_registry):
    found = camera_registry.expand_data_id({"instrument": "Cam", "visit": 2, "detector": 1})
    assert dict(found.mapping) == {
        "instrument": "Cam",
        "visit": 2,
        "detector": 1,
        "physical_filter": "r1",
        "band": "r",
        "day_obs": 20260101,
    }
    assert found.records["visit"].exposure_time == 20.0
    assert found.records["band"].band == "r"
    assert found.records["visit_detector_region"] is None
    assert not camera_registry.expand_data_id({"instrument": "Cam"}, records=False).hasRecords()


def test_dimensions_can_be_chosen(camera_registry):
    found = camera_registry.expand_data_id(
        {"instrument": "Cam", "visit": 2, "detector": 1}, dimensions=["visit"]
    )
    assert found.dimensions == camera_registry.universe.conform(["visit"])


def test_unknown_values_are_answered_with_the_nearest(camera_registry):
    with pytest.raises(DataIdError, match="No visit 30 of instrument 'Cam' is registered; the nearest is 4"):
        camera_registry.expand_data_id({"instrument": "Cam", "visit": 30})
    for wrong in ({"instrument": "cam"}, {"instrument": "cam", "visit": 3}):
        with pytest.raises(DataIdError, match="No instrument 'cam' is registered; did you mean 'Cam'"):
            camera_registry.expand_data_id(wrong)
    with pytest.raises(DataIdError, match="No exposure 1 of instrument 'Cam' is registered, nor is any"):
        camera_registry.expand_data_id({"instrument": "Cam", "exposure": 1})


def test_contradictions_are_refused(camera_registry):
    with pytest.raises(DataIdError, match="physical_filter 'r1', not 'g1'"):
        camera_registry.expand_data_id(
            {"instrument": "Cam", "visit": 2, "physical_filter": "g1"}, dimensions=["visit"]
        )


def test_sky_pixels_need_no_record(camera_registry):
    assert camera_registry.expand_data_id({"htm7": 140000})["htm7"] == 140000


def test_unknown_records_are_none(camera_registry):
    assert camera_registry.dimension_record("visit", {"instrument": "Cam", "visit": 77}) is None
