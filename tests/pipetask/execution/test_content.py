"""The first difference of two contents: of every kind of thing that datasets hold."""

import numpy as np
import pyarrow as pa
import pytest
from astropy.table import MaskedColumn, QTable, Table
from astropy.wcs import WCS

from pipetask.butler import Box, Exposure
from pipetask.execution.content import first_difference


def exposure(**changes):
    image = np.zeros((3, 4), np.float32)
    values = {"image": image, "filter": "J", "metadata": {"EXPTIME": 7.8}, "wcs": WCS(naxis=2)} | changes
    return Exposure(values.pop("image"), **values)


def image(*place):
    pixels = np.zeros((3, 4), np.float32)
    pixels[place] = 2.0
    return pixels


def shifted():
    wcs = WCS(naxis=2)
    wcs.wcs.crpix = [5.0, 0.0]
    return wcs


NAN = float("nan")
TABLE = {"id": [1, 2, 3], "flux": [1.0, NAN, 3.0]}


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        (1, 1, ""),
        (NAN, NAN, ""),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, "['a'][1]['b'] is 3, was 2"),
        ({"a": 1}, {}, "it lacks 'a'"),
        ({}, {"a": 1}, "it has 'a', had not"),
        ([1, 2], [1], "it has 1 elements, had 2"),
        (1, 1.0, "it is a float, was a int"),
        (np.array([1.0, NAN]), np.array([1.0, NAN]), ""),
        (
            np.arange(6).reshape(2, 3),
            np.array([[0, 1, 2], [7, 4, 9]]),
            "[1, 0] is 7, was 3 (2 of 6 values differ)",
        ),
        (np.zeros(2), np.zeros(3), "it is float64 (3,), was float64 (2,)"),
        (np.zeros(2, "f4"), np.zeros(2), "it is float64 (2,), was float32 (2,)"),
        (Table(TABLE), Table(TABLE), ""),
        (
            Table(TABLE),
            Table(TABLE | {"flux": [1.0, 2.0, 3.0]}),
            "['flux'][1] is 2.0, was nan (1 of 3 values differ)",
        ),
        (Table(TABLE), Table(TABLE)[:2], "rows has 2 elements, had 3"),
        (Table(TABLE), Table({"id": [1, 2, 3]}), "columns has 1 elements, had 2"),
        (
            QTable(TABLE, units={"flux": "Jy"}),
            QTable(TABLE, units={"flux": "nJy"}),
            "['flux'] has unit nJy, had Jy",
        ),
        (
            Table({"a": MaskedColumn([1, 2], mask=[False, True])}),
            Table({"a": MaskedColumn([1, 2], mask=[False, False])}),
            "['a'].mask[1] is False, was True (1 of 2 values differ)",
        ),
        (
            pa.table(TABLE),
            pa.table(TABLE | {"id": [1, 2, 4]}),
            "['id'][2] is 4, was 3 (1 of 3 values differ)",
        ),
        (Box(0, 0, 4, 3), Box(0, 0, 4, 3), ""),
        (exposure(), exposure(), ""),
        (exposure(), exposure(image=image(1, 2)), "image[1, 2] is 2.0, was 0.0 (1 of 12 values differ)"),
        (exposure(), exposure(filter="H"), "filter is 'H', was 'J'"),
        (exposure(), exposure(metadata={"EXPTIME": 7.9}), "metadata['EXPTIME'] is 7.9, was 7.8"),
        (exposure(wcs=shifted()), exposure(wcs=shifted()), ""),
    ],
)
def test_the_first_difference_is_told_with_both_values(old, new, difference):
    assert first_difference(old, new) == difference


def test_coordinate_systems_differ_by_their_keywords():
    assert first_difference(exposure(), exposure(wcs=shifted())).startswith("wcs")
