"""Thumbnails and histograms: their pixels and bars, read back."""

import base64
import io
import re

import matplotlib.image
import numpy as np
import pytest
from astropy.table import Table

from pipetask.butler import Exposure
from pipetask.reports.previews import preview


def thumbnail(obj):
    data = base64.b64decode(re.search(r"base64,([^\"]+)", preview(obj))[1])
    return matplotlib.image.imread(io.BytesIO(data), format="png")


def test_a_thumbnail_shows_stars_where_they_are_with_the_first_row_below():
    image = np.zeros((360, 720), np.float32)
    image[40:60, 600:640] = 1000.0
    image[200, 100] = np.nan
    small = thumbnail(Exposure(image))
    assert small.shape == (90, 180)
    bright = np.argwhere(small > 0.9)
    assert bright.mean(axis=0) == pytest.approx([89 - 50 / 4 + 0.5, 620 / 4 - 0.5], abs=0.6)


def test_an_image_of_nothing_is_shown_too():
    assert thumbnail(np.full((5, 7), np.nan)).shape == (5, 7)


def test_a_catalog_has_a_histogram_of_each_column_of_varied_numbers():
    table = Table({"id": [1, 2, 3], "flux": [1.0, 2.0, np.nan], "name": ["a", "b", "c"], "flag": [1, 1, 1]})
    shown = preview(table)
    assert re.findall(r"<figcaption>(\w+)<br>", shown) == ["flux", "id"]
    assert "3 rows, 4 columns" in shown
    heights = [float(height) for height in re.findall(r'height="([\d.]+)"/>', shown)]
    assert sum(height > 0 for height in heights) >= 2


@pytest.mark.parametrize("obj", [{"n": 1}, "text", np.zeros(3), Table({"a": []})])
def test_what_is_neither_image_nor_table_of_numbers_has_no_picture(obj):
    shown = preview(obj)
    assert "<img" not in shown
    assert "<svg" not in shown


def test_what_goes_over_decades_has_a_logarithmic_scale():
    """As many values in each decade: bars of about the same height."""
    flux = np.geomspace(1.0, 1e6, 4000)
    shown = preview(Table({"flux": flux, "x": np.linspace(0, 100, 4000)}))
    of_flux, of_x = (part for part in shown.split("<figure>")[1:])
    assert ", log</small>" in of_flux
    assert ", log</small>" not in of_x
    for part in (of_flux, of_x):
        heights = np.array(re.findall(r'height="([\d.]+)"/>', part), float)
        assert np.median(heights) > 30
