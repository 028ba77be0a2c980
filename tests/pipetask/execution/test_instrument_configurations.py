"""Running pipelines of an instrument that says how configurations begin."""

import pytest

from pipetask.observation.register_instrument import register_instrument

CAMERA = """
instrument: Cam
detectors: {names: {0: d0, 1: d1, 2: d2, 3: d3}}
filters: [{name: g, band: g}]
header: {exposure: E, detector: D, physical_filter: F, begin: T, exposure_time: X}
configs: {double: {unit: electron}}
"""


@pytest.fixture
def camera(numbers_repo, tmp_path):
    """The repository's instrument, described."""
    path = tmp_path / "cam.yaml"
    path.write_text(CAMERA)
    register_instrument(numbers_repo.butler, path)
    return path


@pytest.mark.parametrize("by", ["name", "file"])
def test_a_run_uses_the_configurations_of_its_pipeline_s_instrument(commands, camera, by):
    options = ["--instrument", "Cam" if by == "name" else camera, "-i", "numbers", "-o", "out"]
    commands("run", *options, "--register-dataset-types")
    butler = commands.repo.butler
    assert butler.get("double_config", collections="out").unit == "electron"
    assert butler.get("plus_one", instrument="Cam", detector=0, collections="out")["unit"] == "electron"


def test_a_graph_is_built_from_data_of_the_pipeline_s_instrument_alone(commands, camera, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(CAMERA.replace("Cam", "OtherCam").replace("electron", "adu"))
    butler = commands.repo.butler
    register_instrument(butler, other)
    butler.put({"n": 5}, "number", instrument="OtherCam", detector=0, run="numbers")
    options = ["-i", "numbers", "-o", "out", "--register-dataset-types"]
    commands("run", "--instrument", "OtherCam", *options)
    assert [ref.dataId["instrument"] for ref in butler.query_datasets("plus_one", collections="out")] == [
        "OtherCam"
    ]
    assert butler.get("double_config", collections="out").unit == "adu"


def test_a_saved_graph_holds_the_configurations_that_it_was_built_with(commands, camera, tmp_path):
    saved = tmp_path / "saved.qg"
    commands("qgraph", "--instrument", "Cam", "-c", "double:sleep_s=0.001", "-i", "numbers", "-q", saved)
    commands("run", "-g", saved, "--register-dataset-types")
    config = commands.repo.butler.get("double_config", collections="u/*/numbers")
    assert (config.unit, config.sleep_s) == ("electron", 0.001)
