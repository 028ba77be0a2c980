"""Raw files of real cameras, read as they are."""

from uuid import UUID

import numpy as np
import pytest
from astropy.io import fits

from datastore.errors import ArtifactReadError, ParameterError
from datastore.records import ArtifactHint
from datastore.types.box import Box


def image(camera_images, path):
    if camera_images is None:
        pytest.skip("the real images are absent (PIPETASK_TEST_DATA); simulated ones are read below")
    return camera_images / path


@pytest.fixture
def two_mass(camera_images):
    """A 2MASS Atlas image."""
    return image(camera_images, "2mass-m17/2mass-atlas-990502s-j1420186.fits")


@pytest.fixture
def decam(camera_images):
    """A DECam cut-out, with a primary header and one image."""
    return image(camera_images, "decam-legacypipe/testcase3/c4d_150329_083320_ooi_r_ls9.N11.fits")


@pytest.fixture
def ingested(store, hint):
    """Ingest a file as raw, where it is."""

    def ingest(path):
        return store.ingest(path, hint("Exposure"), transfer="direct", formatter="fits_raw")

    return ingest


def test_2mass_image_has_wcs_and_marked_nans(store, ingested, two_mass):
    records = ingested(two_mass)
    exposure = store.read(records, "Exposure")
    assert exposure.shape == (1024, 512)
    assert np.array_equal(np.isnan(exposure.image), exposure.mask["NO_DATA"])
    assert 0.01 < exposure.mask["NO_DATA"].mean() < 0.02
    # The reference pixel is the frame's centre, whose coordinates the header states.
    ra, dec = store.read(records, "Exposure", component="wcs").all_pix2world(255.5, 511.5, 0)
    assert (float(ra), float(dec)) == pytest.approx((275.122932, -16.03504219), abs=1e-9)
    assert exposure.metadata["MAGZP"] == 20.9116


def test_decam_metadata_merge_both_headers_and_tpv_bends(store, ingested, decam):
    records = ingested(decam)
    metadata = store.read(records, "Exposure", component="metadata")
    assert (metadata["EXPNUM"], metadata["CCDNUM"], metadata["EXTNAME"]) == (425858, 42, "N11")
    assert store.read(records, "Exposure", component="bbox") == Box(0, 0, 41, 51)
    wcs = store.read(records, "Exposure", component="wcs")
    ra, dec = wcs.all_pix2world(20, 25, 0)
    assert (float(ra), float(dec)) == pytest.approx((244.77958, 12.07240), abs=2e-4)


def test_cutout_of_a_raw_keeps_the_sky_where_it_was(store, ingested, decam):
    records = ingested(decam)
    whole = store.read(records, "Exposure")
    part = store.read(records, "Exposure", parameters={"bbox": Box(5, 7, 20, 10)})
    assert np.array_equal(part.image, whole.image[7:17, 5:25])
    assert part.bbox == Box(5, 7, 20, 10)
    assert np.allclose(part.wcs.all_pix2world(3, 4, 0), whole.wcs.all_pix2world(8, 11, 0), rtol=0, atol=1e-11)


def test_header_components_need_no_pixels(store, ingested, tmp_path, decam):
    with fits.open(decam) as hdus:
        end = hdus[1].fileinfo()["datLoc"]
    cut = tmp_path / "cut.fits"
    cut.write_bytes(decam.read_bytes()[:end])
    records = ingested(cut)
    assert store.read(records, "Exposure", component="bbox") == Box(0, 0, 41, 51)
    assert store.read(records, "Exposure", component="wcs") is not None
    assert store.read(records, "Exposure", component="metadata")["EXPNUM"] == 425858
    with pytest.raises(ArtifactReadError, match=r"cut\.fits.*truncated"):
        store.read(records, "Exposure")


def test_rotation_of_old_headers_turns_the_sky(store, ingested, tmp_path):
    path = tmp_path / "crota.fits"
    hdu = fits.PrimaryHDU(np.ones((3, 4), "f4"))
    hdu.header.update(CTYPE1="RA---SIN", CTYPE2="DEC--SIN", CRPIX1=2.0, CRPIX2=2.0, CRVAL1=40.0, CRVAL2=0.0)
    hdu.header.update(CDELT1=-0.001, CDELT2=0.001, CROTA2=30.0, EQUINOX=2000.0)
    hdu.writeto(path)
    wcs = store.read(ingested(path), "Exposure", component="wcs")
    ra, dec = wcs.all_pix2world(1, 101, 0)  # 0.1 degree up from the reference pixel, on the equator
    expected = (40.0 - 0.1 * np.sin(np.radians(30)), 0.1 * np.cos(np.radians(30)))
    assert (float(ra), float(dec)) == pytest.approx(expected, abs=1e-6)
    assert wcs.array_shape == (3, 4)


