"""Dataset types and refs: names, components, identity; ids in bulk."""

import pickle
import time
import uuid

import numpy as np
import pytest

from registry.dataset_ref import DatasetRef, new_id, new_ids, raw_id
from registry.dataset_type import DatasetType
from registry.dimensions import DataCoordinate, DimensionUniverse
from registry.errors import DataIdError, InvalidDatasetTypeError

UNIVERSE = DimensionUniverse.default()
CALEXP = DatasetType("calexp", ["visit", "detector"], "ExposureF", universe=UNIVERSE)
DATA_ID = {"instrument": "Cam", "visit": 3, "detector": 4}


@pytest.mark.parametrize("name", ["", "9a", "a-b", "a.", ".a", "a..b", "a b"])
def test_names_that_cannot_be_are_refused(name):
    with pytest.raises(InvalidDatasetTypeError):
        DatasetType(name, [], "Thing", universe=UNIVERSE)


def test_components_lead_back_to_their_composite():
    mask = CALEXP.makeComponentDatasetType("mask.DETECTED", "Mask")
    assert mask.name == "calexp.mask.DETECTED"
    assert mask.nameAndComponent() == ("calexp", "mask.DETECTED")
    assert mask.makeCompositeDatasetType("ExposureF") == CALEXP
    assert not CALEXP.isComponent()
    with pytest.raises(InvalidDatasetTypeError):
        CALEXP.makeCompositeDatasetType("ExposureF")


def test_dataset_types_are_equal_by_definition():
    assert DatasetType("calexp", {"detector", "visit"}, "ExposureF", universe=UNIVERSE) == CALEXP
    assert CALEXP.overrideStorageClass("ExposureD") != CALEXP
    assert pickle.loads(pickle.dumps(CALEXP)) == CALEXP


def test_a_ref_checks_its_data_id():
    ref = DatasetRef(CALEXP, DATA_ID, "run")
    assert ref.dataId == DataCoordinate.standardize(DATA_ID)
    assert pickle.loads(pickle.dumps(ref)) == ref
    with pytest.raises(DataIdError):
        DatasetRef(CALEXP, {"visit": 3}, "run")


def test_a_component_ref_shares_the_id():
    ref = DatasetRef(CALEXP, DATA_ID, "run")
    wcs = ref.makeComponentRef("wcs", "Wcs")
    assert wcs.id == ref.id
    assert wcs != ref
    assert wcs.makeCompositeRef("ExposureF") == ref


def test_refs_are_ordered_by_type_then_data_id():
    a, b = (DatasetRef(CALEXP, DATA_ID | {"visit": visit}, "run") for visit in (2, 10))
    c = DatasetRef(DatasetType("raw", CALEXP.dimensions, "ExposureF"), DATA_ID, "run")
    assert sorted([c, b, a]) == [a, b, c]


def test_ids_in_bulk_are_version_7_ascending_and_of_now():
    before = time.time_ns() // 1_000_000
    ids = np.vstack([new_ids(3), new_ids(5000), new_ids(0), new_ids(1)])
    uuids = [uuid.UUID(bytes=row.tobytes()) for row in ids]
    assert uuids == sorted(set(uuids))
    assert {(u.version, u.variant) for u in uuids} == {(7, uuid.RFC_4122)}
    assert before <= uuids[0].int >> 80 <= time.time_ns() // 1_000_000 + 1
    single = new_id()
    assert single > uuids[-1]
    assert (single.version, single.variant) == (7, uuid.RFC_4122)
    assert new_id() > single


def test_the_id_of_a_raw_is_the_references():
    # Printed by lsst-daf-butler: DatasetIdFactory().makeDatasetId(run, type, dataId, DATAID_TYPE_RUN).
    data_id = DataCoordinate.standardize(instrument="X", exposure=3, detector=4)
    assert raw_id("raw", data_id, "X/raw/all") == uuid.UUID("46659696-3a84-54f8-bb73-471d7f59c9c8")
