"""Headers are read without pixels; files that are not whole are refused."""

import numpy as np
import pytest
from astropy.io import fits

from pipetask.errors import HeaderError
from pipetask.observation.fits_headers import read_image_headers
from pipetask.observation.regions import header_region


def test_the_primary_header_is_overlaid_with_the_images_own(tmp_path):
    primary, first, second = (
        fits.PrimaryHDU(),
        fits.ImageHDU(np.zeros((3, 5))),
        fits.ImageHDU(np.zeros((2, 2))),
    )
    primary.header["EXPNUM"], primary.header["OBJECT"] = 5, "field"
    first.header["OBJECT"], first.header["CCD"] = "chip", 1
    fits.HDUList([primary, first, second]).writeto(tmp_path / "a.fits")
    (header,) = read_image_headers(tmp_path / "a.fits")
    assert (header.hdu, header.shape) == (1, (3, 5))
    assert [header.values[key] for key in ("EXPNUM", "OBJECT", "CCD")] == [5, "chip", 1]
    assert [h.hdu for h in read_image_headers(tmp_path / "a.fits", every_hdu=True)] == [1, 2]


@pytest.mark.parametrize("compress", [False, True], ids=["plain", "tile-compressed"])
def test_a_truncated_file_is_refused(tmp_path, compress):
    data = np.random.default_rng(1).normal(size=(100, 100)).astype(np.float32)
    image = (
        fits.CompImageHDU(data, compression_type="GZIP_2", quantize_level=0)
        if compress
        else fits.ImageHDU(data)
    )
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(tmp_path / "a.fits")
    assert read_image_headers(tmp_path / "a.fits")[0].shape == (100, 100)
    whole = (tmp_path / "a.fits").read_bytes()
    (tmp_path / "b.fits").write_bytes(whole[: len(whole) - 6000])
    with pytest.raises(HeaderError, match=r"truncated: HDU 1 needs \d+ bytes, the file has \d+"):
        read_image_headers(tmp_path / "b.fits")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "FITS"),
        (b"not a FITS file" * 300, "FITS"),
        (b"SIMPLE  =                    T", "FITS"),
        (None, "no such file"),
    ],
)
def test_what_is_no_fits_file_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "a.fits").write_bytes(content)
    with pytest.raises(HeaderError, match=message):
        read_image_headers(tmp_path / "a.fits")


def test_a_malformed_card_does_not_spoil_the_others(tmp_path):
    hdu = fits.PrimaryHDU(np.zeros((4, 4)))
    hdu.header["OBJECT"], hdu.header["EXPNUM"] = "x", 5
    hdu.writeto(tmp_path / "a.fits")
    content = (tmp_path / "a.fits").read_bytes()
    (tmp_path / "a.fits").write_bytes(content.replace(b"= 'x       '", b"= 'x        "))
    (header,) = read_image_headers(tmp_path / "a.fits")
    assert (header.values["EXPNUM"], header.values.get("OBJECT")) == (5, None)


def test_a_file_without_an_image_is_refused(tmp_path):
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns([])]).writeto(tmp_path / "a.fits")
    with pytest.raises(HeaderError, match="no two-dimensional image"):
        read_image_headers(tmp_path / "a.fits")


def test_the_region_of_a_real_image_has_its_size_and_place(two_mass_folder):
    from lsst.sphgeom import LonLat, UnitVector3d

    (header,) = read_image_headers(two_mass_folder / "2mass-atlas-990502s-j1420186.fits")
    region = header_region(header.header, header.shape)
    centre = UnitVector3d(LonLat.fromDegrees(275.122932, -16.03504219))
    assert region.contains(centre)
    # 512 x 1024 pixels of 1 arcsec: half of the diagonal.
    radius = region.getBoundingCircle().getOpeningAngle().asDegrees()
    assert radius == pytest.approx(np.hypot(512, 1024) / 2 / 3600, rel=1e-3)


def test_an_image_without_wcs_has_no_region(tmp_path):
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(tmp_path / "a.fits")
    (header,) = read_image_headers(tmp_path / "a.fits")
    assert header_region(header.header, header.shape) is None
