"""Which lines of the tasks' code were executed: in this process, and in workers."""

from pathlib import Path

import execution_tasks
import pytest

coverage = pytest.importorskip("coverage", reason="the package coverage is not installed")

RUN = ("run", "-i", "numbers", "-o", "out", "--register-dataset-types")


@pytest.fixture
def here(tmp_path, monkeypatch):
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def lines(folder, module):
    """Return the texts of the lines that were executed."""
    data = coverage.CoverageData(str(folder / ".coverage"))
    data.read()
    text = Path(module.__file__).read_text().splitlines()
    return {text[number - 1].strip() for number in data.lines(module.__file__) or ()}


@pytest.mark.parametrize("processes", [1, 2])
def test_the_lines_of_tasks_that_were_executed_are_told(commands, here, processes):
    commands(*RUN, "--coverage", "-j", processes, "-c", "double:no_work_on=[2]")
    seen = lines(here, execution_tasks)
    assert 'raise NoWorkFound(f"nothing on detector {detector}")' in seen
    assert 'self.given["unit"] = "spoilt for the next quantum"' in seen
    assert 'raise RepeatableQuantumError("no stars")' not in seen
    assert "execution_tasks.py" in (here / "htmlcov/index.html").read_text()
    assert sorted(path.name for path in here.iterdir()) == [".coverage", "htmlcov"]


def test_other_packages_may_be_measured(commands, here):
    from pipetask.task import pipeline_task

    commands(*RUN, "--coverage", "--cov-packages", "pipetask.task")
    assert "butlerQC.put(outputs, outputRefs)" in lines(here, pipeline_task)
    assert lines(here, execution_tasks) == set()


def test_packages_that_do_not_exist_are_told(commands, here):
    assert "Nothing of pipetusk was executed" in commands.error(
        *RUN, "--coverage", "--cov-packages", "pipetusk"
    )


def test_pages_may_be_left_out(commands, here):
    commands(*RUN, "--coverage", "--no-cov-report")
    assert [path.name for path in here.iterdir()] == [".coverage"]


def test_building_a_graph_is_measured_too(commands, here):
    from pipetask.graph import prepare

    options = ("--coverage", "--cov-packages", "pipetask.graph")
    commands("qgraph", "-i", "numbers", "-o", "out", *options)
    assert "skip_in = _skip_in(butler, selection, collections)" in lines(here, prepare)


@pytest.mark.parametrize("command", ["qgraph", "run"])
@pytest.mark.parametrize("option", [("--cov-packages", "pipetask"), ("--no-cov-report",)])
def test_what_says_how_to_measure_is_refused_alone(commands, command, option):
    message = f"{option[0]}: only with --coverage"
    assert message in commands.error(command, "-i", "numbers", "-o", "out", *option)
