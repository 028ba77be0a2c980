"""Saved graphs on the command line: parts of them, other runs, what is shown and drawn."""

import json
import re
import zipfile
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

from pipetask.graph.quantum_graph import QuantumGraph
from pipetask.pipeline.pipeline import Pipeline


@pytest.fixture
def saved(commands, tmp_path):
    """File of a graph of four times two quanta and one that gathers them."""
    path = tmp_path / "x.qg"
    commands("qgraph", "-i", "numbers", "-o", "out", "-q", path)
    return path


def test_nothing_of_a_damaged_graph_is_run_or_registered(commands, saved):
    with zipfile.ZipFile(saved) as archive:
        edges = archive.read("edges/total/numbers")
    content = saved.read_bytes()
    saved.write_bytes(content.replace(edges, edges[:-1] + bytes([edges[-1] ^ 1])))
    before = commands.repo.butler.registry.collections.query("*"), sorted(commands.repo.root.rglob("*"))
    for words in (["run", "-g", saved, "--register-dataset-types"], ["pre-exec-init", saved]):
        assert f"'{saved}' is damaged" in commands.plain(*words, exit_code=2).stderr
    assert (
        commands.repo.butler.registry.collections.query("*"),
        sorted(commands.repo.root.rglob("*")),
    ) == before


def ids_of(path, label):
    graph = QuantumGraph.load(path)
    return [str(quantum.id) for quantum in graph.quanta(label)]


def test_a_part_of_a_graph_is_shown_by_ids(commands, saved):
    first, second, *_ = ids_of(saved, "double")
    shown = commands("qgraph", "-g", saved, "--qgraph-node-id", f"{first},{second}", "--show", "graph").stdout
    assert re.findall(r"^double .*(\d)}$", shown, re.MULTILINE) == ["0", "1"]
    assert "add_one" not in shown


@pytest.mark.parametrize(
    ("id", "message"),
    [("7", "'7' is no id of a quantum"), ("00000000-0000-7000-8000-000000000000", "No quantum 00000000-")],
)
def test_an_id_that_the_graph_does_not_have_is_an_error(commands, saved, id, message):
    line = commands.error("qgraph", "-g", saved, "--qgraph-node-id", id)
    assert message in line
    assert "--show workflow" in line


def test_ids_without_a_saved_graph_are_refused(commands):
    assert "name its file (-g)" in commands.error("qgraph", "-i", "numbers", "--qgraph-node-id", "7")


def test_a_graph_can_be_run_part_by_part(commands, saved):
    doubles, sums, (total,) = (ids_of(saved, label) for label in ("double", "add_one", "total"))
    part = ("run", "-g", saved, "--qgraph-node-id")
    commands(*part, ",".join(doubles), "--register-dataset-types")
    line = commands.error(*part, total)
    assert re.search(r"These quanta read '\w+' {instrument: 'Cam', detector: 0} \(and 3 more\)", line)
    assert "Run that quantum first, or name it too." in line
    commands(*part, ",".join(sums))
    commands(*part, total)
    assert "were run already" in commands.error(*part, total)
    whole = commands.repo.butler.get("total", instrument="Cam", collections="out")
    commands("run", "-i", "numbers", "-o", "other")
    assert commands.repo.butler.get("total", instrument="Cam", collections="other") == whole


def test_a_saved_graph_is_sent_to_another_run(commands, saved, tmp_path):
    other = tmp_path / "y.qg"
    words = ["update-graph-run", saved, "out/again", other]
    assert "Saved 9 quanta" in commands.plain(*words).stdout
    commands("run", "-g", saved, "--register-dataset-types")
    commands("run", "-g", other)
    assert commands.repo.butler.collections.get_info("out").children[0] == "out/again"
    assert not set(ids_of(saved, "double")) & set(ids_of(other, "double"))


def test_a_saved_graph_is_not_sent_to_a_run_that_cannot_be(commands, saved, tmp_path):
    result = commands.plain("update-graph-run", saved, "out/*", tmp_path / "y.qg", exit_code=2)
    assert "'out/*' cannot name a collection" in result.stderr


def test_the_workflow_tells_what_waits_for_what(commands, saved):
    shown = commands("qgraph", "-g", saved, "--show", "workflow").stdout
    (total,) = ids_of(saved, "total")
    after = shown.partition(f"{total} total")[2].splitlines()
    assert [line.split()[1:] for line in after[1:5]] == [[id, "add_one"] for id in ids_of(saved, "add_one")]
    assert f"{ids_of(saved, 'double')[0]} double {{instrument: 'Cam', detector: 0}}" in shown


def test_addresses_of_inputs_are_known_and_those_of_outputs_predicted(commands, saved):
    shown = commands("qgraph", "-g", saved, "--show", "uri").stdout.splitlines()
    files = [line.split(": ")[1] for line in shown if line.startswith("  <- ")]
    assert Path(unquote(urlparse(files[0]).path)).is_file()
    predicted = [line.split(": ")[1] for line in shown if line.startswith("  -> ")]
    assert all(line.endswith(" (predicted)") for line in predicted)
    commands("run", "-g", saved, "--register-dataset-types")
    assert Path(unquote(urlparse(predicted[0].removesuffix(" (predicted)")).path)).is_file()


