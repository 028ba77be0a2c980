"""Image files: the real ones where the test data are, and lookalikes made here."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from pipetask.butler import Butler

ROOT = Path(__file__).parents[3]
CAMERAS = ROOT / "examples" / "cameras"

# What the four 2MASS files say, for where they are not at hand: name, scan, UT, RA, Dec.
TWO_MASS = [
    ("2mass-atlas-990502s-j1420186.fits", 142, "09:42:49.54", 275.122932, -16.03504219),
    ("2mass-atlas-990502s-j1420198.fits", 142, "09:43:07.37", 275.122970, -16.30449),
    ("2mass-atlas-990502s-j1430080.fits", 143, "09:47:11.09", 275.246640, -16.24848),
    ("2mass-atlas-990502s-j1430092.fits", 143, "09:47:28.91", 275.246600, -15.97904),
]

DECAM_FILTERS = {
    "g": "g DECam SDSS c0001 4720.0 1520.0",
    "r": "r DECam SDSS c0002 6415.0 1480.0",
    "z": "z DECam SDSS c0004 9260.0 1520.0",
}


def set_tan_wcs(header, ra, dec, scale_arcsec, shape, projection="TAN"):
    header["CTYPE1"], header["CTYPE2"] = f"RA---{projection}", f"DEC--{projection}"
    header["CRPIX1"], header["CRPIX2"] = (shape[1] + 1) / 2, (shape[0] + 1) / 2
    header["CRVAL1"], header["CRVAL2"] = ra, dec
    header["CDELT1"], header["CDELT2"] = -scale_arcsec / 3600, scale_arcsec / 3600


def write_two_mass(folder):
    for name, scan, ut, ra, dec in TWO_MASS:
        hdu = fits.PrimaryHDU(np.zeros((1024, 512), dtype=np.float32))
        hdu.header.update(
            ORIGIN="2MASS", SCANNO=scan, FILTER="j", UT_DATE="990502", UT=ut, ORDATE="990502",
            SCANDIR="s", TYPE="sci", STRIP_ID=308165, ZD_SOS=25.1, MAGZP=20.91, SEESH=0.93,
        )  # fmt: skip
        set_tan_wcs(hdu.header, ra, dec, 1.0, (1024, 512), "SIN")
        hdu.writeto(folder / name)


@pytest.fixture(scope="session")
def two_mass_folder(camera_images, tmp_path_factory):
    """Four 2MASS images (two scans, two images each), real if possible."""
    if camera_images is not None:
        return camera_images / "2mass-m17"
    logging.getLogger(__name__).warning(
        "2MASS images are not at hand: lookalikes with the same headers are used"
    )
    folder = tmp_path_factory.mktemp("2mass")
    write_two_mass(folder)
    return folder


@pytest.fixture(scope="session")
def decam_folder(camera_images, tmp_path_factory):
    """DECam cut-outs with image, mask and weight files, real if possible."""
    if camera_images is not None:
        return camera_images / "decam-legacypipe"
    logging.getLogger(__name__).warning(
        "DECam images are not at hand: lookalikes with the same headers are used"
    )
    folder = tmp_path_factory.mktemp("decam")
    exposures = [(f"{i:03d}", 400000 + i, "N12", 43, "grz"[i % 3], 244.7796, 12.0724) for i in range(8)]
    exposures += [(f"{i:03d}", 400000 + i, "S4", 28, "grz"[i % 3], 110.312, 23.9199) for i in range(8, 14)]
    for stem, exposure, ccd, number, band, ra, dec in exposures:
        for plane, value in (("i", 10.0), ("d", 3), ("w", 0.25)):
            data = np.full((51, 41), value, dtype=np.int32 if plane == "d" else np.float32)
            primary, image = fits.PrimaryHDU(), fits.ImageHDU(data, name=ccd)
            primary.header.update(
                INSTRUME="DECam", EXPNUM=exposure, FILTER=DECAM_FILTERS[band], RADESYS="FK5",
                EXPTIME=90.0, DARKTIME=91.0, OBSID=f"ct4m{stem}", OBSTYPE="object", OBJECT="field",
                PROPID="2014B-0404", TELRA="16:17:32.719", TELDEC="12:22:19.099", AZ=358.1, ZD=42.5,
            )  # fmt: skip
            primary.header["DATE-OBS"], primary.header["DTCALDAT"] = "2014-08-18T23:17:51.07", "2014-08-18"
            # Without its place, the translator would ask the network for that of the observatory.
            primary.header.update({"OBS-LONG": 70.81489, "OBS-LAT": -30.16606, "OBS-ELEV": 2215.0})
            image.header.update(DETPOS=ccd, CCDNUM=number, ARAWGAIN=4.4, SATURATE=38952.0)
            set_tan_wcs(image.header, ra, dec, 0.262, data.shape)
            fits.HDUList([primary, image]).writeto(folder / f"c4d_{stem}_oo{plane}_{band}_ls9.{ccd}.fits")
    return folder


@pytest.fixture
def simcam_file(tmp_path):
    """A function that writes an image of SimCam with the given headers and returns its path."""

    def write(exposure=1, detector=0, *, shape=(32, 40), ra=30.0, dec=-10.0, **changes):
        hdu = fits.PrimaryHDU(np.ones(shape, dtype=np.float32))
        cards = {
            "INSTRUME": "SimCam", "EXPNUM": exposure, "DETECTOR": detector, "FILTER": "r",
            "DATE-OBS": f"2020-01-02T03:{exposure % 60:02d}:00", "EXPTIME": 30.0, "OBSTYPE": "science",
            "OBJECT": "field", "RA": ra, "DEC": dec,
        }  # fmt: skip
        cards |= {key.replace("_", "-"): value for key, value in changes.items()}
        for key, value in cards.items():
            if value is not None:
                hdu.header[key] = value
        set_tan_wcs(hdu.header, ra + 0.02 * detector, dec, 1.0, shape)
        path = tmp_path / "images" / f"sim_{exposure:06d}_{detector}.fits"
        path.parent.mkdir(exist_ok=True)
        hdu.writeto(path)
        return path

    return write


@pytest.fixture(scope="session")
def repository_folder(tmp_path_factory):
    """A repository with nothing in it, made once; tests work on copies."""
    folder = tmp_path_factory.mktemp("template") / "repo"
    Butler.makeRepo(folder).close()
    return folder


@pytest.fixture
def empty_repo(repository_folder, tmp_path):
    """Writeable butler of a repository with nothing in it."""
    shutil.copytree(repository_folder, tmp_path / "repo")
    with Butler.from_config(tmp_path / "repo", writeable=True) as butler:
        yield butler


@pytest.fixture
def always_in_processes(monkeypatch):
    """Worker processes are used however few the items are."""
    monkeypatch.setattr("pipetask.observation.in_processes.WORTH_A_PROCESS", 1)


@pytest.fixture(scope="session")
def cameras():
    """Folder of the shipped camera descriptions."""
    return CAMERAS
