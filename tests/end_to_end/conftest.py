"""Repositories made by the installed commands, and where the real images are."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = Path(sys.executable).parent


class Shell:
    """Runs the installed commands as a user would, in one folder."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.environment = {k: v for k, v in os.environ.items() if k != "BUTLER_REPO"} | {"USER": "tester"}

    def __call__(self, *command, exit_code=0, cwd=None):
        """Run a command; fail unless it ends with this exit code."""
        name, *rest = [str(part) for part in command]
        done = subprocess.run(
            [str(COMMANDS / name), *rest],
            cwd=cwd or self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == exit_code, (
            f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done

    def rows(self, *command, cwd=None):
        """Run a query with ``--format json`` and return its rows."""
        return json.loads(self(*command, "--format", "json", cwd=cwd).stdout)

    def error(self, *command, exit_code=2, cwd=None):
        """Run a command that must fail; return the one line that it says."""
        done = self(*command, exit_code=exit_code, cwd=cwd)
        assert "Traceback" not in done.stderr, done.stderr
        lines = done.stderr.strip().splitlines()
        return lines[-1] if lines else ""


@pytest.fixture
def shell(tmp_path):
    return Shell(tmp_path)


@pytest.fixture(scope="session")
def pipeline():
    return ROOT / "pipelines" / "aperture.yaml"


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    """A shell beside ``repo``: simulated exposures ingested, visits defined, nothing run."""
    from pipetask.simulate import simulate_survey

    folder = tmp_path_factory.mktemp("simulated")
    simulate_survey(folder / "raw", shape=(320, 320), detectors=2, stars_per_detector=30)
    shell = Shell(folder)
    shell("butler", "create", "repo")
    shell("butler", "register-instrument", "repo", ROOT / "examples" / "cameras" / "simcam.yaml")
    shell("butler", "ingest-raws", "repo", "raw")
    shell("butler", "define-visits", "repo", "SimCam")
    return shell


@pytest.fixture
def survey(simulated, tmp_path):
    """A copy of ``simulated`` that a test may change."""
    import shutil

    shutil.copytree(simulated.folder / "repo", tmp_path / "repo")
    return Shell(tmp_path)


@pytest.fixture(scope="session")
def processed(simulated, tmp_path_factory, pipeline):
    """``simulated`` with the aperture pipeline run once into u/me/aperture."""
    import shutil

    folder = tmp_path_factory.mktemp("processed")
    shutil.copytree(simulated.folder / "repo", folder / "repo")
    shell = Shell(folder)
    shell(
        *("pipetask", "run", "-b", "repo", "-p", pipeline, "-i", "SimCam/defaults", "-o", "u/me/aperture"),
        *("--register-dataset-types", "-j", "2"),
    )
    return shell


@pytest.fixture(scope="session")
def images_2mass(camera_images):
    """Folder of real 2MASS images, or of simulated ones written as a stand-in."""
    if camera_images is None:
        pytest.skip(
            "the real 2MASS images are absent (PIPETASK_TEST_DATA); test_main_job.py does the same on simulated ones"
        )
    return camera_images / "2mass-m17"


@pytest.fixture(scope="session")
def images_decam(camera_images):
    """Folder of real DECam cut-outs."""
    if camera_images is None:
        pytest.skip(
            "the real DECam cut-outs are absent (PIPETASK_TEST_DATA); test_main_job.py does the same on simulated ones"
        )
    return camera_images / "decam-legacypipe"
