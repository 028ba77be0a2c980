"""Boxes, masks, backgrounds, exposures and the small values that describe them."""

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datastore.errors import InvalidValueError, ParameterError, UnknownComponentError
from datastore.types.background import Background, BackgroundMesh
from datastore.types.box import Box
from datastore.types.exposure import Exposure, from_ccddata
from datastore.types.log_records import LogRecords
from datastore.types.mask import Mask
from datastore.types.packages import Packages
from datastore.types.photo_calib import PhotoCalib
from datastore.types.psf import Psf
from datastore.types.task_metadata import TaskMetadata

bounded = settings(max_examples=50, deadline=None)
boxes = st.builds(Box, st.integers(-9, 9), st.integers(-9, 9), st.integers(0, 9), st.integers(0, 9))


def pixels(box: Box) -> set[tuple[int, int]]:
    return {(x, y) for x in range(box.x0, box.x1) for y in range(box.y0, box.y1)}


@bounded
@given(boxes, boxes)
def test_box_operations_are_those_of_sets_of_pixels(a, b):
    assert pixels(a.intersection(b)) == pixels(a) & pixels(b)
    assert a.area == len(pixels(a))
    if b.area:
        assert a.contains(b) == (pixels(b) <= pixels(a))
    assert pixels(a.shifted(2, -3)) == {(x + 2, y - 3) for x, y in pixels(a)}


@bounded
@given(boxes)
def test_box_slices_select_its_pixels(box):
    parent = Box(-20, -20, 50, 50)
    y, x = np.mgrid[-20:30, -20:30]
    part = box.slices(parent)
    assert set(zip(x[part].ravel().tolist(), y[part].ravel().tolist(), strict=True)) == pixels(box)


def test_grown_box_has_more_on_each_side():
    assert Box(5, 6, 3, 4).grown(2) == Box(3, 4, 7, 8)
    assert Box(5, 6, 3, 4).grown(-2).area == 0


@pytest.mark.parametrize("values", [(0, 0, -1, 2), (0.5, 0, 1, 1)])
def test_impossible_box_is_refused(values):
    with pytest.raises(InvalidValueError):
        Box(*values)


def test_mask_planes_are_bits_of_the_array():
    mask = Mask.zeros((2, 3), {"A": 0, "B": 5})
    mask.set("B", (0, 1))
    mask.set("NEW", np.array([[True, False, False], [False, False, True]]))
    assert mask.planes == {"A": 0, "B": 5, "NEW": 1}
    assert mask.array.tolist() == [[2, 32, 0], [0, 0, 2]]
    assert mask.bits(["A", "B"]) == 33
    assert mask.any(["B", "NEW"]).tolist() == [[True, True, False], [False, False, True]]
    assert np.array_equal(mask.any(), mask.array > 0)
    mask.set("NEW", value=False)
    assert not mask["NEW"].any()


def test_unknown_mask_plane_suggests_the_nearest():
    with pytest.raises(UnknownComponentError, match="did you mean 'DETECTED'"):
        Mask.zeros((1, 1)).any("DETECTD")


def test_mask_of_floats_or_with_shared_bits_is_refused():
    with pytest.raises(InvalidValueError, match="integers"):
        Mask(np.zeros((2, 2)))
    with pytest.raises(InvalidValueError, match="share a bit"):
        Mask.zeros((1, 1), {"A": 1, "B": 1})


def test_mask_has_31_planes_and_no_more():
    mask = Mask.zeros((1, 1), {})
    for i in range(31):
        mask.set(f"P{i}")
    assert mask.array[0, 0] == 2**31 - 1
    with pytest.raises(InvalidValueError, match="No bit is left"):
        mask.add_plane("one more")


def test_background_mesh_is_interpolated_as_photutils_does():
    from photutils.background import Background2D, MedianBackground

    y, x = np.mgrid[:100, :130]
    image = 100 + 0.1 * x + 5 * np.sin(y / 20)
    theirs = Background2D(image, (16, 24), filter_size=1, bkg_estimator=MedianBackground())
    ours = Background(image.shape, (BackgroundMesh(theirs.background_mesh, (16, 24)),))
    assert np.allclose(ours.image(), theirs.background, rtol=1e-6)


def test_backgrounds_add_up():
    total = Background.constant(2.5, (3, 4)) + Background.constant(-1, (3, 4))
    assert total.image().tolist() == [[1.5] * 4] * 3
    assert not Background((3, 4)).image().any()
    with pytest.raises(InvalidValueError, match="can't be added"):
        total + Background((4, 3))


def test_background_mesh_that_does_not_cover_the_image_is_refused():
    mesh = BackgroundMesh(np.ones((2, 2)), (10, 10))
    with pytest.raises(InvalidValueError, match="does not cover"):
        mesh.image((21, 20))
    with pytest.raises(InvalidValueError, match="finite"):
        BackgroundMesh(np.array([[np.nan]]), (1, 1))


def test_photo_calib_agrees_with_the_ab_zero_point():
    calib = PhotoCalib.from_zero_point(25.0)
    assert calib.magnitude([1.0, 100.0]).tolist() == pytest.approx([25.0, 20.0])
    assert calib.zero_point == pytest.approx(25.0)
    # m = 31.4 is one nanojansky
    assert PhotoCalib.from_zero_point(31.4).nanojansky(7.0) == pytest.approx(7.0)
    assert np.isnan(calib.magnitude(-1.0))
    # 3 % of the counts and 4 % of the calibration are 5 % of the flux
    calib = PhotoCalib(2.0, 0.08)
    assert calib.nanojansky_error(100.0, 3.0) == pytest.approx(10.0)
    assert calib.magnitude_error([100.0], [3.0]).tolist() == pytest.approx([2.5 / np.log(10) * 0.05])
    assert np.isnan(calib.magnitude_error(-1.0, 1.0))
    with pytest.raises(InvalidValueError):
        PhotoCalib(0.0)


