"""Use case 1: an exposure with the WCS and photometric calibration of a later stage, which know a tract."""

import numpy as np
import pytest

from pipetask.butler import Box, PhotoCalib
from pipetask.errors import CompositePutError, DatasetNotFoundError, MissingPartError

DEFINITION = """
composites:
  jointcal_calexp:
    storageClass: ExposureF
    dimensions: [visit, detector, tract]
    base: calexp
    components:
      wcs: jointcal_wcs
      photoCalib: {datasetType: jointcal_photoCalib}
"""
CAM = {"instrument": "Cam"}
ID = {**CAM, "visit": 1, "detector": 0, "skymap": "s", "tract": 1}
EVERYWHERE = ["later", "single"]


@pytest.fixture
def jointcal(repo, define, make):
    """The composite is defined; WCS and calibration of one detector are in run ``later``."""
    define(DEFINITION)
    repo.put(make.wcs(11.0), "jointcal_wcs", ID, run="later")
    repo.put(PhotoCalib(3.5), "jointcal_photoCalib", ID, run="later")
    return repo


def test_pixels_are_of_the_base_and_updated_components_of_the_later_stage(jointcal, make):
    got = jointcal.get("jointcal_calexp", ID, collections=EVERYWHERE)
    expected = make.exposure(10)
    np.testing.assert_array_equal(got.image, expected.image)
    assert got.wcs.wcs.crval.tolist() == [11.0, 0.0]
    assert got.photoCalib == PhotoCalib(3.5)
    assert got.psf.sigma == expected.psf.sigma


def test_base_stays_as_it_was(jointcal):
    jointcal.get("jointcal_calexp", ID, collections=EVERYWHERE)
    assert jointcal.get("calexp", ID, collections=EVERYWHERE).photoCalib == PhotoCalib(2.0)


@pytest.mark.parametrize("absent", ["jointcal_wcs", "jointcal_photoCalib"])
def test_missing_updated_part_is_a_failure_that_names_it_never_a_fall_back(jointcal, absent):
    (ref,) = jointcal.query_datasets(absent, "later")
    jointcal.pruneDatasets([ref], purge=True, unstore=True)
    assert jointcal.find_dataset("jointcal_calexp", ID, collections=EVERYWHERE) is None
    assert not jointcal.exists("jointcal_calexp", ID, collections=EVERYWHERE)
    with pytest.raises(MissingPartError, match=f"{absent!r}.*later, single") as caught:
        jointcal.get("jointcal_calexp", ID, collections=EVERYWHERE)
    assert isinstance(caught.value, DatasetNotFoundError)


def test_composite_is_there_as_soon_as_its_parts_are(repo, define, make):
    define(DEFINITION)
    assert not repo.exists("jointcal_calexp", ID, collections=EVERYWHERE)
    repo.put(make.wcs(11.0), "jointcal_wcs", ID, run="later")
    repo.put(PhotoCalib(3.5), "jointcal_photoCalib", ID, run="later")
    assert repo.exists("jointcal_calexp", ID, collections=EVERYWHERE)


def test_data_id_without_tract_is_refused(jointcal):
    with pytest.raises(ValueError, match="tract"):
        jointcal.get("jointcal_calexp", {**CAM, "visit": 1, "detector": 0}, collections=EVERYWHERE)


def test_component_that_only_the_base_has_comes_from_it(jointcal):
    assert jointcal.get("jointcal_calexp.psf", ID, collections=EVERYWHERE).sigma == 1.7
    assert jointcal.get("jointcal_calexp.bbox", ID, collections=EVERYWHERE) == Box(0, 0, 50, 40)


def test_updated_component_comes_from_its_part(jointcal):
    assert jointcal.get("jointcal_calexp.photoCalib", ID, collections=EVERYWHERE) == PhotoCalib(3.5)


def test_cut_out_has_its_pixels_and_the_updated_wcs_of_them(jointcal):
    box = Box(10, 5, 8, 6)
    whole = jointcal.get("jointcal_calexp", ID, collections=EVERYWHERE)
    cut = jointcal.get("jointcal_calexp", ID, collections=EVERYWHERE, parameters={"bbox": box})
    np.testing.assert_array_equal(cut.image, whole.image[5:11, 10:18])
    assert cut.bbox == box
    here, there = cut.wcs.pixel_to_world(0, 0), whole.wcs.pixel_to_world(10, 5)
    assert here.separation(there).arcsec < 1e-6


def test_composites_are_found_by_region_on_the_sky(jointcal):
    for where in ("CIRCLE(10.0, 0.0, 0.01)", "CIRCLE(12.0, 0.0, 0.01)"):
        found = jointcal.query_datasets(
            "jointcal_calexp",
            EVERYWHERE,
            where=f"visit_detector_region.region OVERLAPS {where}",
            explain=False,
        )
        assert [ref.dataId["tract"] for ref in found] == ([1] if "10.0" in where else [])


def test_identity_follows_from_definition_and_parts(jointcal):
    first = jointcal.find_dataset("jointcal_calexp", ID, collections=EVERYWHERE)
    assert first.id.version == 5
    assert jointcal.find_dataset("jointcal_calexp", ID, collections=EVERYWHERE) == first
    jointcal.put(PhotoCalib(4.0), "jointcal_photoCalib", ID, run="last")
    changed = jointcal.find_dataset("jointcal_calexp", ID, collections=["last", *EVERYWHERE])
    assert changed.id != first.id
    assert jointcal.get(changed).photoCalib == PhotoCalib(4.0)
    assert jointcal.get(first).photoCalib == PhotoCalib(3.5)


def test_put_writes_only_what_changed(repo, define, make):
    define(DEFINITION)
    exposure = repo.get("calexp", ID, collections="single")
    exposure.wcs, exposure.photoCalib = make.wcs(12.0), PhotoCalib(5.0)
    with repo.from_config(repo.root, run="later", collections=["later", "single"]) as butler:
        ref = butler.put(exposure, "jointcal_calexp", ID)
        assert {each.datasetType.name for each in butler.query_all_datasets("later")} == {
            "jointcal_calexp",
            "jointcal_wcs",
            "jointcal_photoCalib",
        }
        assert butler.get(ref).photoCalib == PhotoCalib(5.0)
        assert butler.get("jointcal_calexp", ID).wcs.wcs.crval.tolist() == [12.0, 0.0]
        (base,) = [
            ref for ref in butler.find_dataset("jointcal_calexp", ID).all_parts() if ref.run == "single"
        ]
        assert base.datasetType.name == "calexp"


def test_put_of_changed_pixels_is_refused_because_the_base_is_input_only(repo, define, make):
    define(DEFINITION)
    exposure = repo.get("calexp", ID, collections="single")
    exposure.image[3, 4] += 1
    with (
        repo.from_config(repo.root, run="later", collections=["later", "single"]) as butler,
        pytest.raises(CompositePutError, match=r"'calexp'.*inputOnly and was changed"),
    ):
        butler.put(exposure, "jointcal_calexp", ID)
    assert repo.query_all_datasets("later") == []