def test_tpv_polynomial_bends_the_sky_and_survives_writing(store, ingested, tmp_path):
    path = tmp_path / "tpv.fits"
    hdu = fits.PrimaryHDU(np.ones((3, 4), "f4"))
    hdu.header.update(CTYPE1="RA---TPV", CTYPE2="DEC--TPV", CRPIX1=2.0, CRPIX2=2.0, CRVAL1=40.0, CRVAL2=0.0)
    hdu.header.update(CD1_1=-0.001, CD1_2=0.0, CD2_1=0.0, CD2_2=0.001, PV1_1=1.0, PV2_1=1.0, PV2_4=0.3)
    hdu.writeto(path)
    exposure = store.read(ingested(path), "Exposure")
    written = store.read(store.write(exposure, calexp_hint()), "Exposure")
    for wcs in (exposure.wcs, written.wcs):
        # eta' = eta + 0.3 eta² at eta = 0.1 degree; then the tangent plane's arctangent
        dec = float(wcs.all_pix2world(1, 101, 0)[1])
        assert dec == pytest.approx(np.degrees(np.arctan(np.radians(0.1 + 0.3 * 0.1**2))), abs=1e-9)


def test_fragment_chooses_the_hdu(store, ingested, tmp_path):
    path = tmp_path / "two.fits"
    images = [fits.ImageHDU(np.full((3, 4), value), name=f"CCD{value}") for value in (1, 2)]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(path)
    values = [
        store.read(ingested(f"{path}{end}"), "Exposure").image[0, 0] for end in ("", "#hdu=2", "#hdu=CCD1")
    ]
    assert values == [1, 2, 1]
    with pytest.raises(ArtifactReadError, match="no HDU 7"):
        store.read(ingested(f"{path}#hdu=7"), "Exposure")


def test_file_without_image_is_told(store, ingested, tmp_path):
    path = tmp_path / "empty.fits"
    fits.HDUList([fits.PrimaryHDU()]).writeto(path)
    with pytest.raises(ArtifactReadError, match="no HDU holds a 2-d image"):
        store.read(ingested(path), "Exposure")


def test_box_outside_is_refused_with_both_boxes(store, ingested, tmp_path):
    path = tmp_path / "small.fits"
    fits.PrimaryHDU(np.ones((3, 4))).writeto(path)
    with pytest.raises(ParameterError, match=r"width=9.*is not a part of.*width=4"):
        store.read(ingested(path), "Exposure", parameters={"bbox": Box(0, 0, 9, 1)})


def test_compressed_raw_is_read_like_a_plain_one(store, ingested, tmp_path):
    path = tmp_path / "raw.fits.fz"
    image = np.arange(600 * 40, dtype=np.int16).reshape(40, 600)
    hdu = fits.CompImageHDU(image, name="S1", compression_type="RICE_1", tile_shape=(1, 600))
    hdu.header["GAIN"] = 1.5
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    records = ingested(path)
    exposure = store.read(records, "Exposure")
    assert np.array_equal(exposure.image, image)
    assert exposure.metadata["GAIN"] == 1.5
    assert exposure.wcs is None
    part = store.read(records, "Exposure", parameters={"bbox": Box(100, 5, 50, 6)})
    assert np.array_equal(part.image, image[5:11, 100:150])
    path.write_bytes(path.read_bytes()[: -2880 * 3])
    with pytest.raises(ArtifactReadError, match="truncated"):
        store.read([records[0]._replace(size=-1)], "Exposure")


def test_scaled_integers_become_what_they_mean(store, ingested, tmp_path):
    path = tmp_path / "scaled.fits"
    hdu = fits.PrimaryHDU(np.array([[0, 40000, 65535]], dtype=np.uint16))
    hdu.writeto(path)
    assert store.read(ingested(path), "Exposure").image.tolist() == [[0, 40000, 65535]]


def test_header_that_breaks_the_standard_is_read_without_a_warning(store, ingested, tmp_path):
    path = tmp_path / "odd.fits"
    hdu = fits.PrimaryHDU(np.ones((2, 3)), fits.Header([("A", 1), ("B", 2), ("C", "x"), ("D", 4)]))
    hdu.header["CTYPE1"], hdu.header["CTYPE2"] = "RA---TAN", "DEC--TAN"
    hdu.header["CDELT1"], hdu.header["CDELT2"] = -0.001, 0.001
    hdu.header["RADECSYS"] = "FK5"
    hdu.writeto(path)
    content = path.read_bytes()
    content = content.replace(b"A       =                    1", b"A       = 1.2.3 without quote ")
    content = content.replace(b"B       =                    2", b"lower   =                    2")
    content = content.replace(b"C       = 'x       '", b"C       = 'x        ")
    path.write_bytes(content)
    records = ingested(path)
    exposure = store.read(records, "Exposure")
    assert exposure.metadata["D"] == 4
    assert exposure.wcs is not None
    written = store.write(exposure, calexp_hint())
    assert store.read(written, "Exposure").metadata == exposure.metadata


def calexp_hint():
    return ArtifactHint("calexp", "Exposure", {"visit": 1}, "run", UUID(int=1))
