"""The options that make or change a pipeline: -t, --delete, --instrument, -c, -C, in order; -@; -b of build."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from pipetask.cli.main import pipetask
from pipetask.pipeline.pipeline import Pipeline

PIPELINE = str(Path(__file__).parents[3] / "pipelines" / "aperture.yaml")
ISR = "pipetask.tasks.isr.IsrTask"
APERTURE = "pipetask.tasks.aperture_photometry.ApertureTask"
CAMERA = """
instrument: NewCam
detectors: {names: {0: S0}}
filters: [{name: g, band: g}]
header: {exposure: E, detector: D, physical_filter: F, begin: T, exposure_time: X}
configs:
  aperture: {apRad: 7.5, badMaskPlanes: [BAD]}
  unheard: {of: it}
"""


def invoke(*words, exit_code=0):
    result = CliRunner().invoke(pipetask, list(map(str, words)))
    assert result.exit_code == exit_code, result.output
    return result.stderr if exit_code else result.stdout


@pytest.fixture
def camera(tmp_path):
    path = tmp_path / "newcam.yaml"
    path.write_text(CAMERA)
    return path


def radius(*words):
    return float(invoke("build", *words, "--show", "config=aperture::apRad").rpartition("=")[2])


def test_a_pipeline_is_made_of_tasks_alone():
    assert invoke("build", "-t", ISR) == "isr: 1 task that can be run.\n"
    shown = invoke("build", "-t", ISR, "-t", f"{APERTURE}:wide", "-c", "wide:apRad=9", "--show", "tasks")
    assert [line.partition(":")[0] for line in shown.splitlines()] == ["isr", "wide"]


def test_a_task_is_added_to_a_pipeline_or_taken_out(tmp_path):
    saved = tmp_path / "saved.yaml"
    words = [
        "--delete",
        "isr",
        "-t",
        f"{APERTURE}:wide",
        "-c",
        "wide:connections.outputName=wide",
        "-s",
        saved,
    ]
    invoke("build", "-p", PIPELINE, *words)
    pipeline = Pipeline.from_file(saved)
    assert pipeline.labels == ("subtractBackground", "detectSources", "aperture", "consolidateVisit", "wide")
    assert pipeline.subsets["calibration"].labels == ("subtractBackground",)


def test_changes_are_applied_in_the_order_of_the_command_line(tmp_path):
    file = tmp_path / "more.py"
    file.write_text("config.apRad = 9.0\n")
    by_file, by_value = ("-C", f"aperture:{file}"), ("-c", "aperture:apRad=8")
    assert radius("-p", PIPELINE, *by_file, *by_value) == 8
    assert radius("-p", PIPELINE, *by_value, *by_file) == 9
    assert radius("-p", PIPELINE, *by_value, "--delete", "aperture", "-t", APERTURE) == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Say what to do: a pipeline (-p) or a task (-t)."),
        (["-c", "isr:x=1"], "-c isr:x=1: there is no pipeline yet to change; give -p or -t."),
        (["-c", "isr:x=1", "-t", ISR], "-c isr:x=1: there is no pipeline yet to change"),
        (["-p", PIPELINE, "--delete", "isrr"], "The pipeline has no task 'isrr'"),
        (["-t", ISR, "--delete", "isr"], "a pipeline needs at least one task"),
        (["-t", f"{ISR}:parameters"], "The task given: a task cannot be called 'parameters'"),
        (["-p", PIPELINE, "-t", f"{ISR}:parameters"], "The task given: a task cannot be called 'parameters'"),
        (["-t", "IsrTask"], "'IsrTask' is no dotted name of a class"),
        (["-p", PIPELINE, "--instrument", "no.such.Camera"], "'no.such.Camera' is neither a YAML file"),
        (
            ["-p", PIPELINE, "--instrument", "json.JSONDecoder"],
            "not a class derived from pipetask's Instrument",
        ),
        (["-p", PIPELINE, "--instrument", "NewCam"], "--instrument NewCam: a plain name is that of an instr"),
    ],
)
def test_what_cannot_be_done_is_a_usage_error(words, message):
    assert message in invoke("build", *words, exit_code=2)


@pytest.mark.parametrize("option", [("-t", ISR), ("--delete", "isr"), ("--instrument", "SimCam")])
def test_a_saved_graph_takes_no_changes(option):
    assert invoke("run", "-g", "saved.qg", *option, exit_code=2).startswith("Usage:")


def test_the_instrument_s_configurations_come_before_the_pipeline_s(camera):
    with_camera = ("-p", PIPELINE, "--instrument", camera)
    assert radius(*with_camera) == 7.5
    assert radius(*with_camera, "-c", "aperture:apRad=8") == 8
    history = invoke("build", *with_camera, "--show", "history=aperture::apRad").splitlines()
    assert history[-1] == "  7.5 from instrument NewCam"


def test_build_with_a_repository_uses_its_instrument(on_repo, camera):
    on_repo("register-instrument", camera)
    assert radius("-p", PIPELINE, "--instrument", "NewCam", "-b", on_repo.root) == 7.5
    words = ["build", "-p", PIPELINE, "--instrument", "OldCam", "-b", on_repo.root]
    assert "No instrument 'OldCam'" in invoke(*words, exit_code=2)


def test_build_without_a_repository_says_that_a_named_instrument_is_not_asked(tmp_path):
    file = tmp_path / "named.yaml"
    file.write_text(f"description: d\ninstrument: NewCam\ntasks: {{aperture: {APERTURE}}}\n")
    result = CliRunner().invoke(pipetask, ["build", "-p", str(file)])
    assert (result.exit_code, result.stdout) == (0, f"{file}: 1 task that can be run.\n")
    assert result.stderr == (
        "Configurations of instrument 'NewCam' are left out: only a repository knows them (-b REPO).\n"
    )


@pytest.mark.parametrize("class_name", [None, "no.such.Camera"])
def test_an_instrument_whose_class_is_not_here_says_nothing_of_configurations(on_repo, class_name, caplog):
    with on_repo.open() as butler:
        record = {"instrument": "Far", "class_name": class_name}
        butler.registry.insert_dimension_records("instrument", [record])
    assert radius("-p", PIPELINE, "--instrument", "Far", "-b", on_repo.root) == 4
    assert "the configurations that instrument 'Far' begins with" in caplog.text


def test_changes_may_come_from_an_options_file(tmp_path):
    file = tmp_path / "options.yaml"
    file.write_text(
        f"build: {{pipeline: {PIPELINE}, config: 'aperture:apRad=8', show: 'config=aperture::apRad'}}"
    )
    assert "config.apRad=8.0" in invoke("build", "-@", file)
    assert "config.apRad=9.0" in invoke("build", "-c", "aperture:apRad=9", "-@", file)
