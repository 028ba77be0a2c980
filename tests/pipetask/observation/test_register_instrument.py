"""Registering instruments, from YAML and as classes."""

from pathlib import Path

import pytest

from pipetask.butler import Butler
from pipetask.errors import CameraDescriptionError, InstrumentError
from pipetask.observation.camera_description import CameraDescription
from pipetask.observation.decam import DECam
from pipetask.observation.register_instrument import load_instrument, load_instruments, register_instrument


def test_several_instruments_are_registered_at_once(empty_repo, cameras):
    from click.testing import CliRunner

    from pipetask.cli.main import butler

    files = [str(cameras / name) for name in ("simcam.yaml", "2mass.yaml")]
    done = CliRunner().invoke(butler, ["register-instrument", empty_repo.root, *files])
    assert done.stdout.startswith("Registered instrument SimCam.\nRegistered instrument ")
    assert len(load_instruments(empty_repo)) == 2
    other = Path(empty_repo.root) / "other.yaml"
    other.write_text((cameras / "simcam.yaml").read_text().replace("S0", "Z0"))
    words = ["register-instrument", empty_repo.root, str(other)]
    assert CliRunner().invoke(butler, [*words[:2], files[0], "--no-update"]).exit_code == 0
    assert "full_name" in CliRunner().invoke(butler, [*words, "--no-update"]).stderr
    other.write_text((cameras / "simcam.yaml").read_text() + "\n# mine\n")
    assert "another description" in CliRunner().invoke(butler, [*words, "--no-update"]).stderr
    assert CliRunner().invoke(butler, words).exit_code == 0
    assert load_instrument(empty_repo, "SimCam").text.endswith("# mine\n")


def test_records_camera_and_defaults_are_there(empty_repo, cameras):
    register_instrument(empty_repo, cameras / "simcam.yaml")
    assert [r.full_name for r in empty_repo.query_dimension_records("detector", order_by="detector")] == [
        "S0", "S1", "S2", "S3",
    ]  # fmt: skip
    assert {r.name: r.band for r in empty_repo.query_dimension_records("physical_filter")} == {
        "g": "g",
        "r": "r",
    }
    camera = empty_repo.get("camera", instrument="SimCam")
    assert (camera["name"], camera["gain"]) == ("SimCam", {"key": "GAIN"})
    assert empty_repo.collections.get_info("SimCam/defaults").children == ("SimCam/calib",)


def test_the_description_is_kept_in_the_repository(empty_repo, cameras):
    register_instrument(empty_repo, cameras / "simcam.yaml")
    with Butler.from_config(empty_repo.root) as butler:
        kept = load_instrument(butler, "SimCam")
        assert isinstance(kept, CameraDescription)
        assert kept.text == (cameras / "simcam.yaml").read_text()


def test_registering_again_changes_only_what_changed(empty_repo, cameras, tmp_path):
    text = (cameras / "simcam.yaml").read_text()
    for _ in range(2):
        register_instrument(empty_repo, cameras / "simcam.yaml")
    assert len(empty_repo.collections.query("SimCam/calib/camera-*")) == 1
    changed = tmp_path / "simcam.yaml"
    changed.write_text(
        text.replace("unit: adu", "unit: electron").replace("{name: r, band: r}", "{name: r, band: i}")
    )
    register_instrument(empty_repo, changed)
    assert empty_repo.get("camera", instrument="SimCam")["unit"] == "electron"
    records = empty_repo.query_dimension_records("physical_filter", physical_filter="r")
    assert [record.band for record in records] == ["i"]
    register_instrument(empty_repo, cameras / "simcam.yaml")
    assert empty_repo.get("camera", instrument="SimCam")["unit"] == "adu"


@pytest.mark.parametrize("source", [DECam, "pipetask.observation.decam.DECam"], ids=["class", "dotted name"])
def test_an_instrument_may_be_a_class(empty_repo, source):
    register_instrument(empty_repo, source)
    assert isinstance(load_instrument(empty_repo, "DECam"), DECam)
    assert [type(each) for each in load_instruments(empty_repo)] == [DECam]
    (record,) = empty_repo.query_dimension_records("detector", detector=43)
    assert record.full_name == "N12"


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("no.such.Camera", InstrumentError, "neither a YAML file nor the dotted name"),
        ("pathlib.Path", InstrumentError, "not a class derived from"),
        (
            "pipetask.observation.instrument.Instrument",
            InstrumentError,
            "is incomplete: it has no detectors,",
        ),
        ("nowhere.yaml", CameraDescriptionError, "Cannot read 'nowhere.yaml'"),
    ],
)
def test_what_is_no_instrument_is_refused(empty_repo, source, error, message):
    with pytest.raises(error, match=message):
        register_instrument(empty_repo, source)


def test_a_description_that_is_no_text_is_refused(empty_repo, tmp_path):
    (tmp_path / "cam.yaml").write_bytes(b"\xff\xfe\0")
    with pytest.raises(CameraDescriptionError, match="is no text file"):
        register_instrument(empty_repo, tmp_path / "cam.yaml")


def test_an_unknown_instrument_is_told_with_the_nearest(empty_repo, cameras):
    register_instrument(empty_repo, cameras / "simcam.yaml")
    with pytest.raises(InstrumentError, match=r"No instrument 'SimCma' .*did you mean 'SimCam'"):
        load_instrument(empty_repo, "SimCma")


def test_a_description_that_no_import_brought_is_missed_in_words(empty_repo, cameras, tmp_path):
    register_instrument(empty_repo, cameras / "simcam.yaml")
    with empty_repo.export(directory=tmp_path / "exported") as exported:
        exported.saveDimensionData("instrument", empty_repo.query_dimension_records("instrument"))
    with Butler.makeRepo(tmp_path / "other") as other:
        other.import_(directory=tmp_path / "exported")
        with pytest.raises(InstrumentError, match=r"'SimCam' came into .* without its description"):
            load_instrument(other, "SimCam")
        register_instrument(other, cameras / "simcam.yaml")
        assert load_instrument(other, "SimCam").name == "SimCam"


def test_a_camera_that_is_registered_may_be_imported(empty_repo, cameras, tmp_path):
    register_instrument(empty_repo, cameras / "simcam.yaml")
    with Butler.makeRepo(tmp_path / "other") as other:
        register_instrument(other, cameras / "simcam.yaml")
        with other.export(directory=tmp_path / "export", transfer="copy") as export:
            export.saveDatasets(other.query_datasets("camera", collections="SimCam/calib/camera-*"))
            export.saveCollection("SimCam/calib")
    done = empty_repo.import_(directory=tmp_path / "export")
    assert (done.datasets, done.known_datasets) == (0, 1)
