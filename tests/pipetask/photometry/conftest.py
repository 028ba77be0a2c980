"""Small images and an independent reference: photutils' weights, summed in plain numpy one source at a time."""

import numpy as np
import pytest
from photutils.aperture import CircularAperture


class Reference:
    """Σ w·pixel, Σ w, sqrt(Σ w²·variance) and Σ w·|pixel| per source, from photutils' weights."""

    def __init__(self, image, x, y, radius, *, method="exact", subpixels=5, variance=None, mask=None):
        usable = np.isfinite(image) if mask is None else np.isfinite(image) & (mask == 0)
        columns = [
            self._one(image, variance, usable, x, y, radius, method, subpixels)
            for x, y in zip(x, y, strict=True)
        ]
        self.flux, self.area, self.flux_err, self.scale = np.array(columns).T

    @staticmethod
    def _one(image, variance, usable, x, y, radius, method, subpixels):
        mask = CircularAperture((x, y), radius).to_mask(method=method, subpixels=subpixels)
        large, small = mask.get_overlap_slices(image.shape)
        if large is None:
            return np.nan, 0.0, np.nan, np.nan
        weights = mask.data[small] * usable[large]
        pixels = np.where(usable[large], image[large], 0).astype(float)
        error = (
            0.0
            if variance is None
            else np.sqrt((weights**2 * np.where(usable[large], variance[large], 0)).sum())
        )
        return (weights * pixels).sum(), weights.sum(), error, (weights * abs(pixels)).sum()

    def agrees_with(self, result, tolerance=1e-12):
        """Compare on every source whose aperture covers a usable pixel and whose centre is usable."""
        measured = (self.area > 0) & (result.flags & 8 == 0)
        assert measured.any()
        assert (abs(result.flux - self.flux)[measured] <= tolerance * self.scale[measured]).all()
        assert (abs(result.area - self.area)[measured] <= tolerance * self.area[measured]).all()
        if result.flux_err is not None:
            assert (
                abs(result.flux_err - self.flux_err)[measured] <= tolerance * self.flux_err[measured]
            ).all()
        assert np.isnan(result.flux[~measured]).all()


@pytest.fixture
def reference():
    return Reference


@pytest.fixture
def noise():
    """Image of 90 x 100 pixels about 100 ± 10; do not change."""
    return np.random.default_rng(1).normal(100, 10, (90, 100)).astype(np.float32)


@pytest.fixture
def positions():
    """Everywhere on ``noise``, on and over its edges, and the tricky ones: on and next to centres, sides and corners."""
    rng = np.random.default_rng(2)
    tricky = np.array([0, 0.5, -0.5, 0.25, 1 / 3, 1e-12, 0.5 - 1e-12, 0.5 + 1e-12])
    tricky_x, tricky_y = (grid.ravel() + 45 for grid in np.meshgrid(tricky, tricky))
    edges = np.array([-0.5, 0.0, -3.0, 45.0, 89.5, 99.5, 103.0])
    edge_x, edge_y = (grid.ravel() for grid in np.meshgrid(edges, edges))
    return (
        np.concatenate([rng.uniform(-2, 101, 60), tricky_x, edge_x]),
        np.concatenate([rng.uniform(-2, 91, 60), tricky_y, edge_y]),
    )
