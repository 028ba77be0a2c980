"""What may be handed in: types, shapes, byte orders, no sources, several radii; and what is refused."""

import numpy as np
import pytest
from astropy import table, units
from astropy.nddata import CCDData
from astropy.utils.masked import Masked

from pipetask.photometry import Annulus, ApertureFlag, PhotometryError, aperture_photometry


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


def test_settings_of_numpy_are_as_they_were_afterwards():
    before = np.getbufsize(), np.geterr()
    aperture_photometry(np.ones((30, 30)), [15.0], [15.0], 4.0, annulus=Annulus(6, 10, method="exact"))
    assert (np.getbufsize(), np.geterr()) == before


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
        (([1.0], [1.0], 0.0), {}, "radius is 0.0"),
        (([1.0], [1.0], np.nan), {}, "radius is nan"),
        (([1.0], [1.0], np.inf), {}, "radius is inf"),
        (([1.0], [1.0], 1e9), {}, "radius is 1000000000.0"),
        (([1.0], [1.0], None), {}, "radius is nan"),
        (([1.0], [1.0], [3.0, -1.0]), {}, "radius is -1.0"),
        (([1.0], [1.0], []), {}, r"radii have the shape \(0,\)"),
        (([1.0], [1.0], np.ones((2, 2))), {}, r"radii have the shape \(2, 2\)"),
        (([1.0], [1.0], 3j), {}, "radii is 3j, of type complex128"),
        (([1.0], [1.0], 3 * units.arcsec), {}, "radii is in arcsec; wanted: pix"),
        ((["5"], [1.0], 3.0), {}, r"x is \['5'\], of type <U1; wanted: real numbers"),
        (([1.0], [1j], 3.0), {}, "y is .*complex"),
        (([True], [1.0], 3.0), {}, "x is .*bool"),
        (([1.0], np.array(["2026-01-01"], "M8[D]"), 3.0), {}, "y is .*datetime"),
        (([[1.0], [2.0, 3.0]], [1.0], 3.0), {}, r"x is \[\[1.0\], \[2.0, 3.0\]\]; wanted: real numbers"),
        (([object()], [1.0], 3.0), {}, "x is .*object"),
        (([1.0] * units.deg, [1.0] * units.deg, 3.0), {}, "x is in deg"),
        (([1.0, 2.0], [1.0], 3.0), {}, "x and y"),
        (([1.0], [1.0], 3.0), {"mask": np.zeros((3, 3), bool)}, "mask has shape"),
        (([1.0], [1.0], 3.0), {"variance": np.zeros((9, 9), complex)}, "variance is"),
        (([1.0], [1.0], 3.0), {"method": "median"}, "'median'"),
        (([1.0], [1.0], 3.0), {"method": "subpixel", "subpixels": 0}, "subpixels is 0"),
        (([1.0], [1.0], 3.0), {"method": "subpixel", "subpixels": 2.5}, "subpixels is 2.5"),
        (([1.0], [1.0], 3.0), {"method": "subpixel", "subpixels": 10**6}, "subpixels is 1000000"),
        (([1.0], [1.0], 3.0), {"annulus": (4, 6)}, r"annulus is \(4, 6\); wanted: an Annulus"),
        (([1.0], [1.0], 3.0), {"ellipse": (1.0, 2.0)}, r"ellipse is \(1.0, 2.0\)"),
        (([1.0], [1.0], 3.0), {"ellipse": 2.0}, "ellipse is 2.0"),
        (([1.0], [1.0], 3.0), {"ellipse": ("1", 2.0, 0.0)}, "a of ellipse is '1'"),
        (
            ([1.0], [1.0], 3.0),
            {"ellipse": (1.0, 2.0, 0.0 * units.pix)},
            "theta of ellipse is in pix; wanted: rad",
        ),
    ],
)
def test_arguments_that_make_no_sense_are_refused_by_name(arguments, options, words):
    with pytest.raises(PhotometryError, match=words):
        aperture_photometry(np.ones((9, 9)), *arguments, **options)


