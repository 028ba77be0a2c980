"""A repository with a number per detector, and graphs of the three tasks of `execution_tasks` on it."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipetask.butler import Butler, DatasetRef, DatasetType
from pipetask.cli.main import pipetask
from pipetask.graph.builder import QuantumGraphBuilder
from pipetask.pipeline.pipeline import Pipeline

# Worker processes import the tasks by name.
sys.path.insert(0, str(Path(__file__).parent))

PIPELINE = """
description: three tasks in a row
tasks:
  double: {class: execution_tasks.DoubleTask}
  add_one: {class: execution_tasks.AddOneTask}
  total: {class: execution_tasks.TotalTask}
"""
N_DETECTORS = 4


class NumbersRepo:
    """The repository, and how to get a graph of it."""

    pipeline = PIPELINE

    def __init__(self, root):
        self.root = root
        self.butler = Butler.makeRepo(root)

    def graph(self, run="out/run", *, output="out", pipeline=PIPELINE, **config):
        """Build a graph; keywords with a task and a field (``double_fail_on=[1]``) override configurations."""
        graph = Pipeline.from_string(pipeline)
        for name, value in config.items():
            if "__" in name:
                graph = graph.with_config_override(*name.split("__"), value)
        options = {name: value for name, value in config.items() if "__" not in name}
        return QuantumGraphBuilder(
            graph.to_graph(self.butler.dimensions),
            self.butler,
            input_collections=options.pop("input_collections", ["numbers"]),
            output_run=run,
            output=output,
            **options,
        ).build()


@pytest.fixture
def numbers_repo(tmp_path):
    """Number 10 + i for detector i."""
    repo = NumbersRepo(tmp_path / "repo")
    butler = repo.butler
    butler.registry.insert_dimension_records("instrument", [{"name": "Cam", "detector_max": 10}])
    butler.registry.insert_dimension_records(
        "detector", [{"instrument": "Cam", "id": i, "full_name": f"d{i}"} for i in range(N_DETECTORS)]
    )
    number = DatasetType(
        "number", ["instrument", "detector"], "StructuredDataDict", universe=butler.dimensions
    )
    butler.register_dataset_type(number)
    butler.registry.collections.register("numbers")
    for i in range(N_DETECTORS):
        butler.put({"n": 10 + i}, DatasetRef(number, {"instrument": "Cam", "detector": i}, "numbers"))
    yield repo
    butler.close()


class Commands:
    """Runs commands on a repository, with a pipeline beside it."""

    def __init__(self, repo, pipeline):
        self.repo = repo
        self.pipeline = pipeline

    def __call__(self, name, *options, exit_code=0):
        source = [] if name == "report" or "-g" in options else ["-p", str(self.pipeline)]
        return self.plain(name, *source, *options, exit_code=exit_code)

    def plain(self, *words, exit_code=0):
        """Run a command that has no pipeline."""
        result = CliRunner().invoke(pipetask, list(map(str, words)), env={"BUTLER_REPO": str(self.repo.root)})
        assert result.exit_code == exit_code, f"{words}: {result.exit_code}\n{result.output}"
        return result

    def error(self, name, *options, exit_code=2):
        """Run a command that must fail with nothing on stdout; return the last line that it says."""
        result = self(name, *options, exit_code=exit_code)
        assert result.stdout == ""
        return result.stderr.splitlines()[-1]


@pytest.fixture
def commands(numbers_repo, tmp_path):
    path = tmp_path / "numbers.yaml"
    path.write_text(numbers_repo.pipeline)
    return Commands(numbers_repo, path)


@pytest.fixture
def composite_repo(tmp_path, database_url):
    from composite_repo import DEFINITIONS, CompositeRepo

    registry_db = None if database_url.startswith("sqlite") else database_url
    made = CompositeRepo(tmp_path / "repo", registry_db)
    made.define(DEFINITIONS, tmp_path)
    yield made
    made.butler.close()


@pytest.fixture
def composites_lite(tmp_path):
    """The same on SQLite alone."""
    from composite_repo import DEFINITIONS, CompositeRepo

    made = CompositeRepo(tmp_path / "repo")
    made.define(DEFINITIONS, tmp_path)
    yield made
    made.butler.close()
