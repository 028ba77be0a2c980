"""What an instrument says about configurations: before the pipeline, for the tasks of its default names."""

import pytest

from pipetask.errors import ConfigOverrideError, InstrumentError
from pipetask.observation.instrument import Instrument
from pipetask.pipeline.pipeline import Pipeline

TEXT = """
description: d
instrument: {instrument}
tasks:
  isr: sample_tasks.IsrTask
  cal: {{class: sample_tasks.CalibrateTask, config: {{threshold: 3}}}}
"""


@pytest.fixture
def camera_class(sample_tasks, tmp_path):
    """The dotted name of an instrument with configuration files in two folders and a value."""

    class Cam(Instrument):
        name = "Cam"
        config_folders = (str(tmp_path / "general"), "$CAM_CONFIGS")

        def detectors(self):
            return []

        def filters(self):
            return []

        def translate(self, header, path):
            return {}

        def configs(self):
            return {"calibrate": {"note": "of Cam", "mode": "good"}}

    sample_tasks.Cam = Cam
    yield "sample_tasks.Cam"
    del sample_tasks.Cam


def configured(instrument, label="cal"):
    return Pipeline.from_string(TEXT.format(instrument=instrument)).configured()[label][1]


def test_files_are_applied_folder_by_folder_then_values_then_the_pipeline(
    camera_class, write, monkeypatch, tmp_path
):
    write("general/calibrate.py", "config.apRad = 1\nconfig.threshold = 1\nconfig.mode = 'fast'\n")
    write("special/calibrate.py", "config.apRad = 2\n")
    monkeypatch.setenv("CAM_CONFIGS", str(tmp_path / "special"))
    config = configured(camera_class)
    assert (config.apRad, config.threshold, config.mode, config.note) == (2, 3.0, "good", "of Cam")


def test_the_name_in_data_ids_is_the_class_s(camera_class):
    assert Pipeline.from_string(TEXT.format(instrument=camera_class)).instrument == "Cam"
    assert Pipeline.from_string(TEXT.format(instrument="SimCam")).instrument == "SimCam"


def test_a_camera_s_file_is_found_from_the_document_that_names_it(write, tmp_path, monkeypatch):
    camera = "instrument: FileCam\ndetectors: {names: {0: S0}}\nfilters: [{name: g, band: g}]\n"
    camera += "header: {exposure: E, detector: D, physical_filter: F, begin: T, exposure_time: X}\n"
    write("deep/cam.yaml", f"{camera}configs: {{calibrate: {{note: of the file}}}}\n")
    path = write("deep/p.yaml", TEXT.format(instrument="cam.yaml"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    pipeline = Pipeline.from_file(path)
    assert pipeline.instrument == "FileCam"
    assert pipeline.configured()["cal"][1].note == "of the file"
    given = Pipeline.from_file(path).with_instrument("../deep/cam.yaml").to_yaml()
    monkeypatch.chdir(tmp_path)
    assert Pipeline.from_string(given).instrument == "FileCam"


def test_a_selection_of_tasks_keeps_the_instrument_s_configurations(camera_class):
    pipeline = Pipeline.from_string(TEXT.format(instrument=camera_class)).subset(["cal"])
    assert pipeline.configured()["cal"][1].note == "of Cam"


def test_a_field_that_a_task_lacks_is_told_with_the_instrument(camera_class, write):
    write("general/isr.py", "config.doBiass = True\n")
    with pytest.raises(ConfigOverrideError, match=r"instrument Cam: task 'isr': .*isr.py' failed in line 1"):
        configured(camera_class)


def test_an_instrument_class_that_is_missing_is_an_error():
    with pytest.raises(
        InstrumentError, match=r"'no\.such\.Cam' is neither a YAML file nor the dotted name"
    ) as caught:
        configured("no.such.Cam")
    assert "PYTHONPATH" in caught.value.hint
