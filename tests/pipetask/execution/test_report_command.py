"""`pipetask report` and `run --summary` on real runs: words, JSON, the command that runs failures again, the page."""

import json
import os
import re
import shlex

import pytest
from click.testing import CliRunner

from pipetask.butler import Butler
from pipetask.butler.repository import journal_path
from pipetask.cli.main import pipetask
from pipetask.execution.resume import graph_path
from pipetask.reports.rerun import condition

RUN = ("-i", "numbers", "-o", "out", "--register-dataset-types")


@pytest.fixture
def broken(tmp_path):
    """A file as long as which double fails on every detector."""
    flag = tmp_path / "broken"
    flag.touch()
    os.environ["BROKEN"] = str(flag)
    yield flag
    del os.environ["BROKEN"]


def test_the_command_that_a_report_names_runs_only_what_failed(commands, broken):
    config = ("-c", "double:fail_while_exists=BROKEN")
    commands("run", *RUN, *config, exit_code=1)
    shown = commands("report", "out", exit_code=1).stdout
    (again,) = [line.partition("again: ")[2] for line in shown.splitlines() if "again: " in line]
    run = shown.split()[1].rstrip(":")
    words = shlex.split(again)
    assert words[:6] == ["pipetask", "run", "-p", f"{run}#double", "-o", "out"]
    assert words[-1] == "instrument = 'Cam' AND detector IN (0, 1, 2, 3)"
    broken.unlink()
    commands.pipeline.unlink()  # the run knows its tasks and their configurations
    assert "4 quanta (4 succeeded)" in commands.plain(*words[1:]).stdout
    report = json.loads(commands("report", "out", "--format", "json", exit_code=1).stdout)
    assert report["quanta"] | {"succeeded": 4, "blocked": 5} == report["quanta"]
    shown = commands("report", "out", exit_code=1).stdout.splitlines()
    rest = shlex.split(shown[shown.index("Next:") + 1])
    assert "5 quanta (5 succeeded)" in commands.plain(*rest[1:]).stdout
    assert "9 quanta (9 succeeded)" in commands("report", "out").stdout


def test_why_there_was_no_work_is_said_in_groups(commands, tmp_path):
    shown = commands("run", *RUN, "-c", "double:no_work_on=[0, 2, 3]").stdout.splitlines()
    begin = shown.index("No work:")
    said = shown[begin : begin + 5]
    assert said[1:3] == [
        "3 x double: NoWorkFound: nothing on detector 0",
        '    for example {"instrument": "Cam", "detector": 0}',
    ]
    assert said[3].startswith("3 x add_one: NoWorkFound: ")
    assert "doubled" in said[3]
    again = commands("report", "out", "--html", tmp_path / "out.html").stdout
    assert "\n".join(said) in again
    assert (
        "3 x double</b>, no work: NoWorkFound: nothing on detector 0" in (tmp_path / "out.html").read_text()
    )
    report = json.loads(commands("report", "out", "--format", "json").stdout)
    assert [(group["task"], group["count"]) for group in report["no_work"]] == [("double", 3), ("add_one", 3)]
    assert report["no_work"][0]["message"] == "nothing on detector 0"
    assert report["errors"] == []


def test_a_summary_tells_counts_errors_and_how_it_ended(commands, tmp_path):
    file = tmp_path / "summary.json"
    commands("run", *RUN, "-c", "double:fail_on=[1]", "--summary", file, exit_code=1)
    summary = json.loads(file.read_text())
    expected = {"succeeded": 6, "no_work": 0, "failed": 1, "lost": 0, "blocked": 2, "not_attempted": 0}
    assert summary["quanta"] == expected
    assert [row["task"] for row in summary["tasks"]] == ["double", "add_one", "total"]
    (error,) = summary["errors"]
    assert (error["task"], error["kind"], error["message"]) == (
        "double",
        "ValueError",
        "detector 1 is broken",
    )
    assert error["count"] == 1
    assert (summary["exit_code"], summary["finished"], summary["interrupted"]) == (1, True, False)
    assert summary["output"] == "out"
    assert summary["run"].startswith("out/")
    assert summary["reused"] == {}
    report = json.loads(commands("report", "out", "--format", "json", exit_code=1).stdout)
    assert {name: summary[name] for name in report} == report


