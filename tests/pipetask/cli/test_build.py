"""pipetask build: what --show prints, --select-tasks, and the drawings written to files."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from pipetask.cli.main import pipetask
from pipetask.pipeline.pipeline import Pipeline

PIPELINE = str(Path(__file__).parents[3] / "pipelines" / "aperture.yaml")


def invoke(*words, exit_code=0):
    result = CliRunner().invoke(pipetask, list(map(str, words)))
    assert result.exit_code == exit_code, result.output
    return result.stderr if exit_code else result.stdout


def show(*items, options=()):
    return invoke("build", "-p", PIPELINE, *options, *(w for item in items for w in ("--show", item)))


def test_tasks_are_shown_with_class_and_dimensions():
    assert show("tasks").splitlines()[-1] == (
        "consolidateVisit: pipetask.tasks.consolidate_visit.ConsolidateVisitTask {instrument, visit}"
    )


def test_subsets_are_shown_with_their_labels_and_description():
    assert show("subsets").splitlines()[2:4] == [
        "calibration: isr, subtractBackground",
        "  From raw images to background-subtracted ones.",
    ]


def test_inputs_are_what_the_selected_tasks_read_and_none_makes():
    assert show("inputs").splitlines() == [
        "camera: {instrument} StructuredDataDict, prerequisite of isr",
        "raw: {instrument, detector, exposure} Exposure, input of isr",
    ]
    assert show("inputs", options=["--select-tasks", "subtractBackground"]).startswith("postISRCCD:")


@pytest.mark.parametrize("item", ["graph", "workflow", "uri"])
def test_what_quanta_are_needed_for_is_shown_by_qgraph(item):
    message = invoke("build", "-p", PIPELINE, "--show", item, exit_code=2)
    assert f"'pipetask qgraph … --show {item}'" in message


def test_the_pipeline_may_be_a_file_uri_and_hold_variables(monkeypatch):
    monkeypatch.setenv("PIPELINES", str(Path(PIPELINE).parent))
    for uri in ("$PIPELINES/aperture.yaml#isr", "file://$PIPELINES/aperture.yaml#isr"):
        assert invoke("build", "-p", uri) == f"{uri}: 1 task that can be run.\n"


def test_two_options_cannot_write_one_file(tmp_path):
    file = tmp_path / "both"
    words = ("build", "-p", PIPELINE, "--save-pipeline", file, "--pipeline-dot", file)
    assert "--pipeline-dot" in invoke(*words, exit_code=2)
    assert not file.exists()


def test_a_remote_pipeline_is_refused_as_such():
    message = invoke("build", "-p", "https://example.org/a.yaml#isr", exit_code=2)
    assert "The pipeline: 'https://example.org/a.yaml' is no local file" in message


def test_the_task_graph_shows_no_dataset_types():
    assert len(show("task-graph", options=["--select-tasks", "calibration"]).splitlines()) == 2


def test_configuration_fields_are_shown_by_label_and_pattern():
    shown = show("config=aperture::aprad", options=["-c", "aperture:apRad=8"])
    assert shown.splitlines() == [
        "### aperture: pipetask.tasks.aperture_photometry.ApertureTask",
        "# Radius of the aperture [pixel].",
        "config.apRad=8.0",
    ]
    assert "config.connections.outputName" in show("config=*.outputname")
    assert "detectSources" in show("config=badMaskPlanes")


def test_noignorecase_makes_the_pattern_exact():
    options = ["--show", "config=aperture::aprad:NOIGNORECASE"]
    assert "no config field is called like 'aprad:NOIGNORECASE'" in invoke(
        "build", "-p", PIPELINE, *options, exit_code=2
    )
    assert "config.apRad=" in show("config=aperture::apRad:NOIGNORECASE")


def test_a_dumped_configuration_can_be_loaded_again(tmp_path):
    dumped = tmp_path / "config.py"
    dumped.write_text(show("dump-config=aperture", options=["-c", "aperture:apRad=8"]))
    _, config = Pipeline.from_file(PIPELINE).with_config_file("aperture", dumped).configured()["aperture"]
    assert config.apRad == 8.0


def test_all_configurations_are_dumped_if_no_label_is_given():
    assert show("dump-config").count("### ") == 5


def test_the_history_tells_where_each_value_comes_from(tmp_path):
    (tmp_path / "more.py").write_text("\nconfig.apRad = 9.0\n")
    options = ["-C", f"aperture:{tmp_path / 'more.py'}", "-c", "aperture:apRad=8"]
    head, name, default, from_file, last = show("history=aperture::apRad", options=options).splitlines()
    assert (head.partition(":")[0], name) == ("### aperture", "apRad")
    assert "4.0 from " in default
    assert "aperture_photometry.py:" in default
    assert from_file == f"  9.0 from {tmp_path / 'more.py'}:2"
    assert last == "  8.0 from -c aperture:apRad=8"


def test_the_history_of_fields_of_parts_is_found():
    assert "  connections.outputName" not in show("history=consolidateVisit::connections.inputName")
    assert "connections.inputName\n" in show("history=consolidateVisit::connections.inputName")


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("tassks", "--show has no item 'tassks'; did you mean 'tasks'?"),
        ("tasks=isr", "--show tasks takes no value, as 'isr'"),
        ("config=isrr::*", "the pipeline has no task 'isrr' (it has isr, "),
        ("dump-config=isrr", "the pipeline has no task 'isrr'"),
        ("history=apRadd", "no config field is called like 'apRadd'"),
    ],
)
def test_what_cannot_be_shown_is_a_usage_error(item, message):
    assert message in invoke("build", "-p", PIPELINE, "--show", item, exit_code=2)


def test_drawings_are_written_to_files(tmp_path):
    files = {name: tmp_path / name for name in ("dot", "mermaid", "svg")}
    invoke("build", "-p", PIPELINE, *(word for name in files for word in (f"--pipeline-{name}", files[name])))
    assert files["dot"].read_text() == show("dot")
    assert files["mermaid"].read_text() == show("mermaid")
    assert ET.parse(files["svg"]).getroot().tag.endswith("svg")


def test_select_tasks_keeps_the_tasks_of_an_expression(tmp_path):
    saved = tmp_path / "part.yaml"
    invoke("build", "-p", PIPELINE, "--select-tasks", "<=calexp & ~isr", "--save-pipeline", saved)
    assert Pipeline.from_file(saved).labels == ("subtractBackground",)


@pytest.mark.parametrize("command", ["build", "qgraph", "run"])
def test_an_expression_that_cannot_be_read_is_an_error_of_each_command(command, on_repo):
    repository = [] if command == "build" else ["-b", on_repo.root]
    words = [command, *repository, "-p", PIPELINE, "--select-tasks", "isr | (aperture"]
    assert "expected ), at character 16" in invoke(*words, exit_code=2)


@pytest.mark.parametrize("command", ["qgraph", "run"])
def test_a_saved_graph_has_its_tasks_selected_already(command):
    message = invoke(command, "-g", "saved.qg", "--select-tasks", "isr", exit_code=2)
    assert "--select-tasks: not with -g" in message


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "pipeline.html"
    invoke("build", "-p", PIPELINE, "-c", "aperture:apRad=8", "--pipeline-html", path)
    return path


def test_the_page_of_a_pipeline_needs_nothing_beside_it(page):
    text = page.read_text()
    assert not re.search(r"(src|href)=|@import|url\((?!#)", text)
    assert "5 tasks, 10 dataset types" in text


def test_a_click_on_a_task_tells_its_connections_and_configuration(page, in_browser):
    shown = in_browser(f"{page.as_uri()}#task/aperture")
    assert "one quantum per instrument, detector, visit" in shown
    assert '<a href="#dataset/src_schema">src_schema</a>' in shown
    assert "config.apRad=8.0" in shown.partition("</details>")[0]
    near = set(re.findall(r'<g class="\w+(?: on)? near(?: on)?" data-name="(\w+)"', shown))
    assert {"raw", "isr", "calexp", "customAperture_visit"} <= near
    assert "calexpBackground" not in near  # neither leads to the task nor follows


def test_a_click_on_a_dataset_type_tells_who_makes_and_reads_it(page, in_browser):
    shown = in_browser(f"{page.as_uri()}#dataset/calexp")
    table = shown.partition('<section id="chosen"')[2].partition("</section>")[0]
    cells = re.findall(r"<td>(?:<a [^>]*>)?([^<]*)", table)
    pairs = list(zip(cells[::2], cells[1::2], strict=True))
    assert pairs == [
        ("made by", "subtractBackground"),
        ("read by", "detectSources"),
        ("read by", "aperture"),
        ("read by", "consolidateVisit"),
    ]
