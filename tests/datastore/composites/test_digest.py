"""Digests: equal for equal values, whatever their layout; different for whatever a user could tell apart."""

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table
from astropy.time import Time
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from datastore.composites.digest import digest
from datastore.errors import DigestError
from datastore.types.exposure import Exposure
from datastore.types.mask import Mask
from datastore.types.photo_calib import PhotoCalib
from datastore.types.psf import Psf

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=50, deadline=None)
@given(PLAIN, PLAIN)
def test_plain_values_have_equal_digests_only_if_they_are_equal(a, b):
    assert (digest(a) == digest(b)) == (repr(_sorted(a)) == repr(_sorted(b)))


def _sorted(value):
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(np.float32, hnp.array_shapes(max_dims=2, max_side=5), elements=st.floats(-1, 1, width=32)))
def test_layout_and_byte_order_of_an_array_do_not_count(array):
    assert digest(array) == digest(np.asfortranarray(array)) == digest(array.astype(">f4"))
    assert digest(array) == digest(np.repeat(array, 2, axis=0)[::2])


@pytest.mark.parametrize(
    "other", [np.zeros((2, 3)), np.zeros((3, 2), np.float32), np.zeros(6), np.ones((3, 2))]
)
def test_shape_type_and_values_of_an_array_count(other):
    assert digest(np.zeros((3, 2))) != digest(other)


def table():
    made = Table({"id": [1, 2], "flux": MaskedColumn([1.0, 2.0], mask=[False, True], unit="adu")})
    made.meta["BAND"] = "g"
    return made


def test_equal_tables_have_equal_digests():
    hidden = table()
    hidden["flux"].data.data[1] = 77.0  # below the mask
    assert digest(table()) == digest(hidden) == digest(table().copy())


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.rename_column("flux", "f"),
        lambda t: setattr(t["flux"], "unit", "nJy"),
        lambda t: setattr(t["flux"], "description", "x"),
        lambda t: t["flux"].mask.__setitem__(1, False),
        lambda t: t["id"].__setitem__(0, 5),
        lambda t: t.meta.update(BAND="r"),
        lambda t: t.remove_row(1),
    ],
)
def test_what_a_user_sees_of_a_table_counts(change):
    changed = table()
    change(changed)
    assert digest(changed) != digest(table())


def exposure():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval = 10.0, 20.0
    wcs.wcs.set()
    mask = Mask.zeros((4, 5))
    mask.set("SAT", (1, 2))
    return Exposure(
        np.ones((4, 5), np.float32), mask, wcs=wcs, psf=Psf(sigma=2.0), photoCalib=PhotoCalib(2.0)
    )


def with_changed(name):
    made = exposure()
    if name == "mask.SAT":
        made.mask.set("SAT", (3, 3))
    elif name == "wcs":
        made.wcs.wcs.crval = 11.0, 20.0
    elif name == "photoCalib":
        made.photoCalib = PhotoCalib(3.0)
    elif name == "image":
        made.image[0, 0] = 2
    elif name == "psf":
        made.psf = Psf(sigma=2.5)
    return made


@pytest.mark.parametrize("name", ["mask.SAT", "wcs", "photoCalib", "image", "psf"])
def test_each_component_of_an_exposure_counts_unless_it_is_left_out(name):
    assert digest(with_changed(name)) != digest(exposure())
    assert digest(with_changed(name), without=[name]) == digest(exposure(), without=[name])


def test_a_plane_that_is_left_out_may_be_absent():
    bare = exposure()
    bare.mask = Mask(bare.mask.array & ~np.int32(bare.mask.bits("SAT")), {"BAD": 0})
    named = exposure()
    named.mask = Mask(named.mask.array.copy(), {"BAD": 0, "SAT": 1})
    assert digest(bare, without=["mask.SAT"]) == digest(named, without=["mask.SAT"])


def test_time_counts_with_its_scale():
    assert digest(Time(50000.0, format="mjd", scale="tai")) != digest(
        Time(50000.0, format="mjd", scale="utc")
    )


def test_unknown_type_is_refused():
    with pytest.raises(DigestError, match=r"builtins\.object can't be compared by value"):
        digest(object())
