"""Use case 10: what is known of a visit is stored once for all its detectors; all of them make a VisitExposure."""

import numpy as np
import pytest

from pipetask.butler import Butler, VisitInfo
from registry.errors import ConflictingDefinitionError

CAM = {"instrument": "Cam"}
WIDE = VisitInfo(id=1, exposure_time_s=30.0, airmass=1.3)
DEFINITIONS = """
composites:
  visit_calexp:
    storageClass: ExposureF
    dimensions: [visit, detector]
    base: calexp
    components:
      visitInfo: {datasetType: visit_wide, writeOnce: true}
  visitExposure:
    python: datastore.types.visit_exposure.VisitExposure
    dimensions: [visit]
    components:
      visitInfo: visit_wide
      exposures: {datasetType: visit_calexp, subset: true}
      catalogs: {datasetType: src, subset: true, minimum: 0}
"""


@pytest.fixture
def visits(repo, define):
    """Both detectors of visit 1 were put with the same description of the visit."""
    define(DEFINITIONS)
    with Butler.from_config(repo.root, run="later", collections=["later", "single"]) as butler:
        for detector in (0, 1):
            where = {**CAM, "visit": 1, "detector": detector}
            exposure = butler.get("calexp", where)
            exposure.visitInfo = WIDE
            butler.put(exposure, "visit_calexp", where)
        yield butler


def test_what_all_detectors_offer_is_stored_once(visits):
    assert len(visits.query_datasets("visit_wide", "later")) == 1


def test_all_detectors_share_it(visits):
    infos = [visits.get("visit_calexp", {**CAM, "visit": 1, "detector": d}).visitInfo for d in (0, 1)]
    assert infos[0] is infos[1]
    assert infos[0] == WIDE


def test_detector_that_offers_something_else_is_refused(visits, repo):
    with Butler.from_config(repo.root, run="last", collections=["last", "later", "single"]) as butler:
        where = {**CAM, "visit": 1, "detector": 0}
        exposure = butler.get("calexp", where)
        exposure.visitInfo = VisitInfo(id=1, airmass=2.0)
        with pytest.raises(ConflictingDefinitionError, match=r"'visitInfo'.*writeOnce"):
            butler.put(exposure, "visit_calexp", where)


def test_visit_exposure_has_all_detectors(visits, make):
    whole = visits.get("visitExposure", {**CAM, "visit": 1})
    assert whole.visitInfo == WIDE
    assert whole.detectors == [0, 1]
    np.testing.assert_array_equal(whole.exposures[1].image, make.exposure(11).image)
    np.testing.assert_array_equal(whole.catalogs[0]["flux"], make.catalog(10)["flux"])


def test_detectors_are_read_when_looked_at_and_then_kept(visits):
    whole = visits.get("visitExposure", {**CAM, "visit": 1})
    assert whole.exposures[0] is whole.exposures[0]
    assert whole.exposures[0].visitInfo is whole.visitInfo


def test_catalogs_may_be_absent(visits, repo):
    repo.pruneDatasets(repo.query_datasets("src", "single"), purge=True, unstore=True)
    assert len(visits.get("visitExposure", {**CAM, "visit": 1}).catalogs) == 0


def test_a_visit_is_whole_as_soon_as_its_parts_are_without_any_put(repo, define):
    define(DEFINITIONS)
    repo.put(WIDE, "visit_wide", {**CAM, "visit": 2}, run="later")
    whole = repo.get("visitExposure", {**CAM, "visit": 2}, collections=["later", "single"])
    assert sorted(whole.exposures) == [0, 1]
    assert whole.exposures[1].visitInfo is whole.visitInfo
    assert whole.visitInfo == WIDE


def test_a_detector_that_is_absent_is_told_with_those_that_are_there(visits):
    whole = visits.get("visitExposure", {**CAM, "visit": 1})
    with pytest.raises(KeyError, match=r"nothing of detector 7; there is of: 0, 1"):
        whole.exposures[7]
