"""What may be handed in: types, shapes, byte orders, no sources, several radii; and what is refused."""

import numpy as np
import pytest

from pipetask.photometry import Annulus, PhotometryError, aperture_photometry


@pytest.mark.parametrize("dtype", ["f4", "f8", ">f4", ">f8", "i2", ">i2", "u1", "i8", "?"])
@pytest.mark.parametrize("radius", [3.0, 18.0])
def test_every_real_type_gives_the_same_sums(dtype, radius):
    image = np.random.default_rng(1).integers(0, 2 if dtype == "?" else 100, (60, 50)).astype(dtype)
    x, y = np.array([25.2, 1.0]), np.array([29.7, 40.0])
    mask = (image > 90).astype(">i4")
    expected = aperture_photometry(image.astype(float), x, y, radius, mask=mask.astype(bool))
    result = aperture_photometry(image, x, y, radius, mask=mask)
    assert np.array_equal(result.flux, expected.flux, equal_nan=True)
    assert np.array_equal(result.area, expected.area)


def test_arrays_in_any_memory_order_are_read_right_and_never_changed():
    base = np.random.default_rng(1).normal(size=(80, 120))
    base[30, 30] = np.nan
    before = base.copy()
    for view in (base.T, base[::2, ::-1], np.asfortranarray(base)):
        view.setflags(write=False)
        whole = np.array(view, order="C")
        x, y = np.array([20.0, 15.5]), np.array([20.0, 15.0])
        result = aperture_photometry(view, x, y, 4.0, variance=abs(view), mask=view > 2)
        assert np.array_equal(
            result.flux, aperture_photometry(whole, x, y, 4.0, mask=whole > 2).flux, equal_nan=True
        )
    assert np.array_equal(base, before, equal_nan=True)


def test_several_radii_are_columns_in_the_order_given():
    image = np.random.default_rng(1).normal(size=(60, 60))
    x, y = np.array([30.0, 3.0, 28.0]), np.array([30.0, 50.0, 31.0])
    radii = [6.0, 2.0, 17.0]
    together = aperture_photometry(image, x, y, radii, variance=image**2, annulus=Annulus(8, 12))
    assert (
        together.flux.shape
        == together.flux_err.shape
        == together.area.shape
        == together.flags.shape
        == (3, 3)
    )
    assert together.background.shape == (3,)
    for column, radius in enumerate(radii):
        alone = aperture_photometry(image, x, y, radius, variance=image**2, annulus=Annulus(8, 12))
        for name in ("flux", "flux_err", "area", "flags"):
            assert np.array_equal(getattr(together, name)[:, column], getattr(alone, name))


@pytest.mark.parametrize("shape", [(50, 50), (0, 0), (1, 1)])
def test_no_sources_and_no_pixels_give_empty_or_nan_columns(shape):
    image = np.ones(shape)
    none = aperture_photometry(image, [], [], [2.0, 3.0], annulus=Annulus(4, 6, "median"))
    assert none.flux.shape == (0, 2)
    one = aperture_photometry(image, [40.0], [70.0], 2.0, annulus=Annulus(4, 6, "median"))
    assert np.isnan(one.flux[0])
    assert one.area[0] == 0


def test_the_order_and_number_of_sources_do_not_matter():
    image = np.random.default_rng(1).normal(size=(200, 200))
    x, y = np.random.default_rng(2).uniform(-5, 205, (2, 5000))
    every = aperture_photometry(image, x, y, 4.0).flux
    some = np.random.default_rng(3).permutation(5000)[:100]
    assert np.allclose(
        every[some],
        aperture_photometry(image, x[some], y[some], 4.0).flux,
        rtol=1e-13,
        atol=1e-12,
        equal_nan=True,
    )


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (([1.0], [1.0], 0.0), {}, "radii are 0.0"),
        (([1.0], [1.0], np.nan), {}, "radii are nan"),
        (([1.0], [1.0], [3.0, -1.0]), {}, "radii are"),
        (([1.0], [1.0], []), {}, r"radii are \[\]"),
        (([1.0, 2.0], [1.0], 3.0), {}, "x and y"),
        (([1.0], [1.0], 3.0), {"mask": np.zeros((3, 3), bool)}, "mask has shape"),
        (([1.0], [1.0], 3.0), {"variance": np.zeros((9, 9), complex)}, "variance is"),
        (([1.0], [1.0], 3.0), {"method": "median"}, "'median'"),
        (([1.0], [1.0], 3.0), {"method": "subpixel", "subpixels": 0}, "subpixels is 0"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_by_name(arguments, options, words):
    with pytest.raises(PhotometryError, match=words):
        aperture_photometry(np.ones((9, 9)), *arguments, **options)


@pytest.mark.parametrize(("n", "radius"), [(20_000, 30.0), (3, 2000.0)])
def test_memory_grows_neither_with_the_number_of_sources_nor_with_the_radius(n, radius):
    import tracemalloc

    image = np.ones((700, 700), np.float32)
    x, y = np.random.default_rng(1).uniform(40, 660, (2, n))
    tracemalloc.start()
    aperture_photometry(image, x, y, radius)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6  # windows for all sources would be 600 MB


@pytest.mark.parametrize("radii", [0.5, [0.3, 0.4, 0.5]])
def test_memory_is_bounded_for_any_number_of_sources(radii):
    import tracemalloc

    image = np.ones((100, 100), np.float32)
    x, y = np.random.default_rng(1).uniform(-2, 102, (2, 300_000))
    tracemalloc.start()
    result = aperture_photometry(image, x, y, radii, variance=image)
    now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.count_nonzero(result.flags) > 0
    assert peak - now < 64 * 2**20


@pytest.mark.parametrize(
    ("radii", "annulus", "neighbour_radius"),
    [
        ([4.0], (6, 10), None),
        ([4.0], (6, 10), 3.0),
        ([3.0, 12.0, 40.0, 70.0], (20, 40), None),
        ([4.0], (30, 60), None),
        ([4.0], (90, 120), None),
    ],
)
@pytest.mark.parametrize("statistic", ["mean", "clipped_median"])
def test_memory_is_bounded_with_masks_edges_and_rings(radii, annulus, neighbour_radius, statistic):
    import tracemalloc

    rng = np.random.default_rng(1)
    n = 20_000 if max(*radii, *annulus) < 20 else 500
    image, variance = rng.normal(100, 10, (2, 500, 600)).astype(np.float32)
    mask = rng.random(image.shape) < 0.02
    image[mask] = np.nan
    image[100, 100] = np.inf
    x, y = rng.uniform(-10, 610, n), rng.uniform(-10, 510, n)
    ring = Annulus(*annulus, statistic=statistic, neighbour_radius=neighbour_radius)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    result = aperture_photometry(image, x, y, radii, variance=variance, mask=mask, annulus=ring)
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result.flux.shape == (n, len(radii))
    assert peak - after < 64 * 2**20
    assert after - before < 16 * 8 * n * len(radii) + 2**20
