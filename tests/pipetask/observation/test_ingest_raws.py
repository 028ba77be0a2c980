"""Ingest of image files: 2MASS scans, DECam planes, simulated mosaics, and files that are broken."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time

from pipetask.errors import EmptyQueryResultError, InstrumentError
from pipetask.observation.ingest_raws import ingest_raws
from pipetask.observation.register_instrument import register_instrument


@pytest.fixture
def simcam_repo(empty_repo, cameras):
    register_instrument(empty_repo, cameras / "simcam.yaml")
    return empty_repo


def rows(butler):
    """All that an ingest may change."""
    tables = {
        name: butler.query_dimension_records(name, explain=False)
        for name in ("exposure", "visit", "detector")
    }
    refs = butler.query_all_datasets("*", find_first=False)
    return tables, refs, butler.artifacts([ref.id for ref in refs])


def reasons(report):
    return {failure.path.rsplit("/", 1)[-1]: failure.reason for failure in report.failures}


def test_two_scans_of_two_images_become_two_exposures(empty_repo, cameras, two_mass_folder):
    register_instrument(empty_repo, cameras / "2mass.yaml")
    report = ingest_raws(empty_repo, [two_mass_folder])
    assert (report.ingested, report.known, report.failures) == (4, 0, ())
    assert report.exposures == (("2MASS", 142), ("2MASS", 143))
    assert report.runs == ("2MASS/raw/all",)
    found = {
        (ref.dataId["exposure"], ref.dataId["detector"])
        for ref in empty_repo.query_datasets("raw", "2MASS/raw/all")
    }
    assert found == {(142, 186), (142, 198), (143, 80), (143, 92)}
    (scan,) = empty_repo.query_dimension_records("exposure", exposure=142)
    # Two files with two times: from the begin of the first to the end (7.8 s later) of the second.
    assert abs((scan.timespan.begin - Time("1999-05-02T09:42:49.54", scale="utc")).sec) < 1e-6
    assert abs((scan.timespan.end - Time("1999-05-02T09:43:15.17", scale="utc")).sec) < 1e-6
    assert (scan.day_obs, scan.physical_filter, scan.exposure_time) == (19990502, "J", 7.8)
    assert len(empty_repo.query_dimension_records("detector")) == 4
    assert empty_repo.get("raw", exposure=142, detector=186).image.shape == (1024, 512)
    assert empty_repo.collections.get_info("2MASS/defaults").children == ("2MASS/raw/all", "2MASS/calib")


def test_ingesting_again_changes_nothing(empty_repo, cameras, two_mass_folder):
    register_instrument(empty_repo, cameras / "2mass.yaml")
    ingest_raws(empty_repo, [two_mass_folder])
    before = rows(empty_repo)
    report = ingest_raws(empty_repo, [two_mass_folder])
    assert (report.ingested, report.known, report.failures) == (0, 4, ())
    assert rows(empty_repo) == before


def test_ingesting_again_brings_back_files_that_are_gone(empty_repo, cameras, two_mass_folder):
    register_instrument(empty_repo, cameras / "2mass.yaml")
    ingest_raws(empty_repo, [two_mass_folder], transfer="copy")
    before = rows(empty_repo)
    ref = empty_repo.query_datasets("raw", "2MASS/raw/all")[0]
    Path(empty_repo.getURI(ref).removeprefix("file://")).unlink()
    report = ingest_raws(empty_repo, [two_mass_folder], transfer="copy")
    assert (report.ingested, report.known, report.failures) == (1, 3, ())
    assert empty_repo.get(ref).image.shape == (1024, 512)
    assert rows(empty_repo) == before


def test_links_that_lead_nowhere_and_pipes_are_reported(simcam_repo, simcam_file):
    folder = simcam_file(1, 0).parent
    (folder / "gone.fits").symlink_to(folder / "nowhere.fits")
    os.mkfifo(folder / "pipe.fits")
    report = ingest_raws(simcam_repo, [folder])
    assert report.ingested == 1
    assert reasons(report) == {
        "gone.fits": f"a link that leads nowhere, to {folder / 'nowhere.fits'}",
        "pipe.fits": "not a file",
    }


def test_locations_without_any_file_are_an_error_that_names_them(simcam_repo, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        EmptyQueryResultError, match=r"/empty: no file below it.*/nope: no such file"
    ) as caught:
        ingest_raws(simcam_repo, [tmp_path / "empty", tmp_path / "nope"])
    assert caught.value.exit_code == 3


def test_an_exposure_may_come_in_pieces(empty_repo, cameras, two_mass_folder):
    register_instrument(empty_repo, cameras / "2mass.yaml")
    files = sorted(two_mass_folder.glob("*142*.fits"))
    ingest_raws(empty_repo, files[1:])
    ingest_raws(empty_repo, files[:1])
    (scan,) = empty_repo.query_dimension_records("exposure", exposure=142)
    assert (scan.timespan.end - scan.timespan.begin).sec == pytest.approx(25.63, abs=1e-6)


@pytest.mark.usefixtures("always_in_processes")
def test_planes_in_three_files_become_one_calexp_with_its_visit(empty_repo, cameras, decam_folder):
    register_instrument(empty_repo, cameras / "decam-legacypipe.yaml")
    report = ingest_raws(empty_repo, [decam_folder], processes=2)
    assert (report.ingested, report.failures) == (14, ())
    refs = empty_repo.query_datasets("calexp", instrument="DECam", with_dimension_records=True)
    assert len(refs) == 14
    assert {ref.dataId["band"] for ref in refs} == {"g", "r", "z"}
    path = next(path for path in sorted(decam_folder.rglob("*ooi*")) if ".S4." in path.name)
    with fits.open(path) as hdus:
        number, header, pixels = hdus[0].header["EXPNUM"], hdus[1].header, hdus[1].data.astype("f4")
    codes = fits.getdata(str(path).replace("ooi", "ood"), 1)
    weight = fits.getdata(str(path).replace("ooi", "oow"), 1)
    calexp = empty_repo.get("calexp", visit=number, detector=header["CCDNUM"])
    np.testing.assert_array_equal(calexp.image, pixels)
    np.testing.assert_array_equal(calexp.mask.any("SAT"), np.isin(codes, (3, 4)))
    good = weight > 0
    np.testing.assert_allclose(calexp.variance[good], 1 / weight[good], rtol=1e-6)
    assert np.array_equal(calexp.mask.any("NO_DATA"), ~good | ~np.isfinite(pixels))
    assert calexp.visitInfo.id == number
    assert calexp.metadata["ARAWGAIN"] == header["ARAWGAIN"]
    records = empty_repo.query_dimension_records("visit", visit=number)
    assert records[0].region is not None
    before = rows(empty_repo)
    assert ingest_raws(empty_repo, [decam_folder]).known == 14
    assert rows(empty_repo) == before


def test_a_missing_plane_is_reported_and_the_rest_goes_on(empty_repo, cameras, decam_folder):
    register_instrument(empty_repo, cameras / "decam-legacypipe.yaml")
    files = [path for path in sorted(decam_folder.rglob("*.fits")) if ".S4." in path.name]
    report = ingest_raws(empty_repo, [path for path in files if path != files[2]])
    assert report.ingested == len(files) // 3 - 1
    assert [failure.reason for failure in report.failures] == ["there is no weight file that goes with it"]


@pytest.mark.usefixtures("always_in_processes")
def test_broken_files_are_reported_and_the_rest_goes_on(simcam_repo, simcam_file, tmp_path):
    good = simcam_file(1, 0)
    folder = good.parent
    truncated = simcam_file(1, 1, shape=(200, 200))
    truncated.write_bytes(truncated.read_bytes()[:20000])
    simcam_file(1, 2, EXPNUM=None)
    simcam_file(1, 3, INSTRUME="Other")
    simcam_file(2, 0, FILTER="x")
    simcam_file(2, 1, DETECTOR=77)
    simcam_file(2, 2, OBJECT="elsewhere")
    (folder / "text.fits").write_text("hello")
    simcam_file(2, 3)
    report = ingest_raws(simcam_repo, [folder, tmp_path / "nowhere"], processes=2)
    assert report.ingested == 2
    told = reasons(report)
    assert told.pop("sim_000001_1.fits").startswith("truncated: HDU 0 needs")
    assert told.pop("sim_000001_2.fits") == "the header does not tell 'exposure', which SimCam needs"
    assert told.pop("sim_000001_3.fits") == "INSTRUME is 'Other', not 'SimCam': this is no image of SimCam"
    assert told.pop("sim_000002_0.fits").startswith("SimCam has no filter 'x'")
    assert told.pop("sim_000002_1.fits").startswith("SimCam has no detector 77")
    assert told.pop("sim_000002_3.fits").startswith(
        "target_name of exposure 2 is 'field', but 'elsewhere' is in"
    )
    assert told.pop("text.fits").startswith("not a readable FITS file")
    assert told.pop("nowhere") == "no such file or folder"
    assert told == {}


def test_the_same_image_twice_is_taken_once(simcam_repo, simcam_file, tmp_path):
    original = simcam_file(1, 0)
    copy = tmp_path / "images" / "sim_zcopy.fits"
    copy.write_bytes(original.read_bytes())
    report = ingest_raws(simcam_repo, [tmp_path / "images"])
    assert report.ingested == 1
    assert reasons(report) == {
        "sim_zcopy.fits": f"exposure 1, detector 0 is also in {original}, which was taken"
    }


def test_a_header_that_contradicts_what_is_registered_is_refused(simcam_repo, simcam_file):
    ingest_raws(simcam_repo, [simcam_file(1, 0)])
    report = ingest_raws(simcam_repo, [simcam_file(1, 1, OBJECT="elsewhere")])
    assert report.ingested == 0
    assert "is 'elsewhere', but 'field' is registered" in report.failures[0].reason


def test_fields_declared_per_detector_may_differ(empty_repo, cameras, simcam_file, tmp_path):
    text = (
        (cameras / "simcam.yaml").read_text().replace("header:\n", "header:\n  per_detector: [target_name]\n")
    )
    (tmp_path / "camera.yaml").write_text(text)
    register_instrument(empty_repo, tmp_path / "camera.yaml")
    report = ingest_raws(empty_repo, [simcam_file(1, 0, OBJECT="a"), simcam_file(1, 1, OBJECT="b")])
    assert (report.ingested, report.failures) == (2, ())
    assert empty_repo.query_dimension_records("exposure")[0].target_name == "a"
    assert ingest_raws(empty_repo, [simcam_file(1, 2, OBJECT="c")]).ingested == 1


def test_each_hdu_may_be_a_detector(empty_repo, cameras, tmp_path):
    text = (cameras / "simcam.yaml").read_text() + "files: {every_hdu: true}\n"
    (tmp_path / "camera.yaml").write_text(text)
    register_instrument(empty_repo, tmp_path / "camera.yaml")
    hdus = [fits.PrimaryHDU()] + [fits.ImageHDU(np.full((4, 4), float(i))) for i in range(3)]
    hdus[0].header.update(INSTRUME="SimCam", EXPNUM=9, FILTER="r", EXPTIME=1.0)
    hdus[0].header["DATE-OBS"] = "2020-01-01T00:00:00"
    for detector, hdu in enumerate(hdus[1:]):
        hdu.header["DETECTOR"] = detector
    fits.HDUList(hdus).writeto(tmp_path / "all.fits")
    report = ingest_raws(empty_repo, [tmp_path / "all.fits"], transfer="copy")
    assert (report.ingested, report.failures) == (3, ())
    assert len(list(Path(empty_repo.root).rglob("*.fits"))) == 1
    assert [empty_repo.get("raw", exposure=9, detector=d).image[0, 0] for d in range(3)] == [0.0, 1.0, 2.0]


def test_the_instrument_is_found_by_the_header(empty_repo, cameras, two_mass_folder, simcam_file):
    for name in ("2mass", "simcam"):
        register_instrument(empty_repo, cameras / f"{name}.yaml")
    report = ingest_raws(empty_repo, [simcam_file(1, 0), two_mass_folder])
    assert (report.ingested, report.runs) == (5, ("2MASS/raw/all", "SimCam/raw/all"))
    report = ingest_raws(empty_repo, [simcam_file(2, 0)], instrument="2MASS")
    assert reasons(report) == {"sim_000002_0.fits": "ORIGIN is None, not '2MASS': this is no image of 2MASS"}


def test_without_an_instrument_nothing_can_be_ingested(empty_repo, simcam_file):
    with pytest.raises(InstrumentError, match="has no instrument yet"):
        ingest_raws(empty_repo, [simcam_file()])


def test_the_day_of_observation_begins_at_noon_unless_told(simcam_repo, simcam_file):
    ingest_raws(
        simcam_repo,
        [simcam_file(1, DATE_OBS="2020-01-02T03:00:00"), simcam_file(2, DATE_OBS="2020-01-02T13:00:00")],
    )
    records = simcam_repo.query_dimension_records("exposure", order_by="exposure")
    assert [record.day_obs for record in records] == [20200101, 20200102]
    with pytest.raises(EmptyQueryResultError):
        simcam_repo.query_dimension_records("exposure", day_obs=20200103)
