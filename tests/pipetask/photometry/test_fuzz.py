"""Any shape, type, byte order and stride, with masks and NaN: the fast paths give what the general one gives."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipetask.photometry import Annulus, aperture_photometry

DTYPES = ["f4", ">f4", "f8", ">f8", "i2", ">i2", "u1", "i4", "u2"]


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 50), st.integers(1, 50)),
    st.sampled_from(DTYPES),
    st.sampled_from(["C", "F", "stepped", "reversed"]),
    st.sampled_from(["exact", "center", "subpixel"]),
    st.lists(st.floats(0.05, 30), min_size=1, max_size=3),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_circles_are_what_ellipses_of_equal_axes_are(shape, dtype, layout, method, radii, masked, seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(1, 100, (2 * shape[0], 2 * shape[1])).astype(dtype)
    if image.dtype.kind == "f":
        image[rng.random(image.shape) < 0.002] = np.nan
    image = {
        "C": image.copy(),
        "F": np.asfortranarray(image),
        "stepped": image[::2, ::2],
        "reversed": image[::-1, ::-1],
    }[layout]
    mask = rng.random(image.shape) < 0.05 if masked else None
    x, y = rng.uniform(-5, image.shape[1] + 5, 20), rng.uniform(-5, image.shape[0] + 5, 20)
    options = {
        "mask": mask,
        "method": method,
        "annulus": Annulus(2, 5, method=method),
        "variance": np.ones(image.shape),
    }
    circles = aperture_photometry(image, x, y, radii, **options)
    general = aperture_photometry(image, x, y, radii, ellipse=(1.0, 1.0, 0.0), **options)
    for name in ("flux", "flux_err", "area", "background"):
        found, expected = getattr(circles, name), getattr(general, name)
        assert np.allclose(found, expected, rtol=1e-9, atol=1e-7, equal_nan=True), name
    assert np.array_equal(circles.flags, general.flags)
