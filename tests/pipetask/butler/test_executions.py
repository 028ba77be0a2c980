"""What the history of a run tells of its executions."""

import pytest

from pipetask.butler import Butler
from pipetask.butler.executions import Executions, executions_of, note_execution


@pytest.fixture
def butler(tmp_path):
    with Butler.makeRepo(tmp_path / "repo") as made:
        made.collections.register("run", "RUN")
        yield made


def note(butler, query, *, inputs=("raw",), tasks=None, temporary=()):
    note_execution(
        butler, "run", inputs=["run", *inputs], data_query=query, tasks=tasks or {}, temporary=temporary
    )


def test_a_run_that_nobody_executed_tells_nothing(butler):
    assert executions_of(butler, "run") == executions_of(butler, "nowhere") == Executions()


def test_several_executions_are_taken_together(butler):
    note(butler, "visit = 1", tasks={"isr": "x.Isr"}, temporary=["overscan"])
    note(butler, "visit = 2", inputs=["raw", "calib"], tasks={"detect": "x.Detect"})
    note(butler, "visit = 1", inputs=["raw", "calib"])
    assert executions_of(butler, "run") == Executions(
        ("raw", "calib"),
        "(visit = 1) OR (visit = 2)",
        {"isr": "x.Isr", "detect": "x.Detect"},
        frozenset({"overscan"}),
    )
    note(butler, "")
    assert executions_of(butler, "run").data_query == ""


def test_an_earlier_run_of_the_same_name_is_another_one(butler):
    note(butler, "visit = 1")
    butler.removeRuns("run")
    butler.collections.register("run", "RUN")
    assert executions_of(butler, "run") == Executions()
