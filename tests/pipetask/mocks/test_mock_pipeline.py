"""Pipelines of mocks: the same quanta, no work, failures as wanted."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from pipetask import Butler, DatasetType, Exposure, Pipeline
from pipetask.cli.main import pipetask
from pipetask.errors import ConfigOverrideError
from pipetask.testing import Failure, mock_pipeline

sys.path.insert(0, str(Path(__file__).parent))  # worker processes import the originals by name

PIPELINE = """
description: a mosaic
tasks:
  clean: originals.CleanTask
  mosaic: originals.MosaicTask
subsets:
  step1: {subset: [clean]}
  step2: {subset: [mosaic]}
"""


class Mosaics:
    """A repository with three raw images, and pipetask on it."""

    def __init__(self, folder):
        self.root = folder / "repo"
        self.pipeline = folder / "mosaic.yaml"
        self.pipeline.write_text(PIPELINE)

    def __call__(self, *words, command="run", labels="", exit_code=0):
        options = ("--register-dataset-types",) if command == "run" else ()
        done = CliRunner().invoke(
            pipetask,
            [command, "-b", str(self.root), "-p", f"{self.pipeline}{labels}", "-i", "raws", *options, *words],
        )
        assert done.exit_code == exit_code, done.output
        return done.output

    def get(self, name, **data_id):
        with Butler.from_config(self.root, collections="out", instrument="Cam") as butler:
            return butler.get(name, **data_id)

    def types(self):
        with Butler.from_config(self.root) as butler:
            return {dataset_type.name for dataset_type in butler.collections.dataset_types("out")}


@pytest.fixture
def mosaics(tmp_path):
    made = Mosaics(tmp_path)
    with Butler.makeRepo(made.root) as butler:
        insert = butler.registry.insert_dimension_records
        insert("instrument", [{"instrument": "Cam"}])
        insert("detector", [{"instrument": "Cam", "detector": d, "full_name": f"D{d}"} for d in range(3)])
        detector = ["instrument", "detector"]
        butler.register_dataset_type(DatasetType("raw", detector, "ExposureF", universe=butler.dimensions))
        butler.register_dataset_type(
            DatasetType("layout", ["instrument"], "StructuredDataDict", universe=butler.dimensions)
        )
        butler.collections.register("raws")
        for d in range(3):
            butler.put(Exposure(np.ones((3, 4))), "raw", instrument="Cam", detector=d, run="raws")
        butler.put({}, "layout", instrument="Cam", run="raws")
    return made


def test_mocks_have_the_quanta_of_their_originals(mosaics):
    shown = mosaics("--mock", command="qgraph")
    assert re.search(r"_mock_clean +3\n +_mock_mosaic +1\n", shown)


def test_mocks_write_placeholders_and_nothing_else(mosaics):
    assert "4 succeeded" in mosaics("--mock", "-o", "out", "-j", "2")
    assert all(name.startswith("_mock_") for name in mosaics.types() - {"packages", "raw", "layout"})
    first = mosaics.get("_mock_clean", detector=1)
    assert first["mock"] == "_mock_clean"
    assert first["dataId"] == {"instrument": "Cam", "detector": 1}
    assert first["task"] == "_mock_clean"
    mosaic = mosaics.get("_mock_mosaic")
    # The original's adjustQuantum has taken detector 0 out.
    assert {name: len(ids) for name, ids in mosaic["read"].items()} == {
        **dict.fromkeys(("images", "boxes", "facts", "raws"), 2),
        "layout": 1,
    }
    assert first["id"] in mosaic["read"]["images"]
    assert mosaics.get("_mock_columns") == {"mock": "_mock_columns", "task": "_mock_clean"}


def test_a_real_run_beside_it_knows_nothing_of_mocks(mosaics):
    mosaics("--mock", "-o", "out")
    assert "clean   " in mosaics(command="qgraph")  # _mock_clean is no clean
    shown = mosaics("-o", "out", labels="#clean", exit_code=1)
    assert "a mock was to run" in shown


def test_without_a_name_the_output_is_not_that_of_the_original(mosaics):
    assert "/mosaic_mock/" in mosaics("--mock")


def test_a_second_mock_reads_what_the_first_wrote(mosaics):
    mosaics("--mock", "-o", "out", labels="#step1")
    options = ("--mock", "-i", "out,raws", "-o", "next")
    assert "1 succeeded" in mosaics(*options, labels="#step2")
    # Real ones of these types there are none.
    shown = mosaics(
        *options, "--unmocked-dataset-types", "clean", command="qgraph", labels="#step2", exit_code=3
    )
    assert "clean" in shown
    shown = mosaics(*options, "--unmocked-dataset-types", "claen", labels="#step2", exit_code=2)
    assert "did you mean 'clean'" in shown


def test_dataset_types_are_named_as_without_mocks(mosaics, caplog):
    mosaics("--mock", "-o", "out", labels="#step1")
    rest = ("--mock", "-o", "next", "--skip-existing-in", "out", "--retained-dataset-types")
    shown = mosaics(*rest, "clean*", command="qgraph")
    assert "_mock_mosaic" in shown
    assert "_mock_clean  " not in shown
    assert re.search(r"_mock_clean +3\n", mosaics(*rest, "*_metadata", command="qgraph"))
    constrained = ("--mock", "-i", "out,raws", "--dataset-query-constraint")
    mosaics(*constrained, "clean,raw", command="qgraph", labels="#step2")
    assert not caplog.records
    mosaics(*constrained, "claen", command="qgraph", labels="#step2")
    assert "claen constrains nothing" in caplog.text


def test_a_wanted_failure_happens_where_it_is_wanted(mosaics):
    shown = mosaics(
        *("--mock", "-o", "out", "--mock-failure", "clean:builtins.MemoryError:detector IN (0, 2)"),
        *("--mock-failure", "clean:pipetask.errors.NoWorkFound:detector = 1"),
        exit_code=1,
    )
    assert "2 x _mock_clean: MemoryError: Mock failure" in shown
    assert "1 no work, 2 failed, 1 blocked" in shown


def test_the_exception_is_a_value_error_if_none_is_named(mosaics):
    shown = mosaics("--mock", "-o", "out", "--mock-failure", "mosaic::instrument = 'Cam'", exit_code=1)
    assert "1 x _mock_mosaic: ValueError: Mock failure" in shown


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ("clean", "LABEL:EXCEPTION:WHERE"),
        (
            "claen::detector = 3",
            "'claen', which is no task of the pipeline (it has clean, mosaic); did you mean",
        ),
        ("clean:NoSuchError:detector = 3", "'NoSuchError', which isn't there"),
        ("clean:pipetask.Struct:detector = 3", "'pipetask.Struct', which is no exception"),
        ("clean::detektor = 3", "detektor"),
        ("clean::detector = ", "clean"),
        ("clean::detector = 3 OR detector.full_name = 'D3'", "does not tell detector"),
        ("mosaic::detector = 3", "does not tell detector"),
    ],
)
def test_a_failure_that_cannot_be_is_one_line(failure, words, mosaics):
    shown = mosaics("--mock", "--mock-failure", failure, exit_code=2)
    assert words in shown
    assert "Traceback" not in shown


def test_options_of_mocks_need_mocks(mosaics):
    shown = mosaics("--mock-failure", "clean::detector = 3", exit_code=2)
    assert "--mock-failure: only with --mock." in shown


def test_a_saved_graph_of_mocks_runs_as_it_is(mosaics, tmp_path):
    mosaics("--mock", "-o", "out", "-q", str(tmp_path / "mock.qg"), command="qgraph")
    done = CliRunner().invoke(
        pipetask,
        ["run", "-b", str(mosaics.root), "-g", str(tmp_path / "mock.qg"), "--register-dataset-types"],
    )
    assert "4 succeeded" in done.output
    refused = CliRunner().invoke(pipetask, ["run", "-g", str(tmp_path / "mock.qg"), "--mock"])
    assert "--mock: not with -g" in refused.output


def test_a_placeholder_that_is_not_the_due_one_is_an_error(mosaics):
    mosaics("--mock", "-o", "out", labels="#step1")
    with Butler.from_config(mosaics.root, run="out/other", writeable=True) as butler:
        for d in range(3):
            butler.put({"mock": "_mock_other"}, "_mock_clean", instrument="Cam", detector=d)
    shown = mosaics("--mock", "-i", "out/other,out,raws", "-o", "next", labels="#step2", exit_code=1)
    assert "input 'images' of '_mock_mosaic' is not the mock" in shown


def test_a_mock_pipeline_is_a_pipeline():
    original = Pipeline.from_string(PIPELINE)
    mock = mock_pipeline(original, failures=[Failure("clean", "detector > 1")])
    assert mock.labels == ("_mock_clean", "_mock_mosaic")
    assert mock.subsets["step1"].labels == ("_mock_clean",)
    read_back = Pipeline.from_string(mock.to_yaml()).to_graph()
    real = original.to_graph()
    assert {label.removeprefix("_mock_") for label in read_back.tasks} == set(real.tasks)
    for label, task in real.tasks.items():
        assert read_back.tasks[f"_mock_{label}"].dimensions == task.dimensions
    assert set(read_back.overall_inputs()) == {"raw", "layout"}
    with pytest.raises(ConfigOverrideError, match="no task"):
        mock_pipeline(original, failures=[Failure("other", "detector > 1")])


def test_a_mock_has_the_bounds_and_logs_of_its_original():
    original = Pipeline.from_string(
        "description: ''\ntasks: {sky: {class: originals.SkyTask, config: {saveLogOutput: false}}}"
    )
    mock = mock_pipeline(original).to_graph().tasks["_mock_sky"]
    real = original.to_graph().tasks["sky"]
    assert mock.spatial_bounds == real.spatial_bounds == ("images",)
    assert mock.temporal_bounds == real.temporal_bounds == ("images",)
    assert not mock.config.saveLogOutput
