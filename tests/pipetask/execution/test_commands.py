"""`pipetask` commands on numbers: what they refuse, in one line and before anything is done."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = ("-i", "numbers", "-o", "out", "--register-dataset-types")


@pytest.mark.parametrize("seconds", ["0", "-1", "nan"])
def test_a_time_limit_that_is_no_time_is_refused(commands, seconds):
    assert "'--timeout'" in commands.error("run", *RUN, "--timeout", seconds)


def test_an_absurd_number_of_processes_is_refused(commands):
    assert "'-j'" in commands.error("run", *RUN, "-j", 100_000_000)


def test_a_run_that_is_a_chain_is_called_so(commands):
    commands("run", *RUN)
    line = commands.error("run", "-i", "numbers", "--output-run", "out")
    assert line.startswith("Error: 'out' is a CHAINED collection; --output-run names a RUN one.")


def test_clobbering_without_extending_is_refused(commands):
    assert "Add --extend-run" in commands.error("run", *RUN, "--clobber-outputs")


@pytest.mark.parametrize(
    ("command", "option", "what"),
    [("qgraph", "--save-qgraph", "quantum graph"), ("build", "--save-pipeline", "pipeline")],
)
def test_a_place_where_nothing_can_be_saved_is_named_before_anything_is_shown(
    commands, tmp_path, command, option, what
):
    where = tmp_path / "nowhere" / "x"
    inputs = ("-i", "numbers") if command == "qgraph" else ()
    line = commands.error(command, *inputs, option, where)
    assert line.startswith(f"Error: Can't save the {what} to '{where}': No such file or directory.")


def test_a_saved_graph_is_run_once(commands, tmp_path):
    graph = tmp_path / "x.qg"
    commands("qgraph", "-i", "numbers", "-o", "out", "-q", graph)
    commands("run", "-g", graph, "--register-dataset-types")
    assert "were run already" in commands.error("run", "-g", graph)


@pytest.mark.parametrize("processes", [1, 2])
def test_warnings_of_tasks_are_shown_wherever_they_run(commands, processes):
    done = subprocess.run(
        [
            *(Path(sys.executable).parent / "pipetask", "run", "-p", commands.pipeline, *RUN),
            *("-c", "double:warn_on=[1, 2]", "-j", str(processes)),
        ],
        env=os.environ | {"BUTLER_REPO": str(commands.repo.root), "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert sorted(done.stderr.splitlines()) == [
        "WARNING double: detector 1 is saturated",
        "WARNING double: detector 2 is saturated",
    ]


def test_a_failed_run_says_what_to_do_next(commands):
    shown = commands("run", *RUN, "-c", "double:fail_on=[1]", exit_code=1).stdout.splitlines()
    run = shown[0].split()[1].rstrip(":")
    assert f"  pipetask report {run}" in shown
    assert any("with --extend-run" in line for line in shown)
    log = commands.repo.butler.get("double_log", instrument="Cam", detector=1, collections=run)
    code = next(line for line in shown if "_log" in line).strip()
    assert eval(code, {"butler": commands.repo.butler}) == log
    assert f"  pipetask run -p {run} -o out --extend-run" in commands("report", run, exit_code=1).stdout


def test_why_answers_for_one_unit_of_work(commands):
    shown = commands("qgraph", "-i", "numbers", "--why", "double", "detector = 1").stdout
    assert shown.startswith("double {instrument: 'Cam', detector: 1} is in the graph.")
    shown = commands("qgraph", "-i", "numbers", "--why", "double", "detector=1", "-d", "detector=2").stdout
    assert "It does not fit `detector = 2" in shown


@pytest.mark.parametrize("options", [("--why", "double", "detector=1"), ("--plan",)])
def test_questions_about_the_building_are_refused_of_a_saved_graph(commands, tmp_path, options):
    commands("qgraph", "-i", "numbers", "-q", tmp_path / "x.qg")
    line = commands.error("qgraph", "-g", tmp_path / "x.qg", *options)
    assert line.startswith(f"Error: {options[0]}: not with -g")


def test_why_needs_a_data_id(commands):
    line = commands.error("qgraph", "-i", "numbers", "--why", "double", "1")
    assert line == "Error: A data ID is written 'visit=12, detector=3', not '1'."


def test_an_empty_graph_ends_with_3_and_explains_itself_when_asked(commands):
    commands.repo.butler.registry.collections.register("empty")
    assert commands.error("qgraph", "-i", "empty", exit_code=3).startswith(
        "Error: There are no 'number' datasets in collection empty. There are some in numbers"
    )
    done = commands("qgraph", "-i", "empty", "--show", "explain", exit_code=3)
    assert "double" in done.stdout
    assert "4  data IDs joined" in done.stdout
    assert "0  with existing inputs   (dropped 4)" in done.stdout
    assert "{instrument: 'Cam', detector: 0}" in done.stdout


def add_number(repo, detector):
    registry = repo.butler.registry
    registry.insert_dimension_records(
        "detector", [{"instrument": "Cam", "id": detector, "full_name": f"d{detector}"}]
    )
    repo.butler.put({"n": 10 + detector}, "number", instrument="Cam", detector=detector, run="numbers")


def test_a_saved_graph_is_brought_up_to_date(commands, tmp_path):
    old, new = tmp_path / "old.qg", tmp_path / "new.qg"
    commands("qgraph", "-i", "numbers", "-o", "out", "-q", old)
    add_number(commands.repo, 7)
    shown = commands("qgraph", "--update", old, "-q", new).stdout
    assert shown.startswith("9 quanta kept, 2 added, 0 dropped (done, or without data).")
    assert "11 quanta (11 succeeded)" in commands("run", "-g", new, "--register-dataset-types").stdout
    assert commands.repo.butler.get("total", instrument="Cam", collections="out")["count"] == 5


def test_what_was_run_is_left_out_of_an_update(commands, tmp_path):
    old, new = tmp_path / "old.qg", tmp_path / "new.qg"
    commands("qgraph", "-i", "numbers", "-o", "out", "-q", old)
    commands("run", "-g", old, "--register-dataset-types")
    add_number(commands.repo, 7)
    shown = commands("qgraph", "--update", old, "-q", new).stdout
    assert shown.startswith("0 quanta kept, 2 added, 9 dropped (done, or without data).")
    commands("run", "-g", new)
    children = commands.repo.butler.registry.collections.get_info("out").children
    refs = commands.repo.butler.query_datasets("plus_one", children[0])
    assert len(refs) == 5


def test_an_update_keeps_to_the_data_and_configurations_of_the_graph(commands, tmp_path):
    old = tmp_path / "old.qg"
    commands("qgraph", "-i", "numbers", "-o", "out", "-q", old)
    line = commands.error("qgraph", "--update", old, "-i", "numbers", "-d", "detector=1")
    assert line.startswith("Error: -i, -d: not with --update")
    line = commands.error("qgraph", "--update", old, "--scope", "complete", "--data-id-table", "x.csv")
    assert line.startswith("Error: --data-id-table, --scope: not with --update")
    line = commands.error("qgraph", "--update", old, "-c", "double:unit=e")
    assert line.startswith("Error: Task 'double' has another configuration than in the graph to be updated.")
    commands("run", "-g", old, "--register-dataset-types")  # also when nothing is left to do
    line = commands.error("qgraph", "--update", old, "-c", "double:unit=e")
    assert line.startswith("Error: Task 'double' has another configuration than in the graph to be updated.")


def test_an_update_selects_as_the_graph_was_selected(commands, tmp_path):
    """A table of data IDs, quanta that were done elsewhere: nobody has to say it twice."""
    old, table = tmp_path / "old.qg", tmp_path / "ids.csv"
    table.write_text("instrument,detector\nCam,0\nCam,7\n")
    commands("run", "-i", "numbers", "-o", "done", "-d", "detector=0", "--register-dataset-types")
    options = ("--data-id-table", table, "--skip-existing-in", "done")
    assert "Nothing is left to do" in commands(
        "qgraph", "-i", "numbers", "-o", "out", *options, exit_code=3
    ).stderr  # fmt: skip
    add_number(commands.repo, 7)
    commands("qgraph", "-i", "numbers", "-o", "out", *options, "-q", old)
    add_number(commands.repo, 8)
    shown = commands("qgraph", "--update", old).stdout
    assert shown.startswith("2 quanta kept, 0 added, 0 dropped")
    table.unlink()
    assert str(table) in commands.error("qgraph", "--update", old)