def test_a_lost_worker_is_called_lost_wherever_it_is_told_of(commands, tmp_path):
    file = tmp_path / "summary.json"
    options = ("-c", "double:exit_on=[2]", "-j", 2, "--summary", file)
    said = commands("run", *RUN, *options, exit_code=1).stdout
    reported = commands("report", "out", exit_code=1).stdout
    for shown in said, reported:
        assert "9 quanta (6 succeeded, 1 lost, 2 blocked)" in shown
        assert "failed " not in shown.partition("Errors:")[0]
    assert json.loads(file.read_text())["quanta"]["lost"] == 1
    (run,) = commands.repo.butler.collections.query("out/*")
    statuses = [row.status for row in commands.repo.butler.registry.provenance.quanta(run)]
    assert sorted(statuses) == ["blocked"] * 2 + ["lost"] + ["succeeded"] * 6


def test_quanta_of_a_graph_that_nothing_is_known_of_were_not_attempted(commands, tmp_path):
    graph = tmp_path / "x.qg"
    commands("qgraph", "-i", "numbers", "-o", "out", "-q", graph)
    commands("run", "-g", graph, "--register-dataset-types", "--init-only")
    shown = commands("report", graph, exit_code=1).stdout
    assert "9 quanta (9 not attempted)" in shown
    commands("run", "-g", graph)
    assert "9 quanta (9 succeeded)" in commands("report", graph).stdout


def test_a_graph_that_nobody_has_begun_was_not_attempted(commands, tmp_path):
    file = tmp_path / "x.qg"
    commands.repo.graph("later").save(file)
    assert "9 quanta (9 not attempted)" in commands("report", file, exit_code=1).stdout


def test_next_steps_of_a_saved_graph_are_those_that_a_graph_allows(commands, tmp_path):
    file = tmp_path / "x.qg"
    commands("qgraph", "-i", "numbers", "-o", "out", "-q", file, "-c", "double:fail_on=[2]")
    assert f"Next:\n  pipetask run -g {file}\n" in commands("report", file, exit_code=1).stdout
    for name, *words in (("run", "-g", file, "--register-dataset-types"), ("report", file)):
        shown = commands(name, *words, exit_code=1).stdout
        assert "the same command" not in shown
        run = shown.split()[1].rstrip(":")
        assert f"\n  pipetask run -p {run} -o out --extend-run\n" in shown


def test_what_a_run_that_was_cut_short_has_still_to_do_counts(commands):
    journal = journal_path(commands.repo.root, "cut")
    journal.parent.mkdir()
    commands.repo.graph("cut").save(graph_path(journal))
    journal.touch()
    commands.repo.butler.registry.collections.register("cut")
    shown = commands("report", "cut", exit_code=1).stdout
    assert "Run cut: 9 quanta (9 not attempted), not finished" in shown


def test_what_was_not_begun_took_no_time(commands):
    commands("run", *RUN, "-c", "double:fail_on=[0, 1, 2, 3]", exit_code=1)
    (line,) = [
        each
        for each in commands("report", "out", exit_code=1).stdout.splitlines()
        if each.startswith("total")
    ]
    assert line.split() == ["total", "0", "0", "1"]


def test_commands_to_run_again_can_be_read(commands):
    commands("run", *RUN, "-c", "double:fail_on=[2]", exit_code=1)
    shown = commands("report", "out", exit_code=1).stdout
    assert """--extend-run -d "instrument = 'Cam' AND detector = 2\"""" in shown


def test_a_run_in_no_chain_knows_its_inputs_and_data(commands, broken):
    where = ("-d", "instrument='Cam' AND detector IN (1, 2)")
    config = ("-c", "double:fail_while_exists=BROKEN")
    commands("run", *RUN[:2], "--output-run", "alone", RUN[-1], *where, *config, exit_code=1)
    shown = commands("report", "alone", exit_code=1).stdout.splitlines()
    rest = shlex.split(shown[shown.index("Next:") + 1])
    assert rest[1:] == ["run", "-p", "alone", "--output-run", "alone", "--extend-run", *where]
    broken.unlink()
    assert "5 quanta (5 succeeded)" in commands.plain(*rest[1:]).stdout


