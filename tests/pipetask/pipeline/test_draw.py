"""Drawings of pipeline graphs: text like git log, Mermaid, DOT, SVG."""

import itertools
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipetask.pipeline.draw.content import Arrow, Content, DrawnNode, content
from pipetask.pipeline.draw.dot import draw_dot
from pipetask.pipeline.draw.mermaid import draw_mermaid
from pipetask.pipeline.draw.svg import draw_svg
from pipetask.pipeline.draw.text import draw_text
from pipetask.pipeline.pipeline import Pipeline


@pytest.fixture
def diamond(copies):
    """One task feeds two, of which one feeds a fourth."""
    return copies(one="a b", two="b c", three="b d", four="c e").to_graph()


def test_a_chain_is_one_column(copies):
    assert draw_text(content(copies(one="a b", two="b c").to_graph())).splitlines() == [
        "○  a: {instrument, detector, visit} ExposureF",
        "■  one: {instrument, detector, visit}",
        "○  b: {instrument, detector, visit} ExposureF",
        "■  two: {instrument, detector, visit}",
        "○  c: {instrument, detector, visit} ExposureF",
    ]


def test_branches_open_columns_and_close_them(diamond):
    lines = draw_text(content(diamond)).splitlines()
    assert [re.sub(r": .*", "", line) for line in lines] == [
        "○    a",
        "■    one",
        "○    b",
        "├─┐",
        "│ ■  two",
        "│ ○  c",
        "■ │  three",
        "○ │  d",
        "  ■  four",
        "  ○  e",
    ]


def test_tasks_alone_can_be_drawn(diamond):
    assert [
        re.sub(r": .*", "", line) for line in draw_text(content(diamond, dataset_types=False)).splitlines()
    ] == [
        "■    one",
        "├─┐",
        "│ ■  two",
        "■ │  three",
        "  ■  four",
    ]


def test_joining_columns_meet():
    nodes = [DrawnNode(True, name, "") for name in "xyz"]
    drawn = Content(nodes, [Arrow(nodes[0], nodes[2], False), Arrow(nodes[1], nodes[2], False)])
    assert draw_text(drawn).splitlines() == ["■    x", "│ ■  y", "├─┘", "■    z"]


def test_unconnected_parts_do_not_touch(copies):
    lines = draw_text(content(copies(one="a b", two="p q").to_graph())).splitlines()
    columns = [min(line.find(symbol) for symbol in "■○" if symbol in line) for line in lines]
    assert columns[:3] == [0, 0, 0]
    assert columns[3:] == [2, 2, 2]


def test_automatic_dataset_types_are_shown_only_if_read(diamond, copies):
    assert "one_log" not in draw_text(content(diamond))
    read = copies(one="a b", two="one_metadata y storageClass=TaskMetadata")
    assert "one_metadata" in draw_text(content(read.to_graph()))


def test_prerequisites_have_dashed_arrows(copies):
    graph = copies(one="a b prerequisite=true").to_graph()
    assert "n0 -.-> n1" in draw_mermaid(content(graph))
    assert "n0 -> n1 [style=dashed];" in draw_dot(content(graph))


def test_mermaid_has_a_node_per_task_and_type_and_an_arrow_per_connection(diamond):
    text = draw_mermaid(content(diamond))
    assert text.startswith("flowchart TD\n")
    assert 'n1["one<br>{instrument, detector, visit}"]' in text
    assert 'n0(["a<br>' in text
    assert text.count(" --> ") == 4 + 4
    assert draw_mermaid(content(diamond, dataset_types=False)).count(" --> ") == 3


def test_dot_has_a_node_per_task_and_type_and_an_arrow_per_connection(diamond):
    text = draw_dot(content(diamond))
    assert text.startswith("digraph pipeline {")
    assert text.endswith("}")
    assert text.count("[label=") == 4 + 5
    assert text.count(" -> ") == 4 + 4


def test_content_is_in_reading_order(pipeline):
    drawn = content(pipeline.to_graph())
    position = {node.key: i for i, node in enumerate(drawn.nodes)}
    assert all(position[arrow.source.key] < position[arrow.target.key] for arrow in drawn.arrows)


@st.composite
def random_content(draw):
    nodes = [DrawnNode(draw(st.booleans()), f"n{i}", "") for i in range(draw(st.integers(1, 9)))]
    pairs = [(i, j) for j in range(len(nodes)) for i in range(j)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return Content(nodes, [Arrow(nodes[i], nodes[j], False) for i, j in sorted(chosen)])


@settings(max_examples=50, deadline=None)
@given(random_content())
def test_every_drawing_has_each_node_once_and_lines_without_gaps(drawn):
    lines = draw_text(drawn).splitlines()
    names = [line.split()[-1] for line in lines if "n" in line]
    assert names == [node.name for node in drawn.nodes]
    goes_up, goes_down = set("│├┤┴┼└┘"), set("│├┤┬┼┌┐■○")
    for above, below in itertools.pairwise(lines):
        for column, character in enumerate(below.partition("  n")[0]):
            if character in goes_up:
                assert above[column] in goes_down


@settings(max_examples=50, deadline=None)
@given(random_content())
def test_a_node_stands_below_a_line_exactly_if_something_leads_to_it(drawn):
    lines = draw_text(drawn).splitlines()
    targets = {arrow.target.name for arrow in drawn.arrows}
    goes_down = set("│├┤┬┼┌┐■○")
    for above, line in zip(["", *lines], lines, strict=False):
        if "n" in line:
            column = next(i for i, c in enumerate(line) if c in "■○")
            fed = column < len(above) and above[column] in goes_down
            assert fed == (line.split()[-1] in targets)


def svg_elements(graph, name):
    root = ET.fromstring(draw_svg(content(graph), graph.description))
    return list(root.iter("{http://www.w3.org/2000/svg}" + name))


def test_an_svg_drawing_has_a_box_per_node_and_a_curve_per_arrow(pipeline):
    graph = pipeline.to_graph()
    drawn = content(graph)
    texts = [text.text for text in svg_elements(graph, "text")]
    assert texts[::2] == [node.name for node in drawn.nodes]
    titles = [t.text for path in svg_elements(graph, "path") for t in path]
    assert titles == [f"{arrow.source.name} → {arrow.target.name}" for arrow in drawn.arrows]


def test_boxes_of_an_svg_drawing_do_not_overlap_and_lie_inside(pipeline):
    graph = pipeline.to_graph()
    width, height = map(
        float, ET.fromstring(draw_svg(content(graph), graph.description)).get("viewBox").split()[2:]
    )
    boxes = [
        tuple(float(rect.get(key)) for key in ("x", "y", "width", "height"))
        for rect in svg_elements(graph, "rect")[1:]
    ]
    for i, (x, y, w, h) in enumerate(boxes):
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height
        assert not any(
            x < x2 + w2 and x2 < x + w and y < y2 + h2 and y2 < y + h for x2, y2, w2, h2 in boxes[:i]
        )


def test_an_svg_drawing_escapes_text_and_loads_nothing():
    graph = Pipeline.from_string("{description: a < b & c, tasks: {isr: sample_tasks.IsrTask}}").to_graph()
    assert svg_elements(graph, "title")[0].text == "a < b & c"
    assert "href" not in draw_svg(content(graph), graph.description)
    assert draw_svg(content(graph), graph.description).count("http") == 1  # the name space


def test_prerequisites_have_dashed_arrows_in_an_svg_drawing(pipeline):
    dashed = [p[0].text for p in svg_elements(pipeline.to_graph(), "path") if p.get("stroke-dasharray")]
    assert dashed == ["bias → isr"]
