"""What is wrong with a task class is one line that names module, class, label and connection."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipetask.cli.main import pipetask

sys.path.insert(0, str(Path(__file__).parent))


TEMPLATE_WITHOUT_DEFAULT = """
import pipetask as pt


class C(pt.PipelineTaskConnections, dimensions=("visit",)):
    a = pt.connectionTypes.Output("{x}_a", "Mask", dimensions=("visit",))
"""


@pytest.fixture
def outcome_of(on_repo, tmp_path):
    """Runs a task class under the label ``lab``; returns the line that says what is wrong."""

    def run(class_name, *, exit_code):
        pipeline = tmp_path / "pipeline.yaml"
        pipeline.write_text(f"description: ''\ntasks:\n  lab: {class_name}\n")
        words = ["run", "-b", on_repo.root, "-p", pipeline, "-i", "first", "-o", "out", "-d", "detector = 1"]
        words = [str(word) for word in words]
        done = CliRunner().invoke(pipetask, [*words, "--register-dataset-types"])
        assert done.exit_code == exit_code, done.output
        if exit_code == 2:
            lines = done.stderr.splitlines()
            assert len(lines) == 1
            assert done.stdout == ""
        else:
            lines = [line for line in done.stdout.splitlines() if line.startswith("1 x ")]
        return lines[-1]

    return run


@pytest.mark.parametrize(
    ("class_name", "said"),
    [
        ("no_such_module.Task", ["task 'lab'", "'no_such_module.Task'", "No module named 'no_such_module'"]),
        ("Good", ["task 'lab'", "'Good' is no dotted name of a class"]),
        ("bad_tasks.god", ["task 'lab'", "module 'bad_tasks' has no class 'god'", "did you mean 'Good'"]),
        ("bad_tasks.DETECTOR", ["task 'lab'", "'bad_tasks.DETECTOR' is no PipelineTask"]),
        ("bad_tasks.NoPipelineTask", ["task 'lab'", "'bad_tasks.NoPipelineTask' is no PipelineTask"]),
        ("bad_tasks.NoConfigClass", ["task 'lab'", "'bad_tasks.NoConfigClass' sets no ConfigClass"]),
        (
            "bad_tasks.LacksArgument",
            ["'lab' (bad_tasks.LacksArgument)", "no argument for the input connection 'notes'", "'note'"],
        ),
        ("bad_tasks.TakesNoInitInputs", ["'lab' (bad_tasks.TakesNoInitInputs)", "__init__", "'initInputs'"]),
        (
            "bad_tasks.FailsInInit",
            ["'lab' (bad_tasks.FailsInInit)", "KeyError: 'no such thing'", "bad_tasks.py, line"],
        ),
        ("bad_tasks.FailsAtLength", ["can't be constructed: RuntimeError: boom … (", "bad_tasks.py, line"]),
        (
            "bad_tasks.NeedsSchema",
            ["'lab' (bad_tasks.NeedsSchema)", "'notes_schema' (connection 'schema')", "collections first"],
        ),
        (
            "bad_tasks.ForgetsSchema",
            ["'lab' (bad_tasks.ForgetsSchema)", "__init__ set no attribute 'schema'", "'notes_schema'"],
        ),
    ],
)
def test_before_anything_runs(class_name, said, outcome_of):
    line = outcome_of(class_name, exit_code=2)
    for words in said:
        assert words in line


@pytest.mark.parametrize(
    ("class_name", "said"),
    [
        ("ReturnsNothing", "returned None; due is a Struct with made"),
        ("ReturnsDict", "returned an object of type 'dict'; due is a Struct with made"),
        ("LacksOutput", "returned a Struct without the output 'made'; it has maed"),
        ("WrongObject", "output 'made' is stored as 'made': Storage class 'StructuredDataDict' wants"),
    ],
)
def test_when_a_quantum_runs(class_name, said, outcome_of):
    line = outcome_of(f"bad_tasks.{class_name}", exit_code=1)
    assert f"Task 'lab' (bad_tasks.{class_name})" in line
    assert said in line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_thing", "ModuleNotFoundError: No module named 'no_such_thing'"),
        ("def f(:", "SyntaxError: invalid syntax (failing_module.py, line 1)\n"),
        ("import no_such_one", "No module named 'no_such_one' ({module}, line 1)"),
        ("\nraise SystemExit(4)", "SystemExit: 4 ({module}, line 2)"),
        (
            TEMPLATE_WITHOUT_DEFAULT,
            "add it: defaultTemplates={{'x': ...}} ({module}, line 5)",
        ),
    ],
)
def test_a_module_that_fails_is_told_as_its_error(text, said, outcome_of, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    module = tmp_path / "failing_module.py"
    module.write_text(text)
    line = outcome_of("failing_module.Task", exit_code=2) + "\n"
    assert "task 'lab': cannot import module 'failing_module' for 'failing_module.Task'" in line
    assert said.format(module=module) in line


def test_run_is_not_looked_at_where_run_quantum_is_ones_own(on_repo, outcome_of):
    with pytest.raises(IndexError):  # no line of an error
        outcome_of("bad_tasks.LacksArgumentButRunsItself", exit_code=0)
    assert on_repo.rows("query-datasets", "made")
