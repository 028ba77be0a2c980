"""Dimension records: how they are spelt, what they hold."""

import pickle

import pytest
from lsst.sphgeom import Circle, UnitVector3d

from registry.dimensions import DataCoordinate, DimensionRecord
from registry.errors import DataIdError
from registry.timespan import Timespan

POLE = Circle(UnitVector3d.Z())


@pytest.fixture
def visit(universe):
    return DimensionRecord(
        universe["visit"], instrument="Cam", id=3, name="v3", physical_filter="Cam-R", day_obs=20260101,
        exposure_time=30, region=POLE, timespan=Timespan.from_ns(5, 9),
    )  # fmt: skip


def test_a_key_may_be_spelt_as_in_the_reference_or_after_its_dimension(universe, visit):
    other = DimensionRecord(universe["visit"], {**visit.to_dict()})
    assert other == visit
    assert visit.id == visit.visit == 3
    assert visit.name == "v3"
    assert DimensionRecord(universe["instrument"], name="Cam").name == "Cam"
    assert (
        DimensionRecord(universe["physical_filter"], instrument="C", name="R", abstract_filter="r").band
        == "r"
    )


def test_regions_and_timespans_are_objects_outside_and_columns_inside(visit):
    assert visit.region == POLE
    assert visit.timespan == Timespan.from_ns(5, 9)
    assert visit.timespan_end == 9
    assert (
        dict(zip(visit.definition.column_names, visit.values_tuple(), strict=True))["region"] == POLE.encode()
    )
    copy = pickle.loads(pickle.dumps(visit))
    assert copy == visit
    assert copy.region == POLE


def test_a_record_knows_its_data_id(visit, universe):
    assert visit.dataId == DataCoordinate.standardize(instrument="Cam", visit=3)
    assert visit.exposure_time == 30.0
    assert type(visit.exposure_time) is float
    assert visit.seq_num is None


def test_elements_without_region_have_none(universe):
    record = DimensionRecord(universe["instrument"], name="Cam")
    with pytest.raises(AttributeError, match="no 'region'"):
        record.region  # noqa: B018
    with pytest.raises(AttributeError, match="did you mean 'detector_max'"):
        record.detector_maxx  # noqa: B018


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"id": 3}, "Record of detector {detector: 3}: 'instrument' needs a value"),
        ({"instrument": "Cam", "id": 3, "purpse": "x"}, "did you mean 'purpose'"),
        ({"instrument": "Cam", "id": "3"}, "'detector' is of type int"),
        ({"instrument": "Cam", "id": 3, "full_name": "n" * 40}, "at most 32"),
    ],
)
def test_what_is_wrong_with_a_record_is_said(universe, values, message):
    with pytest.raises(DataIdError, match=message):
        DimensionRecord(universe["detector"], values)
