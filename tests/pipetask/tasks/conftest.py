"""Images and catalogs small enough to be checked by hand."""

import numpy as np
import pytest
from astropy.table import Table

from pipetask import Exposure


@pytest.fixture
def exposure():
    """Flat image of 2.0 with a star (a 3 x 3 block of 100) on (30, 20); variance 4 everywhere."""
    image = np.full((60, 80), 2.0, dtype=np.float32)
    image[19:22, 29:32] = 100.0
    return Exposure(image, variance=np.full(image.shape, 4.0, np.float32), unit="electron")


@pytest.fixture
def sources():
    """The star, a place in the sky, one on the edge, one off the image and one without a centre."""
    table = Table(
        {"id": np.arange(1, 6), "x": [30.0, 60.3, 0.0, -50.0, np.nan], "y": [20.0, 40.1, 30.0, 30.0, 30.0]},
        descriptions={"x": "centre"},
        units={"x": "pix", "y": "pix"},
        meta={"origin": "test"},
    )
    table["name"] = ["star", "sky", "edge", "off", "lost"]
    return table