def test_a_command_to_run_again_names_the_repository_where_others_would_not_find_it(commands, tmp_path):
    commands("run", *RUN, "-c", "double:fail_on=[2]", exit_code=1)
    shown = commands("report", "-b", commands.repo.root, "out", exit_code=1).stdout
    assert "again: pipetask run -p" in shown
    other = tmp_path / "elsewhere"
    Butler.makeRepo(other).close()
    words = ["report", "-b", str(commands.repo.root), "out"]
    shown = CliRunner().invoke(pipetask, words, env={"BUTLER_REPO": str(other)}).stdout
    assert f"again: pipetask run -b {commands.repo.root} -p" in shown
    commands("qgraph", "-i", "numbers", "-o", "later", "-q", tmp_path / "x.qg")
    words = ["report", "-b", str(commands.repo.root), str(tmp_path / "x.qg")]
    shown = CliRunner().invoke(pipetask, words, env={"BUTLER_REPO": str(other)}).stdout
    assert f"  pipetask run -b {commands.repo.root} -g {tmp_path / 'x.qg'}\n" in shown


def test_what_makes_temporary_inputs_goes_with_what_failed(commands, broken):
    text = commands.pipeline.read_text().replace("tasks:", "temporary: [doubled]\ntasks:")
    commands.pipeline.write_text(text)
    config = ("-c", "add_one:fail_while_exists=BROKEN")
    commands("run", *RUN, *config, "--cache-intermediates", exit_code=1)
    shown = commands("report", "out", exit_code=1).stdout
    (again,) = [line.partition("again: ")[2] for line in shown.splitlines() if "again: " in line]
    broken.unlink()
    assert "8 quanta (8 succeeded)" in commands.plain(*shlex.split(again)[1:]).stdout
    shown = commands("report", "out", exit_code=1).stdout
    assert "9 quanta (8 succeeded, 1 blocked)" in shown


def test_a_run_is_a_pipeline_as_it_was_configured_there(commands):
    commands("run", *RUN, "-c", "double:fail_on=[2]", exit_code=1)
    run = commands("report", "out", exit_code=1).stdout.split()[1].rstrip(":")
    commands("run", *RUN[:2], "--output-run", "second", "-c", "double:fail_on=[]")
    for name, failing in ((run, "[2]"), ("second", "[]")):
        shown = commands.plain("build", "-b", commands.repo.root, "-p", f"{name}#double", "--show", "config")
        assert f"fail_on={failing}" in shown.stdout
    assert (
        "'numbers' can't be used as a pipeline" in commands.plain("run", "-p", "numbers", exit_code=2).stderr
    )


def test_csv_has_a_line_for_each_task(commands):
    commands("run", *RUN)
    head, *lines = commands("report", "out", "--format", "csv").stdout.splitlines()
    assert head.startswith("task,succeeded,no_work,failed,lost,blocked,not_attempted,median_s")
    assert [line.split(",")[:2] for line in lines] == [["double", "4"], ["add_one", "4"], ["total", "1"]]


def test_the_page_shows_states_errors_logs_and_workers(commands, tmp_path, in_browser):
    commands("run", *RUN, "-c", "double:fail_on=[1]", exit_code=1)
    page = tmp_path / "run.html"
    commands("report", "out", "--html", page, exit_code=1)
    shown = in_browser(page.as_uri())
    assert "<b>1 x double</b> ValueError: detector 1 is broken" in shown
    assert "#double -o out --extend-run" in shown.replace("'", "")
    assert "double: detector 1" in shown  # its log
    assert 'class="task bad" data-name="double"' in shown
    assert "3 of 4, 1 failed" in shown
    assert 'id="timeline" width=' in shown  # the script has drawn
    assert "<li><i style=" in shown
    assert "failed or lost" in shown
    names = re.findall(r'\sid="([^"]+)"', shown)
    assert len(names) == len(set(names))  # else lines have no arrowheads: their name was another's


@pytest.mark.parametrize(
    ("data_ids", "expected"),
    [
        (['{"visit": 1}'], "visit = 1"),
        (
            ['{"instrument": "A", "visit": 1}', '{"instrument": "A", "visit": 3}'],
            "instrument = 'A' AND visit IN (1, 3)",
        ),
        (
            ['{"i": "A", "v": 1, "d": 1}', '{"i": "A", "v": 3, "d": 2}'],
            "i = 'A' AND ((v = 1 AND d = 1) OR (v = 3 AND d = 2))",
        ),
        (["{}"], ""),
        ([], ""),
    ],
)
def test_data_ids_become_a_condition(data_ids, expected):
    assert condition(data_ids) == expected
