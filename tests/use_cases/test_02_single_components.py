"""Use case 2: one component of an exposure, by the same call whether all are in one file or each in its own."""

from pathlib import Path

import numpy as np
import pytest

from pipetask.butler import Box, Butler, PhotoCalib

ID = {"instrument": "Cam", "visit": 1, "detector": 0}


@pytest.fixture(params=["together", "apart"])
def stored(request, repo, make):
    """Butler of a repository that keeps exposures in one file, or in one for each component; with one of them."""
    if request.param == "apart":
        config = Path(repo.root) / "butler.yaml"
        config.write_text(config.read_text().replace("datastore: {}", "datastore: {disassemble: [calexp]}"))
    with Butler.from_config(repo.root, run="later") as butler:
        butler.put(make.exposure(3), "calexp", ID)
        files = [path for path in (Path(repo.root) / "later").rglob("*") if path.is_file()]
        assert len(files) == 1 if request.param == "together" else len(files) > 5
        yield butler


@pytest.mark.parametrize(
    ("component", "value"),
    [
        ("photoCalib", PhotoCalib(2.0)),
        ("filter", "Cam-r"),
        ("bbox", Box(0, 0, 50, 40)),
        ("metadata", {"SEED": 3}),
        ("background", None),
    ],
)
def test_component_is_had_by_the_same_call(stored, component, value):
    got = stored.get(f"calexp.{component}", ID)
    assert got == value if component != "metadata" else got["SEED"] == value["SEED"]


def test_plane_of_the_mask_is_a_component_of_a_component(stored, make):
    np.testing.assert_array_equal(stored.get("calexp.mask.SAT", ID), make.exposure(3).mask["SAT"])


def test_component_may_be_read_later(stored):
    handle = stored.getDeferred("calexp", ID)
    assert handle.get(component="psf").sigma == 1.7


def test_unknown_component_names_those_there_are(stored):
    with pytest.raises(LookupError, match=r"no component 'pfs' \(did you mean 'psf'\?\).*photoCalib"):
        stored.get("calexp.pfs", ID)
