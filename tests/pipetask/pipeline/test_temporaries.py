"""Temporary dataset types: what may be one, what is refused with its line, and what becomes of them in parts."""

import pytest

from pipetask.errors import PipelineDocumentError, PipelineGraphError
from pipetask.mocks.pipeline import mock_pipeline
from pipetask.pipeline.draw.content import content
from pipetask.pipeline.draw.text import draw_text
from pipetask.pipeline.pipeline import Pipeline

TEXT = """
description: three in a row
tasks:
  isr: sample_tasks.IsrTask
  calibrate: sample_tasks.CalibrateTask
  focalPlane: sample_tasks.FocalPlaneTask
temporary:
  - {}
"""


def graph_of(*names):
    return Pipeline.from_string(TEXT.format("\n  - ".join(names)), file="p.yaml").to_graph()


def test_what_is_made_and_read_can_be_temporary():
    graph = graph_of("postISR", "src")
    assert graph.temporary == {"postISR", "src"}
    drawn = draw_text(content(graph)).splitlines()
    assert sum("postISR" in line and line.endswith(", temporary") for line in drawn) == 1
    assert not any("calexp" in line and "temporary" in line for line in drawn)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "postIsr",
            "p.yaml:8: temporary 'postIsr' is no dataset type of the pipeline; did you mean 'postISR'?",
        ),
        ("raw", "p.yaml:8: temporary 'raw' is made by no task of the pipeline: isr only reads it"),
        (
            "visitTable",
            "p.yaml:8: temporary 'visitTable' is read by no task of the pipeline, so it is a result; focal",
        ),
        ("calexp.wcs", "'calexp.wcs' can't be temporary: it is a component; name the whole, 'calexp'"),
        ("isr_metadata", "'isr_metadata' can't be temporary: it is made once for a run, or tells how a task"),
        ("src_schema", "'src_schema' can't be temporary: it is made once for a run"),
    ],
)
def test_what_can_not_is_refused(name, message):
    with pytest.raises(PipelineGraphError) as caught:
        graph_of(name)
    assert message in str(caught.value)


def test_keys_of_an_entry_are_checked():
    with pytest.raises(
        PipelineDocumentError, match=r"p\.yaml:8: .*unknown key 'optinal'.*did you mean 'optional'"
    ):
        Pipeline.from_string(TEXT.format("{datasetType: src, optinal: true}"), file="p.yaml")
    with pytest.raises(PipelineDocumentError, match="a temporary has no key 'datasetType'"):
        Pipeline.from_string(TEXT.format("{optional: true}"), file="p.yaml")


def test_in_a_part_of_a_pipeline_what_its_tasks_make_for_others_is_a_result():
    whole = Pipeline.from_string(TEXT.format("postISR\n  - src"))
    part = whole.subset(["isr", "calibrate"])
    assert part.to_graph().temporary == {"postISR"}
    again = Pipeline.from_string(part.to_yaml())
    assert again.document == part.document
    assert again.to_graph().temporary == {"postISR"}
    assert whole.without_task("isr").to_graph().temporary == {"src"}
    assert Pipeline.from_string(whole.to_yaml()).document == whole.document


def test_imports_bring_what_is_temporary(write):
    write("base.yaml", TEXT.format("postISR"))
    top = write("top.yaml", "description: top\nimports: [base.yaml]\ntemporary: [src]\n")
    assert Pipeline.from_file(top).to_graph().temporary == {"postISR", "src"}
    less = "description: top\nimports: [{location: base.yaml, exclude: [isr]}]\n"
    assert Pipeline.from_file(write("less.yaml", less)).to_graph().temporary == set()


def test_mocks_of_what_is_temporary_are_so():
    graph = mock_pipeline(Pipeline.from_string(TEXT.format("postISR"))).to_graph()
    assert graph.temporary == {"_mock_postISR"}
