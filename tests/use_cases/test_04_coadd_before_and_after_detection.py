"""Use case 4: detection changes the background and one mask plane of a coadd; nothing else is written again."""

from pathlib import Path

import numpy as np
import pytest

from datastore.types.background import BackgroundMesh
from pipetask.butler import Background
from pipetask.errors import CompositePutError

ID = {"skymap": "s", "tract": 0, "patch": 1, "band": "r"}
DEFINITION = """
composites:
  deepCoadd_detected:
    storageClass: ExposureF
    dimensions: [tract, patch, band]
    base: deepCoadd
    components:
      background: detected_background
      mask.DETECTED: detected_plane
"""


def background():
    return Background((40, 50), (BackgroundMesh(np.array([[1.0, 2.0], [3.0, 4.0]]), (20, 25), 1),))


@pytest.fixture
def detected(repo, define, make):
    """The coadd before detection is in ``single``; detection ran on it and put its result into ``later``."""
    define(DEFINITION)
    repo.put(make.exposure(5), "deepCoadd", ID, run="single")
    with repo.from_config(repo.root, run="later", collections=["later", "single"]) as butler:
        coadd = butler.get("deepCoadd", ID)
        coadd.background = background()
        coadd.mask.set("DETECTED", coadd.image > 105)
        butler.put(coadd, "deepCoadd_detected", ID)
    return repo


def test_only_background_and_plane_are_written_again(detected):
    folder = Path(detected.root) / "later"
    files = sorted(path.relative_to(folder).parts[0] for path in folder.rglob("*") if path.is_file())
    assert files == ["detected_background", "detected_plane"]


def test_both_states_are_had(detected, make):
    before = detected.get("deepCoadd", ID, collections=["later", "single"])
    after = detected.get("deepCoadd_detected", ID, collections=["later", "single"])
    original = make.exposure(5)
    assert before.background is None
    assert not before.mask.any("DETECTED").any()
    np.testing.assert_array_equal(after.background.image(), background().image())
    np.testing.assert_array_equal(after.mask["DETECTED"], original.image > 105)
    np.testing.assert_array_equal(after.mask["SAT"], original.mask["SAT"])
    np.testing.assert_array_equal(after.image, original.image)


def test_mask_as_a_component_has_the_plane_of_the_later_state(detected, make):
    mask = detected.get("deepCoadd_detected.mask", ID, collections=["later", "single"])
    np.testing.assert_array_equal(mask["DETECTED"], make.exposure(5).image > 105)
    np.testing.assert_array_equal(mask["SAT"], make.exposure(5).mask["SAT"])


def test_another_plane_that_changed_is_told(repo, define, make):
    define(DEFINITION)
    repo.put(make.exposure(5), "deepCoadd", ID, run="single")
    with repo.from_config(repo.root, run="later", collections=["later", "single"]) as butler:
        coadd = butler.get("deepCoadd", ID)
        coadd.background = background()
        coadd.mask.set("CR", coadd.image > 105)
        with pytest.raises(CompositePutError, match=r"'deepCoadd'.*inputOnly"):
            butler.put(coadd, "deepCoadd_detected", ID)
