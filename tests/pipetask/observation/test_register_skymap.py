"""Sky maps around the visits of a repository."""

import pytest

from pipetask.errors import SkyMapError
from pipetask.observation.define_visits import define_visits
from pipetask.observation.ingest_raws import ingest_raws
from pipetask.observation.register_instrument import register_instrument
from pipetask.observation.register_skymap import register_skymap
from pipetask.observation.skymap import SkyMap


@pytest.fixture
def visits(empty_repo, cameras, simcam_file):
    register_instrument(empty_repo, cameras / "simcam.yaml")
    files = [simcam_file(1, d) for d in (0, 1)] + [simcam_file(2, 0, ra=120.0, dec=40.0)]
    ingest_raws(empty_repo, files)
    define_visits(empty_repo, "SimCam")
    return empty_repo


def test_each_group_of_visits_gets_a_tract(visits):
    skymap = register_skymap(visits, "sky", patch_size=50, patch_border=5)
    assert len(skymap.tracts) == 2
    assert skymap.pixel_scale == 0.5
    assert SkyMap.from_dict(visits.get("skyMap", skymap="sky", collections="skymaps")) == skymap
    assert visits.collections.get_info("SimCam/defaults").children[-1] == "skymaps"
    patches = visits.query_dimension_records("patch", skymap="sky", tract=0)
    assert [(p.patch, p.cell_x, p.cell_y) for p in patches][:2] == [(0, 0, 0), (1, 1, 0)]
    assert len(patches) == skymap.tracts[0].nx * skymap.tracts[0].ny


def test_visits_and_patches_meet_on_the_sky(visits):
    register_skymap(visits, "sky", patch_size=4000)
    found = visits.query_data_ids(["visit", "tract"], instrument="SimCam", skymap="sky")
    assert {(d["visit"], d["tract"]) for d in found} == {(1, 0), (2, 1)}


def test_the_same_again_is_accepted_and_another_of_the_name_is_not(visits):
    first = register_skymap(visits, "sky")
    assert register_skymap(visits, "sky") == first
    with pytest.raises(SkyMapError, match="'sky' is registered with other tracts"):
        register_skymap(visits, "sky", pixel_scale=1.0)
    register_skymap(visits, "other", where="visit = 2")
    records = visits.query_dimension_records("tract", skymap="other")
    assert len(records) == 1


def test_without_visits_there_is_nothing_to_cover(empty_repo, cameras):
    register_instrument(empty_repo, cameras / "simcam.yaml")
    with pytest.raises(SkyMapError, match="butler define-visits"):
        register_skymap(empty_repo, "sky")
