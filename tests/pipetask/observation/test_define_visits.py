"""Visits from exposures, with regions from headers."""

import pytest
from lsst.sphgeom import LonLat, UnitVector3d

from pipetask.errors import EmptyQueryResultError
from pipetask.observation.define_visits import VisitReport, define_visits
from pipetask.observation.ingest_raws import ingest_raws
from pipetask.observation.register_instrument import register_instrument


@pytest.fixture
def simcam_repo(empty_repo, cameras):
    register_instrument(empty_repo, cameras / "simcam.yaml")
    return empty_repo


def contains(region, ra, dec):
    return region.contains(UnitVector3d(LonLat.fromDegrees(ra, dec)))


def test_a_scan_becomes_a_visit_with_the_place_of_its_images(empty_repo, cameras, two_mass_folder):
    register_instrument(empty_repo, cameras / "2mass.yaml")
    ingest_raws(empty_repo, [two_mass_folder])
    assert define_visits(empty_repo, "2MASS") == VisitReport(defined=2, updated=0)
    (visit,) = empty_repo.query_dimension_records("visit", visit=142)
    (exposure,) = empty_repo.query_dimension_records("exposure", exposure=142)
    assert visit.timespan == exposure.timespan
    assert (visit.name, visit.physical_filter) == (exposure.obs_id, "J")
    regions = empty_repo.query_dimension_records("visit_detector_region", visit=142)
    centres = {186: (275.122932, -16.03504), 198: (275.12297, -16.30449)}
    assert {record.detector: contains(record.region, *centres[record.detector]) for record in regions} == {
        186: True,
        198: True,
    }
    assert all(contains(visit.region, *centre) for centre in centres.values())
    assert not contains(visit.region, 275.6, -16.2)
    definitions = empty_repo.query_dimension_records("visit_definition", instrument="2MASS")
    assert {(d.exposure, d.visit) for d in definitions} == {(142, 142), (143, 143)}
    (system,) = empty_repo.query_dimension_records("visit_system")
    assert (system.visit_system, system.name) == (0, "one-to-one")
    assert len(empty_repo.query_dimension_records("visit_system_membership", instrument="2MASS")) == 2


@pytest.mark.usefixtures("always_in_processes")
def test_again_nothing_changes_and_new_images_widen_their_visit(simcam_repo, simcam_file):
    ingest_raws(simcam_repo, [simcam_file(1, 0)])
    assert define_visits(simcam_repo, "SimCam") == VisitReport(1, 0)
    (before,) = simcam_repo.query_dimension_records("visit")
    assert define_visits(simcam_repo, "SimCam") == VisitReport(0, 0)
    ingest_raws(simcam_repo, [simcam_file(1, 2), simcam_file(2, 0)])
    assert define_visits(simcam_repo, "SimCam", processes=2) == VisitReport(1, 1)
    after = simcam_repo.query_dimension_records("visit", order_by="visit")
    assert [record.visit for record in after] == [1, 2]
    assert before.region.isWithin(after[0].region)
    assert contains(after[0].region, 30.04, -10.0)
    assert not contains(before.region, 30.04, -10.0)


def test_only_science_exposures_become_visits(simcam_repo, simcam_file):
    ingest_raws(simcam_repo, [simcam_file(1, 0, OBSTYPE="bias"), simcam_file(2, 0)])
    define_visits(simcam_repo, "SimCam")
    assert [record.visit for record in simcam_repo.query_dimension_records("visit")] == [2]


def test_a_condition_chooses_exposures(simcam_repo, simcam_file):
    ingest_raws(simcam_repo, [simcam_file(1, 0), simcam_file(2, 0)])
    assert define_visits(simcam_repo, "SimCam", where="exposure > 1") == VisitReport(1, 0)
    assert define_visits(simcam_repo, "SimCam") == VisitReport(1, 0)


def test_an_image_without_wcs_gives_a_visit_without_region(simcam_repo, tmp_path, simcam_file):
    from astropy.io import fits

    path = simcam_file(1, 0)
    with fits.open(path, mode="update") as hdus:
        for key in ("CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CDELT1", "CDELT2", "CRPIX1", "CRPIX2"):
            del hdus[0].header[key]
    ingest_raws(simcam_repo, [path])
    report = define_visits(simcam_repo, "SimCam")
    assert report == VisitReport(1, 0, ("visit 1, detector 0",))
    assert simcam_repo.query_dimension_records("visit")[0].region is None


def test_a_selection_without_any_exposure_is_an_error_that_quotes_it(simcam_repo, simcam_file):
    ingest_raws(simcam_repo, [simcam_file(1, 0)])
    with pytest.raises(EmptyQueryResultError, match=r"No science exposure of 'SimCam'.*'exposure > 99'"):
        define_visits(simcam_repo, "SimCam", where="exposure > 99")
