"""Large circles: each pixel of the boundary has its weight once, wherever the arc is cut into caps."""

import numpy as np
import pytest
from photutils.aperture import CircularAperture

from pipetask.photometry import aperture_photometry


@pytest.mark.parametrize("radius", [16.0001, 17.0, 21.37, np.sqrt(0.5 + 2 * 14**2), 33.3, 70.0])
def test_weights_of_single_pixels_are_those_of_photutils(radius):
    size = int(np.ceil(radius)) + 2
    places = [0.0, 0.5, -0.5, 0.5 - 1e-13, -0.5 + 1e-13, 0.25, 1e-12, 0.3137, -0.4071]
    rng = np.random.default_rng(1)
    for fx in places:
        x, y = size + fx, size + rng.choice(places)
        wanted = CircularAperture((x, y), radius).to_mask(method="exact").to_image((2 * size + 1,) * 2)
        # pixels of very different size, so that a weight in the wrong place shows
        for _ in range(3):
            image = rng.normal(size=wanted.shape) * 10.0 ** rng.integers(0, 4, wanted.shape)
            flux = aperture_photometry(image, [x], [y], radius).flux[0]
            squares = aperture_photometry(image, [x], [y], radius, variance=image**2).flux_err[0]
            assert flux == pytest.approx((wanted * image).sum(), abs=1e-12 * (wanted * abs(image)).sum())
            assert squares == pytest.approx(np.sqrt((wanted**2 * image**2).sum()), rel=1e-11)
