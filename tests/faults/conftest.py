"""A repository with a number per detector, and commands on it as processes that can be killed."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipetask.butler import Butler, DatasetRef, DatasetType
from pipetask.cli.main import pipetask
from pipetask.execution.fsck import fsck

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for the tasks
WHOLE = bool(os.environ.get("PIPETASK_TEST_ALL"))
COMMAND = "import sys; from pipetask.cli.main import {0}; sys.argv[0] = '{0}'; {0}()"
PIPELINE = """
description: two tasks in a row
tasks:
  square: {class: fault_tasks.SquareTask}
  root: {class: fault_tasks.RootTask}
"""
OUTPUTS = frozenset({"square", "root", "square_of_root", "same_root"})
PATIENCE_S = 300.0


class Site:
    """The repository, its pipeline, and commands on them.

    Attributes
    ----------
    root : `pathlib.Path`
        The repository.
    pipeline : `pathlib.Path`
        A file with two tasks in a row, if it isn't replaced.
    """

    def __init__(self, root, **options):
        self.root = root
        self.pipeline = root.parent / "pipeline.yaml"
        self.pipeline.write_text(PIPELINE)
        Butler.makeRepo(root, **options).close()

    def open(self):
        return Butler.from_config(self.root, writeable=True)

    def fill(self, n_detectors):
        """Insert numbers 10, 11, … for as many detectors."""
        with self.open() as butler:
            insert = butler.registry.insert_dimension_records
            insert("instrument", [{"name": "Cam", "detector_max": n_detectors}])
            insert(
                "detector", [{"instrument": "Cam", "id": i, "full_name": f"d{i}"} for i in range(n_detectors)]
            )
            number = DatasetType(
                "number", ["instrument", "detector"], "StructuredDataDict", universe=butler.dimensions
            )
            butler.register_dataset_type(number)
            butler.registry.collections.register("numbers")
            with butler.transaction():
                for i in range(n_detectors):
                    ref = DatasetRef(number, {"instrument": "Cam", "detector": i}, "numbers")
                    butler.put({"n": 10 + i}, ref)
        return self

    def start(self, *words, program="pipetask", script=COMMAND, **options):
        """Start a command; its process is returned."""
        code = script.format(program)
        environment = os.environ | {"PYTHONPATH": str(HERE), "BUTLER_REPO": str(self.root)}
        return subprocess.Popen(
            [sys.executable, "-c", code, *map(str, words)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def start_run(self, run, *words, **options):
        """Start ``pipetask run`` into a run, new or not."""
        return self.start(*self._words(run), *words, **options)

    def run_here(self, run, *words, exit_code=0):
        """Run the pipeline in this process, undisturbed."""
        words = list(map(str, [*self._words(run), *words]))
        runner = CliRunner(env={"BUTLER_REPO": str(self.root)})
        done = runner.invoke(pipetask, words, catch_exceptions=False)
        assert done.exit_code == exit_code, done.output

    def _words(self, run):
        options = ("--no-progress", "--register-dataset-types", "-i", "numbers", "--output-run", run)
        return ["run", "-p", self.pipeline, *options]

    def wait_for(self, pattern, process):
        """Wait for a file of the repository that a process is to make."""
        end = time.monotonic() + PATIENCE_S
        while not list(self.root.glob(pattern)):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end
            time.sleep(0.02)

    def end(self, process, exit_code=0):
        """Wait for a process, and return what it said on both channels."""
        out, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == exit_code, f"exit code {process.returncode}:\n{out}\n{err}"
        return out, err

    def fsck(self):
        """All faults, with every file read."""
        with self.open() as butler:
            return list(fsck(butler, deep=True, grace_s=0.0))

    def contents(self, run):
        """Checksum of each output of the tasks by dataset type and data ID."""
        with self.open() as butler:
            found = {}
            types = butler.registry.query_dataset_types()
            for name in OUTPUTS.intersection(each.name for each in types):
                refs = butler.query_datasets(name, run, limit=None, explain=False)
                records = butler.artifacts([ref.id for ref in refs])
                for ref in refs:
                    key = name, ref.dataId["detector"]
                    assert key not in found
                    found[key] = [record.checksum for record in records[ref.id]]
        return found


@pytest.fixture(params=("sqlite", "postgresql") if WHOLE else ("sqlite",))
def site(tmp_path, request):
    """An empty repository; on each kind of database, where the whole suite was asked for."""
    is_served = request.param == "postgresql"
    options = {"registry_db": request.getfixturevalue("postgresql_url")} if is_served else {}
    return Site(tmp_path / "repo", **options)


@pytest.fixture
def sqlite_site(tmp_path):
    """An empty repository whose database is a file in its folder."""
    return Site(tmp_path / "repo")


@pytest.fixture
def new_site():
    """Makes a repository somewhere, with options of `Butler.makeRepo`."""
    return Site


@pytest.fixture(scope="session")
def whole():
    """Whether the whole suite was asked for, or a part that takes seconds."""
    return WHOLE