def test_psf_kernel_sums_to_one_and_has_the_width():
    kernel = Psf(2.0).kernel(41)
    x = np.arange(41) - 20
    assert kernel.sum() == pytest.approx(1)
    assert kernel.sum(0) @ x**2 == pytest.approx(4.0, rel=1e-6)
    assert Psf(kernel=5 * kernel).sigma == pytest.approx(2.0, rel=1e-6)
    assert Psf(1.0).fwhm == pytest.approx(2.3548200450309493)


@pytest.mark.parametrize(
    "arguments", [{}, {"sigma": 1.0, "kernel": [[1]]}, {"sigma": -1.0}, {"kernel": [[1, 2]]}]
)
def test_impossible_psf_is_refused(arguments):
    with pytest.raises(InvalidValueError):
        Psf(**arguments)


@pytest.fixture
def exposure() -> Exposure:
    """Pixels that tell their parent's coordinates: x + 100 y."""
    y, x = np.mgrid[20:30, 7:15]
    return Exposure((x + 100 * y).astype(float), x0=7, y0=20)


def test_cutout_shares_pixels_and_knows_its_place(exposure):
    part = exposure.cutout(Box(9, 25, 3, 2))
    assert part.image[0, 0] == 2509
    assert part.bbox == Box(9, 25, 3, 2)
    assert np.array_equal(exposure.cutout(Box(2, 5, 3, 2), origin="local").image, part.image)
    part.image[0, 0] = -1
    part.mask.set("CR", (0, 0))
    assert (exposure.image[5, 2], exposure.mask["CR"][5, 2]) == (-1, True)


def test_copy_shares_nothing(exposure):
    other = exposure.copy()
    other.image[:] = 0
    other.mask.set("CR")
    other.metadata["a"] = 1
    assert exposure.image.all()
    assert not exposure.mask.array.any()
    assert not exposure.metadata


@pytest.mark.parametrize("box", [Box(6, 20, 2, 2), Box(7, 20, 9, 1), Box(7, 20, 0, 1)])
def test_cutout_outside_is_refused(exposure, box):
    with pytest.raises(ParameterError, match="not a part of"):
        exposure.cutout(box)
    with pytest.raises(ParameterError, match="origin"):
        exposure.cutout(Box(7, 20, 1, 1), origin="PARENT")


def test_planes_of_other_shapes_are_refused():
    with pytest.raises(InvalidValueError, match="shape"):
        Exposure(np.ones((2, 3)), mask=np.zeros((3, 2), int))
    with pytest.raises(InvalidValueError, match="dimensions"):
        Exposure(np.ones(3))


def test_ccddata_there_and_back(exposure):
    exposure.mask.set("SAT", (1, 1))
    exposure.mask.set("DETECTED", (2, 2))
    exposure.variance[:] = 4
    ccd = exposure.to_ccddata()
    assert np.argwhere(ccd.mask).tolist() == [[1, 1]]
    assert ccd.uncertainty.array[0, 0] == 4
    assert np.shares_memory(ccd.data, exposure.image)
    again = from_ccddata(ccd)
    assert np.array_equal(again.image, exposure.image)
    assert np.array_equal(again.mask.array, exposure.mask.array)


def test_ccddata_of_others_keeps_mask_and_deviation():
    from astropy.nddata import CCDData, StdDevUncertainty

    bad = np.array([[True, False]])
    ccd = CCDData([[1.0, 2.0]], unit="electron", mask=bad, uncertainty=StdDevUncertainty([[3.0, 4.0]]))
    exposure = from_ccddata(ccd)
    assert exposure.variance.tolist() == [[9.0, 16.0]]
    assert np.array_equal(exposure.mask["BAD"], bad)
    assert exposure.unit == "electron"


def test_metadata_levels_are_reached_by_dots():
    metadata = TaskMetadata({"a": {"b": 1}})
    metadata["a.c.d"] = np.float64(2.5)
    metadata.add("a.b", 2)
    metadata.add("new", 3)
    assert metadata.to_json() == {"a": {"b": [1, 2], "c": {"d": 2.5}}, "new": 3}
    assert (metadata.getScalar("a.b"), metadata.getArray("new")) == (2, [3])
    assert metadata.names() == ["a.b", "a.c.d", "new"]
    assert "a.c" in metadata
    assert "a.x" not in metadata
    del metadata["a.c"]
    assert metadata == {"a": TaskMetadata({"b": [1, 2]}), "new": 3}
    with pytest.raises(TypeError, match="plain values"):
        metadata["x"] = object()
    with pytest.raises(KeyError):
        metadata["new.b"] = 1


def test_log_records_keep_message_and_traceback():
    records = LogRecords()
    logger = logging.getLogger("a.b")
    handler = logging.Handler()
    handler.emit = records.append
    logger.addHandler(handler)
    logger.warning("n=%d", 3)
    try:
        int("boo")
    except ValueError:
        logger.exception("failed")
    logger.removeHandler(handler)
    assert [(r.level, r.name, r.message) for r in records] == [(30, "a.b", "n=3"), (40, "a.b", "failed")]
    assert "ValueError: invalid literal" in str(records)


def test_packages_tell_what_differs():
    system = Packages.from_system()
    assert system["numpy"] == np.__version__
    changed = Packages({**system, "numpy": "0"})
    assert system.difference(changed) == {"numpy": (np.__version__, "0")}