@pytest.mark.parametrize(
    ("option", "begin", "arrow"), [("dot", "digraph", "->"), ("mermaid", "flowchart", "-->")]
)
def test_quanta_and_datasets_are_drawn(commands, saved, tmp_path, option, begin, arrow):
    path = tmp_path / "drawing"
    commands("qgraph", "-g", saved, f"--qgraph-{option}", path)
    text = path.read_text()
    assert text.startswith(begin)
    assert text.count("double {instrument: 'Cam', detector: ") == 4
    assert len(re.findall(rf"n\d+ {arrow} n\d+", text)) == 4 * 2 + 4 * 2 + 4 + 1


def test_too_many_quanta_are_not_drawn(commands, saved, tmp_path, monkeypatch):
    monkeypatch.setattr("pipetask.reports.quanta_drawing.MAX_NODES", 5)
    line = commands.error("qgraph", "-g", saved, "--qgraph-dot", tmp_path / "x.dot")
    assert "at most 5 are drawn" in line
    assert "--html" in line
    assert not (tmp_path / "x.dot").exists()


def test_a_place_where_nothing_can_be_drawn_is_named(commands, saved, tmp_path):
    where = tmp_path / "nowhere" / "x"
    assert f"Can't show the quantum graph in '{where}'" in commands.error(
        "qgraph", "-g", saved, "--html", where
    )


@pytest.fixture
def page(commands, saved, tmp_path):
    path = tmp_path / "graph.html"
    commands("qgraph", "-g", saved, "--html", path)
    return path


def test_the_page_needs_nothing_beside_it(page):
    text = page.read_text()
    assert not re.search(r"(src|href)=|@import|url\((?!#)", text)
    assert "double" in text
    assert "4 quanta" in text


def test_a_click_shows_the_data_ids(page, in_browser):
    shown = in_browser(f"{page.as_uri()}#task/double")
    assert "4 of 4 data IDs" in shown
    assert re.findall(r"<tr><td>Cam</td><td>(\d)</td></tr>", shown) == ["0", "1", "2", "3"]
    assert '<g class="task on" data-name="double"' in shown
    assert "1 of 1 data IDs" in in_browser(f"{page.as_uri()}#dataset/total")


def test_a_run_saves_and_draws_its_graph_before_it_runs(commands, tmp_path):
    made = {name: tmp_path / f"run{name}" for name in ("--save-qgraph", "--qgraph-dot", "--html")}
    files = [word for pair in made.items() for word in pair]
    failing = ("-c", "double:fail_on=[1]", "--register-dataset-types")
    commands("run", "-i", "numbers", "-o", "out", *failing, *files, exit_code=1)
    graph = QuantumGraph.load(made["--save-qgraph"])
    assert graph.header.output_run == commands.repo.butler.collections.get_info("out").children[0]
    assert graph.n_quanta == 9
    assert made["--qgraph-dot"].read_text().startswith("digraph")
    assert "<html" in made["--html"].read_text()


def test_a_part_of_a_saved_graph_is_drawn_when_it_is_run(commands, saved, tmp_path):
    first, *_ = ids_of(saved, "double")
    drawn = tmp_path / "part.mermaid"
    part = ("run", "-g", saved, "--qgraph-node-id", first, "--register-dataset-types")
    commands(*part, "--qgraph-mermaid", drawn)
    assert drawn.read_text().count("double {") == 1


def test_the_summary_of_a_graph_counts_quanta_and_datasets(commands, tmp_path):
    file = tmp_path / "summary.json"
    commands("qgraph", "-i", "numbers", "-o", "out", "-d", "detector > 1", "--summary", file)
    summary = json.loads(file.read_text())
    assert summary["inputs"] == ["numbers"]
    assert summary["output"] == "out"
    assert summary["output_run"].startswith("out/")
    assert summary["data_query"] == "detector > 1"
    assert {label: task["quanta"] for label, task in summary["tasks"].items()} == {
        "double": 2,
        "add_one": 2,
        "total": 1,
    }
    assert summary["tasks"]["total"]["dimensions"] == ["instrument"]
    assert summary["dataset_types"]["number"]["datasets"] == 2
    assert summary["quanta"] == 5


@pytest.mark.parametrize("command", ["qgraph", "run"])
def test_views_of_the_pipeline_alone_need_no_data(commands, command, tmp_path):
    file = tmp_path / "whole.yaml"
    options = ("-c", "double:unit=electron", "-s", file)
    shown = commands(command, *options, "--show", "tasks", "--show", "config=double::unit").stdout
    assert shown.splitlines()[0].startswith("double: execution_tasks.DoubleTask {")
    assert "config.unit='electron'" in shown
    assert Pipeline.from_file(file).labels == ("double", "add_one", "total")
    assert not commands.repo.butler.registry.collections.query("u/*")


def test_run_executes_nothing_that_it_is_to_show(commands, saved):
    shown = commands("run", "-i", "numbers", "-o", "other", "--show", "workflow").stdout
    assert shown.count(" add_one") == 4 + 4  # a line of its own, and one under the quantum that sums up
    assert commands("run", "-g", saved, "--show", "workflow").stdout.count(" add_one") == 4 + 4
    assert not commands.repo.butler.registry.collections.query("o*")


@pytest.mark.parametrize("command", ["qgraph", "run"])
@pytest.mark.parametrize("option", [("--pipeline-dot", "x.dot"), ("--show", "tasks")])
def test_a_saved_graph_has_no_pipeline_to_show(commands, command, option, saved):
    assert f"{' '.join(option[: 1 + (option[0] == '--show')])}: not with -g" in commands.error(
        command, "-g", saved, *option
    )
