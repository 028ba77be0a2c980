"""Use case 9: an exposure whose WCS, or one of whose images, is that of another dataset; without an assembler."""

import numpy as np
import pytest

from pipetask.butler import Mask
from pipetask.errors import AssemblyError

ID = {"instrument": "Cam", "visit": 2, "detector": 1}
DEFINITION = """
composites:
  replaced:
    storageClass: ExposureF
    dimensions: [visit, detector]
    base: calexp
    components: {COMPONENT: DATASET}
"""
BOTH = ["later", "single"]


def put_part(repo, define, component, dataset, part):
    define(DEFINITION.replace("COMPONENT", component).replace("DATASET", dataset))
    repo.put(part, dataset, ID, run="later")


def test_mask_is_replaced(repo, define, make):
    mask = Mask.zeros((40, 50), {"MINE": 3})
    mask.set("MINE", (slice(0, 3), slice(None)))
    put_part(repo, define, "mask", "new_mask", mask)
    got = repo.get("replaced", ID, collections=BOTH)
    assert got.mask == mask
    np.testing.assert_array_equal(got.image, make.exposure(21).image)


def test_wcs_is_replaced(repo, define, make):
    put_part(repo, define, "wcs", "new_wcs", make.wcs(200.0, -30.0))
    assert repo.get("replaced", ID, collections=BOTH).wcs.wcs.crval.tolist() == [200.0, -30.0]


def test_variance_is_replaced_in_cut_outs_too(repo, define):
    from pipetask.butler import Box

    variance = np.arange(2000, dtype=np.float32).reshape(40, 50)
    put_part(repo, define, "variance", "new_variance", variance)
    got = repo.get("replaced", ID, collections=BOTH, parameters={"bbox": Box(7, 3, 4, 2)})
    np.testing.assert_array_equal(got.variance, variance[3:5, 7:11])


@pytest.mark.parametrize(
    ("component", "dataset", "part"),
    [
        ("variance", "new_variance", np.ones((40, 49), np.float32)),
        ("mask", "new_mask", Mask.zeros((50, 40))),
    ],
)
def test_plane_of_another_shape_is_refused(repo, define, component, dataset, part):
    put_part(repo, define, component, dataset, part)
    with pytest.raises(AssemblyError, match=rf"'replaced'.*{component!r} has the shape"):
        repo.get("replaced", ID, collections=BOTH)