@pytest.mark.parametrize(
    "image",
    [
        np.ones((9, 9), complex),
        np.ones((9, 9), object),
        np.full((9, 9), "1"),
        np.zeros((9, 9), [("a", "f4")]),
        np.ones((9, 9), "M8[D]"),
        np.ones(9),
        np.ones((1, 9, 9)),
        None,
        "image.fits",
    ],
)
def test_images_that_are_no_plane_of_real_numbers_are_refused_in_one_line(image):
    with pytest.raises(PhotometryError, match=r"image is a \d-d array") as refused:
        aperture_photometry(image, [1.0], [1.0], 3.0)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"r_in": "6"}, "r_in is '6'"),
        ({"r_in": np.nan}, "from nan to 10"),
        ({"r_out": 5}, "from 6 to 5"),
        ({"sigma": 0.0}, "sigma is 0.0"),
        ({"sigma": np.nan}, "sigma is nan"),
        ({"sigma_lower": -1}, "sigma_lower is -1"),
        ({"sigma_upper": "a"}, "sigma_upper is 'a'"),
        ({"iterations": 2.5}, "iterations is 2.5"),
        ({"iterations": -1}, "iterations is -1"),
        ({"minimum_pixels": np.nan}, "minimum_pixels is nan"),
        ({"minimum_pixels": "a"}, "minimum_pixels is 'a'"),
    ],
)
def test_rings_that_make_no_sense_are_refused_by_name(options, words):
    with pytest.raises(PhotometryError, match=words):
        Annulus(**{"r_in": 6, "r_out": 10, "statistic": "clipped_mean", **options})


def test_missing_and_masked_centres_are_bad_sources_among_good_ones():
    image = np.ones((20, 20))
    y = [5.0, 6.0, 7.0]
    for x in (
        [5.0, None, 7.0],
        np.ma.array([5.0, 6.0, 7.0], mask=[False, True, False]),
        table.MaskedColumn([5.0, 6.0, 7.0], mask=[False, True, False]),
        Masked([5.0, 6.0, 7.0] * units.pix, mask=[False, True, False]),
    ):
        assert aperture_photometry(image, x, y, 3.0).flags.tolist() == [0, ApertureFlag.BAD_CENTRE, 0]


def test_units_of_positions_and_shapes_are_taken_into_account():
    image = np.random.default_rng(1).normal(size=(40, 40))
    plain = aperture_photometry(image, [20.0], [20.3], 2.0, ellipse=(3.0, 2.0, np.pi / 6))
    x, y = [20.0] * units.pix, table.Column([20.3], unit="pix")
    theta = table.Column([30.0], unit="deg")
    with_units = aperture_photometry(image, x, y, 2.0 * units.pix, ellipse=(3.0 * units.pix, 2.0, theta))
    assert with_units.flux == pytest.approx(plain.flux, rel=1e-13)


def test_the_mask_that_an_image_has_of_itself_counts_too():
    image = np.random.default_rng(1).normal(size=(40, 40))
    own, given = np.zeros((2, 40, 40), bool)
    own[12, 10] = given[10, 12] = True
    expected = aperture_photometry(image, [10.0], [10.0], 4.0, mask=own | given)
    for masked in (np.ma.array(image, mask=own), CCDData(image, mask=own, unit="adu")):
        assert aperture_photometry(masked, [10.0], [10.0], 4.0, mask=given).flux == expected.flux
        alone = aperture_photometry(masked, [10.0], [10.0], 4.0)
        assert alone.flags == ApertureFlag.MASKED
    with pytest.raises(PhotometryError, match="mask has shape"):
        aperture_photometry(np.ma.array(image, mask=own), [10.0], [10.0], 4.0, mask=given[1:])


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


def test_memory_is_bounded_for_wide_rings_that_are_clipped():
    import tracemalloc

    image = np.random.default_rng(1).normal(100, 10, (700, 700)).astype(np.float32)
    x, y = np.random.default_rng(2).uniform(305, 395, (2, 16))
    tracemalloc.start()
    result = aperture_photometry(image, x, y, 4.0, annulus=Annulus(150, 300, "clipped_median"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.background == pytest.approx(100, abs=0.2)
    assert peak < 64 * 2**20  # the pixels of all at once, and what clipping makes of them, would be 150 MB


@pytest.mark.parametrize("radii", [0.5, [0.3, 0.4, 0.5]])
def test_memory_is_bounded_for_any_number_of_sources(radii):
    import tracemalloc

    image = np.ones((100, 100), np.float32)
    most = []
    for n in (150_000, 450_000):
        x, y = np.random.default_rng(1).uniform(-2, 102, (2, n))
        tracemalloc.start()
        result = aperture_photometry(image, x, y, radii, variance=image)
        now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert np.count_nonzero(result.flags) > 0
        most.append(peak - now)
    assert most[1] < 64 * 2**20
    assert most[1] - most[0] < 2**20  # one more column of 300 000 would be 2.3 MiB


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
    n = {10: 20_000, 40: 500, 60: 500, 120: 200}[annulus[1]]  # windows for all would be 90 MB and more
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
