"""Default input collections of instruments."""

import pytest

from pipetask.butler import add_to_defaults, input_collections
from pipetask.errors import InstrumentError


def test_images_come_before_calibrations_before_sky_maps(repo):
    names = ["Cam/calib", "skymaps", "mine", "Cam/raw/all"]
    for name in names:
        repo.collections.register(name, "CALIBRATION" if name.endswith("calib") else "RUN")
    for name in ("Cam/calib", "mine", "Cam/raw/all"):
        add_to_defaults(repo, "Cam", name)
    chain = repo.collections.get_info("Cam/defaults")
    assert chain.children == ("Cam/raw/all", "Cam/calib", "mine", "skymaps")
    add_to_defaults(repo, "Cam", "mine")
    assert repo.collections.get_info("Cam/defaults").children == chain.children


def test_one_instrument_is_implied_and_several_must_be_named(repo):
    for instrument in ("Cam", "Dam"):
        repo.collections.register(f"{instrument}/defaults", "CHAINED")
    assert input_collections(repo) == ("Cam/defaults",)
    repo.registry.insert_dimension_records("instrument", [{"instrument": "Dam"}])
    assert input_collections(repo, "Dam") == ("Dam/defaults",)
    with pytest.raises(InstrumentError, match="it has 2: Cam, Dam"):
        input_collections(repo)
    with pytest.raises(InstrumentError, match="did you mean 'Cam'"):
        input_collections(repo, "Camm")


def test_they_are_searched_where_no_collections_are_named(repo):
    add_to_defaults(repo, "Cam", "first")
    repo.put({"x": 1}, "notes", detector=1, run="first")
    assert repo.get("notes", detector=1) == {"x": 1}
    repo.registry.insert_dimension_records("instrument", [{"instrument": "Dam"}])
    assert repo.get("notes", instrument="Cam", detector=1) == {"x": 1}
    assert len(repo.query_datasets("notes", instrument="Cam")) == 1


def test_an_instrument_without_defaults_says_who_makes_them(repo):
    repo.registry.insert_dimension_records("instrument", [{"name": "New"}])
    with pytest.raises(
        InstrumentError, match=r"'New' has no default collections yet: .*'New/defaults'.*ingest-raws"
    ):
        input_collections(repo, "New")
