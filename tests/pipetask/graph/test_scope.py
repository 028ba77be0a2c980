"""Data queries on something else than a quantum and its inputs: warned of, or completed."""

import sys
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner

from pipetask.cli.main import pipetask
from pipetask.graph.builder import QuantumGraphBuilder
from pipetask.graph.data_id_tables import DataIdTable

SENSOR, VISIT = ("exposure", "detector"), ("visit", "detector")
PATCH_0 = "skymap = 'map' AND tract = 0 AND patch = 0"


@pytest.fixture
def tasks(task):
    """From raws to a table per visit."""
    many = {"multiple": True}
    return {
        "isr": task(SENSOR, raw=("in", "raw", SENSOR), post=("out", "post", SENSOR)),
        "calibrate": task(VISIT, posts=("in", "post", SENSOR, many), src=("out", "src", VISIT)),
        "gather": task(("visit",), srcs=("in", "src", VISIT, many), table=("out", "table", ("visit",))),
    }


@pytest.fixture
def build(sky, tasks):
    def build(where, **options):
        pipeline = sky.pipeline(**tasks)
        return QuantumGraphBuilder(
            pipeline, sky.butler, input_collections=["raws"], output_run="out", where=where, **options
        ).build()

    return build


def tables(graph):
    """Detectors whose sources go into the table of each visit."""
    return {
        quantum.dataId["visit"]: [ref.dataId["detector"] for ref in quantum.inputs["srcs"]]
        for quantum in graph.quanta("gather")
    }


def test_a_condition_on_the_sky_slices_visits_and_is_warned_of(build, caplog):
    graph = build(PATCH_0)  # detector 1 of visit 2 lies on patch 1 only
    assert tables(graph) == {1: [0, 1], 2: [0]}
    (warning,) = [record.getMessage() for record in caplog.records]
    assert warning.startswith(
        "1 of 2 quanta of task 'gather' see a part of their 'src' only: 1 is left out by"
    )
    assert "left out by `tract = 0` and `patch = 0`, such as" in warning
    assert "{instrument: 'Cam', visit: 2, detector: 1} for {instrument: 'Cam', visit: 2}" in warning
    assert warning.endswith("To have them all: --scope complete")


def test_quanta_that_were_done_before_are_not_warned_of(sky, build, caplog):
    sky.datasets(
        "gather_metadata", ("visit",), "done", storage_class="TaskMetadata", instrument=["Cam"], visit=[2]
    )
    graph = build(PATCH_0, skip_existing_in=["done"])
    assert tables(graph) == {1: [0, 1]}
    assert not caplog.records


def test_complete_scope_adds_the_inputs_and_what_makes_them(build, caplog):
    graph = build(PATCH_0, scope="complete")
    assert tables(graph) == {1: [0, 1], 2: [0, 1]}
    assert {task.label: task.count for task in graph.tasks} == {"isr": 4, "calibrate": 4, "gather": 2}
    assert not caplog.records


@pytest.mark.parametrize("scope", ["query", "complete"])
def test_what_the_query_says_of_the_inputs_themselves_is_meant(build, caplog, scope):
    graph = build("instrument = 'Cam' AND detector = 0", scope=scope)
    assert tables(graph) == {1: [0], 2: [0]}
    assert not caplog.records


def test_quanta_that_the_query_does_not_pick_stay_out(build):
    assert tables(build(f"{PATCH_0} AND visit = 2", scope="complete")) == {2: [0, 1]}


def test_a_table_of_data_ids_slices_as_a_query_does(build, caplog):
    columns = {"skymap": ["map"], "tract": [0], "patch": [0]}
    table = DataIdTable("here", {name: np.array(values) for name, values in columns.items()})
    assert tables(build("", data_id_tables=[table])) == {1: [0, 1], 2: [0]}
    assert "`here`" in caplog.text
    assert tables(build("", data_id_tables=[table], scope="complete")) == {1: [0, 1], 2: [0, 1]}


@pytest.fixture
def command(sky, tasks, tmp_path, monkeypatch):
    """Runs ``pipetask qgraph`` on the repository with a pipeline of the tasks."""
    module = ModuleType("scope_tasks")
    for label, cls in tasks.items():
        setattr(module, label, cls)
    monkeypatch.setitem(sys.modules, "scope_tasks", module)
    lines = [f"  {label}: scope_tasks.{label}" for label in tasks]
    (tmp_path / "p.yaml").write_text("\n".join(["description: tables", "tasks:", *lines]))
    (tmp_path / "butler.yaml").write_text(f"registry: sqlite:///{tmp_path}/registry.sqlite3\n")

    def run(*options):
        words = ["qgraph", "-b", tmp_path, "-p", tmp_path / "p.yaml", "-i", "raws", "-o", "out", *options]
        result = CliRunner().invoke(pipetask, [str(word) for word in words])
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def test_the_scope_is_an_option_of_commands(command, caplog):
    assert "calibrate           3" in command("-d", PATCH_0)
    assert "--scope complete" in caplog.text
    assert "calibrate           4" in command("-d", PATCH_0, "--scope", "complete")
