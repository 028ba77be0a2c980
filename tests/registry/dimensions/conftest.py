import pytest

from registry.dimensions import DimensionUniverse


@pytest.fixture
def universe():
    return DimensionUniverse.default()
