"""Headers read by astro-metadata-translator."""

import pytest

from pipetask.errors import HeaderError, InstrumentError
from pipetask.observation.camera_description import CameraDescription
from pipetask.observation.decam import DECam
from pipetask.observation.image_file import describe_file


def test_a_decam_header_is_understood(decam_folder):
    path = next(path for path in sorted(decam_folder.rglob("*ooi*")) if ".N12." in path.name)
    (image,) = describe_file(str(path), [DECam()])
    assert image.detector == 43
    assert image.path == f"{path}#hdu=1"
    assert image.record["observation_type"] == "science"
    assert image.record["day_obs"] == 20140818
    assert image.record["tracking_ra"] == pytest.approx(244.3863, abs=1e-3)
    assert 0 < image.end_ns - image.begin_ns < 200e9


def test_a_description_may_name_a_translator(decam_folder):
    text = """
        instrument: DECam
        translator: DECam
        detectors: {names: {43: N12}}
        filters: [{name: z, band: z}, {name: g, band: g}]
        header:
          physical_filter: {key: FILTER, match: '^.'}
    """
    path = next(path for path in sorted(decam_folder.rglob("*ooi*")) if ".N12." in path.name)
    (image,) = describe_file(str(path), [CameraDescription(text)])
    assert (image.detector, image.record["physical_filter"] in "zg") == (43, True)


def test_a_header_of_another_camera_is_refused():
    with pytest.raises(HeaderError, match="translator 'DECam' cannot read the header"):
        DECam().translate({"INSTRUME": "other"}, "x.fits")


def test_an_unknown_translator_is_told_with_the_nearest():
    text = "instrument: X\ntranslator: DECma\ndetectors: {names: {1: A}}\nfilters: [{name: g, band: g}]\n"
    with pytest.raises(InstrumentError, match="no translator 'DECma'; did you mean 'DECam'"):
        CameraDescription(text).translate({}, "x.fits")
