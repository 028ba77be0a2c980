"""Every odd source gets its flag and harms no other; nothing is raised for one of them."""

import numpy as np
import pytest

from pipetask.photometry import ApertureFlag, aperture_photometry, describe
from pipetask.photometry.flags import MEANINGS


@pytest.fixture
def image():
    """Ones, with a masked pixel (row 20, column 10) and a NaN (row 20, column 30) in the arrays returned."""
    image = np.ones((40, 50))
    mask = np.zeros((40, 50), np.int16)
    mask[20, 10] = 4
    image[20, 30] = np.nan
    return image, mask


@pytest.mark.parametrize(
    ("x", "y", "flag"),
    [
        (20.0, 30.0, ApertureFlag(0)),
        (12.0, 20.0, ApertureFlag.MASKED),
        (32.0, 20.0, ApertureFlag.NON_FINITE),
        (10.4, 20.4, ApertureFlag.MASKED | ApertureFlag.CENTRE_MASKED),
        (30.0, 20.0, ApertureFlag.NON_FINITE | ApertureFlag.CENTRE_MASKED),
        (1.0, 30.0, ApertureFlag.EDGE),
        (-2.0, 30.0, ApertureFlag.EDGE),
        (-9.0, 30.0, ApertureFlag.EDGE | ApertureFlag.NO_PIXELS),
        (1e300, 30.0, ApertureFlag.EDGE | ApertureFlag.NO_PIXELS),
        (np.nan, 30.0, ApertureFlag.BAD_CENTRE),
        (3.0, -np.inf, ApertureFlag.BAD_CENTRE),
    ],
)
def test_a_source_has_the_flags_of_its_place(image, x, y, flag):
    pixels, mask = image
    result = aperture_photometry(pixels, [x, 20.0], [y, 30.0], 3.0, mask=mask)
    assert result.flags[0] == flag
    nothing = ApertureFlag.CENTRE_MASKED | ApertureFlag.NO_PIXELS | ApertureFlag.BAD_CENTRE
    assert np.isnan(result.flux[0]) == bool(flag & nothing)
    assert result.flags[1] == 0
    assert result.flux[1] == pytest.approx(np.pi * 9, rel=1e-13)


def test_the_pixel_of_a_centre_is_the_one_it_lies_in(image):
    pixels, mask = image
    x = np.array([9.49, 9.5, 10.49, 10.5])
    flags = aperture_photometry(pixels, x, np.full(4, 20.0), 3.0, mask=mask).flags
    assert ((flags & ApertureFlag.CENTRE_MASKED) != 0).tolist() == [False, True, True, False]


def test_a_mask_that_only_touches_the_square_about_the_circle_is_no_flag(image):
    pixels, mask = image
    result = aperture_photometry(
        pixels, [7.5], [17.5], 3.0, mask=mask
    )  # corner of the pixel at distance 2.8 + 0.7
    assert result.flags[0] == ApertureFlag.MASKED
    assert aperture_photometry(pixels, [7.2], [17.2], 3.0, mask=mask).flags[0] == 0


def test_a_variance_that_makes_no_sense_spoils_the_error_alone(image):
    pixels, mask = image
    variance = np.ones(pixels.shape)
    variance[30, 20] = np.nan
    variance[8, 8] = -100
    result = aperture_photometry(
        pixels, [20.0, 8.0, 20.0], [30.0, 8.0, 10.0], 3.0, variance=variance, mask=mask
    )
    assert result.flags.tolist() == [ApertureFlag.BAD_VARIANCE, ApertureFlag.BAD_VARIANCE, 0]
    assert np.isnan(result.flux_err).tolist() == [True, True, False]
    assert np.isfinite(result.flux).all()


def test_every_flag_has_one_bit_and_a_meaning():
    assert set(MEANINGS) == set(ApertureFlag)
    assert all(flag.value.bit_count() == 1 for flag in ApertureFlag)
    assert describe(ApertureFlag.EDGE | ApertureFlag.MASKED) == [
        MEANINGS[ApertureFlag.EDGE],
        MEANINGS[ApertureFlag.MASKED],
    ]
