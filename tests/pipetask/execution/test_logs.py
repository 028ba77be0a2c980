"""What the options before the command say about logs holds for workers, too."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipetask.cli.main import butler, pipetask


@pytest.fixture
def run(numbers_repo, tmp_path):
    """Run the pipeline in a process of its own; return what it says on standard error."""
    pipeline = tmp_path / "numbers.yaml"
    pipeline.write_text(numbers_repo.pipeline)

    def command(*options, processes=1):
        words = ("run", "-b", numbers_repo.root, "-p", pipeline, "-i", "numbers", "-o", "out")
        more = ("--register-dataset-types", "--no-progress", "-j", processes, "-c", "double:warn_on=[2]")
        program = [Path(sys.executable).with_name("pipetask"), *options, *words, *more]
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
        done = subprocess.run(
            list(map(str, program)), env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stderr.splitlines()

    return command


@pytest.mark.parametrize("processes", [1, 2])
def test_levels_of_all_and_of_one_logger_files_and_labels(run, tmp_path, processes):
    said = run(
        *("--log-level", "ERROR", "--log-level", "double=INFO", "--long-log", "--log-label", "night=7"),
        *("--log-file", "x.json", "--log-file", "x.log"),
        processes=processes,
    )
    told = [line for line in said if " double" in line and "detector" in line]
    assert sum(line.startswith("INFO 20") for line in told) == 4  # of each detector, with the time
    (warning,) = [line for line in told if line.startswith("WARNING")]
    assert "(double {instrument: 'Cam', detector: 2}, night=7) execution_tasks.py:" in warning
    assert warning.endswith(": detector 2 is saturated")
    assert not [line for line in said if " add_one" in line]

    assert sorted((tmp_path / "x.log").read_text().splitlines()) == sorted(told)
    records = [json.loads(line) for line in (tmp_path / "x.json").read_text().splitlines()]
    assert sorted(record["message"] for record in records) == sorted(
        [*(f"detector {i}" for i in range(4)), "detector 2 is saturated"]
    )
    assert {record["logger"] for record in records} == {"double"}
    assert {record["labels"]["night"] for record in records} == {"7"}
    assert {record["quantum"] for record in records} == {
        f"double {{instrument: 'Cam', detector: {i}}}" for i in range(4)
    }


def test_files_may_stand_for_the_terminal(run, tmp_path):
    said = run("--no-log-tty", "--log-file", "x.log")
    assert not [line for line in said if "saturated" in line]
    assert (tmp_path / "x.log").read_text() == "WARNING double: detector 2 is saturated\n"


def test_a_logger_that_is_silenced_is_not_in_the_logs_of_quanta_either(run, numbers_repo):
    run("--log-level", "double=ERROR", "--no-log-tty")
    assert not list(numbers_repo.butler.get("double_log", instrument="Cam", detector=2, collections="out"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--log-level", "isr=LOUD", "build"), "'isr=LOUD' has no level of CRITICAL"),
        (("--log-label", "night", "build"), "'night' is no NAME=VALUE"),
        (("--log-file", "nowhere/x.log", "build", "-p", "x"), "--log-file nowhere/x.log: No such file"),
        (
            ("build", "--log-level", "INFO"),
            r"--log-level stands before the command: pipetask --log-level … build …",
        ),
    ],
)
def test_what_cannot_be_logged_is_a_usage_error(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(pipetask, words, prog_name="pipetask")
    assert done.exit_code == 2
    assert message in done.stderr


def test_butler_has_these_options_too():
    assert re.search(r"--log-level \[LOGGER=\]LEVEL", CliRunner().invoke(butler, ["--help"]).stdout)


def test_astropy_can_be_imported_where_its_level_was_set_before():
    code = "from pipetask.execution.user_log import UserLog; UserLog({'astropy': 40}).show(); import astropy.io.fits"
    subprocess.run([sys.executable, "-c", code], check=True)
