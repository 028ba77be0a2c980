"""PipelineGraph: order, dataset types, and the mistakes that are found before any data is touched."""

from dataclasses import replace

import networkx as nx
import pytest

import pipetask as pt
from pipetask.errors import PipelineGraphError, SubsetExpressionError
from pipetask.pipeline.draw.content import content
from pipetask.pipeline.draw.text import draw_text

UNIVERSE = pt.DimensionUniverse.default()


def registered(name, dimensions, storage_class, **kwargs):
    return {name: pt.DatasetType(name, dimensions, storage_class, universe=UNIVERSE, **kwargs)}


def test_tasks_are_in_an_order_in_which_they_can_run(pipeline):
    assert list(pipeline.to_graph().tasks) == ["isr", "calibrate", "focalPlane"]


def test_tasks_that_do_not_depend_keep_the_order_of_the_pipeline(copies):
    graph = copies(z="p1 q1", b="q2 q3", m="p2 q2", a="p3 q4").to_graph()
    assert list(graph.tasks) == ["z", "m", "b", "a"]


def test_task_nodes_have_dimensions_and_edges_by_role(pipeline):
    node = pipeline.to_graph().tasks["focalPlane"]
    assert node.dimensions == UNIVERSE.conform(["instrument", "visit"])
    assert list(node.init_inputs) == ["schema"]
    assert list(node.inputs) == ["wcs", "catalogs"]
    assert list(node.outputs) == ["table"]
    edge = node.inputs["catalogs"]
    assert (edge.dataset_type, edge.component, edge.storage_class) == ("src", None, "SourceCatalog")
    assert (edge.multiple, edge.deferLoad, edge.minimum, edge.is_calibration) == (True, True, 2, False)
    assert node.task_class_name == "sample_tasks.FocalPlaneTask"


def test_component_inputs_read_the_parent(pipeline):
    graph = pipeline.to_graph()
    edge = graph.tasks["focalPlane"].inputs["wcs"]
    assert (edge.dataset_type, edge.component, edge.name) == ("calexp", "wcs", "calexp.wcs")
    assert graph.dataset_types["calexp"].consumers == ("focalPlane",)
    assert "calexp.wcs" not in graph.dataset_types


def test_dataset_types_know_producer_and_consumers(pipeline):
    nodes = pipeline.to_graph().dataset_types
    assert (nodes["postISR"].producer, nodes["postISR"].consumers) == ("isr", ("calibrate",))
    assert nodes["src_schema"].is_init
    assert nodes["src_schema"].dataset_type.dimensions == UNIVERSE.empty
    assert nodes["bias"].is_prerequisite
    assert nodes["bias"].dataset_type.isCalibration()


def test_overall_inputs_are_what_must_exist_before(pipeline):
    assert sorted(pipeline.to_graph().overall_inputs()) == ["bias", "raw"]


def test_automatic_dataset_types_belong_to_every_task(pipeline):
    nodes = pipeline.to_graph().dataset_types
    visit = UNIVERSE.conform(["visit"])
    assert nodes["focalPlane_log"].dataset_type == pt.DatasetType("focalPlane_log", visit, "ButlerLogRecords")
    assert nodes["focalPlane_metadata"].dataset_type.dimensions == visit
    assert nodes["focalPlane_config"].dataset_type == pt.DatasetType(
        "focalPlane_config", UNIVERSE.empty, "Config"
    )
    assert nodes["packages"].producer is None
    assert not nodes["packages"].is_overall_input


def test_metadata_of_one_task_may_be_read_by_another(copies):
    pipeline = copies(two="x y storageClass=TaskMetadata", one="a b").with_config_override(
        "two", "connections.source", "one_metadata"
    )
    graph = pipeline.to_graph()
    assert list(graph.tasks) == ["one", "two"]
    assert graph.dataset_types["one_metadata"].consumers == ("two",)


def test_xgraph_is_a_bipartite_networkx_graph(pipeline):
    graph = pipeline.to_graph().xgraph
    assert nx.is_bipartite(graph)
    assert nx.has_path(graph, ("dataset_type", "raw"), ("dataset_type", "visitTable"))
    assert set(graph.successors(("task", "isr"))) == {
        ("dataset_type", name) for name in ("postISR", "isr_log", "isr_metadata", "isr_config")
    }


def test_unregistered_lists_what_is_to_be_registered(pipeline):
    graph = pipeline.subset(["isr"]).to_graph()
    known = registered("raw", ["exposure", "detector"], "Exposure")
    assert sorted(t.name for t in graph.unregistered(known)) == [
        "bias", "isr_config", "isr_log", "isr_metadata", "packages", "postISR",
    ]  # fmt: skip


def test_a_circle_is_drawn_with_tasks_and_dataset_types(copies):
    with pytest.raises(PipelineGraphError) as caught:
        copies(first="a b", second="b c", third="c a", other="c d").to_graph()
    lines = [line.strip(" │┌└─▶▼┘") for line in str(caught.value).splitlines()[1:]]
    shown = [line for line in lines if line]
    start = shown.index("first")
    cycle = shown[start:] + shown[:start]
    assert cycle == ["first", "b", "second", "c", "third", "a"]


def test_a_task_that_reads_what_it_writes_is_a_circle(copies):
    with pytest.raises(PipelineGraphError, match="circle"):
        copies(one="a a").to_graph()


def test_two_producers_are_refused_and_drawn(copies):
    with pytest.raises(
        PipelineGraphError, match=r"(?s)'b' has two producers:\n  one ─▶ b ◀─ two.*-c two:connections"
    ):
        copies(one="a b", two="c b").to_graph()


def test_a_prerequisite_made_in_the_pipeline_is_refused(copies):
    with pytest.raises(
        PipelineGraphError, match="'b' is a prerequisite for connection 'source' of task 'two', and ta"
    ):
        copies(one="a b", two="b c prerequisite=true").to_graph()


def test_a_prerequisite_is_one_for_all(copies):
    with pytest.raises(
        PipelineGraphError, match=r"'a' is a prerequisite for .*'two' and an ordinary input for .*'one'"
    ):
        copies(one="a b", two="a c prerequisite=true").to_graph()


def test_dimensions_that_differ_name_both_connections(pipeline):
    text = pipeline.to_yaml().replace("focalPlane.wide == False", "focalPlane.wide == True")
    wide = pt.Pipeline.from_string(text).with_config_override("focalPlane", "wide", True)
    with pytest.raises(
        PipelineGraphError,
        match=r"'src' has dimensions \{.*detector.*\} in connection 'catalog' of task 'calibrate' but \{.*\} in "
        "connection 'catalogs' of task 'focalPlane'",
    ):
        wide.to_graph()


def test_dimensions_must_be_those_registered(copies):
    with pytest.raises(PipelineGraphError, match=r"'a' has dimensions .* in the repository but") as caught:
        copies(one="a b").to_graph(UNIVERSE, registered("a", ["visit"], "ExposureF"))
    assert caught.value.hint == "Give it another name, e.g. -c one:connections.source=..."
    with pytest.raises(PipelineGraphError, match="in connection 'log' of task 'one'") as caught:
        copies(one="a b").to_graph(UNIVERSE, registered("one_log", ["visit"], "ButlerLogRecords"))
    assert caught.value.hint.startswith("Give the task another label")


def test_the_registered_definition_is_the_one_used(copies):
    known = registered("a", ["visit", "detector"], "ExposureD", isCalibration=True)
    node = copies(one="a b").to_graph(UNIVERSE, known).dataset_types["a"]
    assert node.dataset_type == known["a"]


def test_storage_classes_must_convert(copies):
    with pytest.raises(
        PipelineGraphError, match=r"'a' has storage class 'Mask' in the repository and 'ExposureF'"
    ):
        copies(one="a b").to_graph(UNIVERSE, registered("a", ["visit", "detector"], "Mask"))
    with pytest.raises(PipelineGraphError, match="'ExposureF' does not convert to 'Mask'"):
        copies(one="a b", two="b c storageClass=Mask").to_graph()


def test_unknown_storage_classes_suggest(copies):
    with pytest.raises(
        PipelineGraphError, match=r"onnection 'source' of task 'one': .*'ExposurF'.*'ExposureF'"
    ):
        copies(one="a b storageClass=ExposurF").to_graph()


def test_unknown_components_are_named(copies):
    with pytest.raises(PipelineGraphError, match=r"'wsc'.*'wcs'"):
        copies(one="a b", two="b.wsc c").to_graph()


def test_a_component_alone_does_not_say_what_its_dataset_type_is(copies):
    pipeline = copies(two="b.image c storageClass=ImageF")
    with pytest.raises(
        PipelineGraphError, match=r"'b' is neither registered nor made by a task.*component 'image'"
    ):
        pipeline.to_graph()
    known = registered("b", ["visit", "detector"], "ExposureF")
    assert list(pipeline.to_graph(UNIVERSE, known).overall_inputs()) == ["b"]


def test_a_component_cannot_be_written(copies):
    with pytest.raises(
        PipelineGraphError, match=r"'one': output connection 'target' writes the component 'b.wcs'"
    ):
        copies(one="a b.wcs").to_graph()


def test_unknown_dimensions_name_task_and_connection(copies):
    with pytest.raises(PipelineGraphError, match=r"Task 'one': .*'detctor'; did you mean 'detector'"):
        copies(one="a b extra_dimension=detctor").to_graph()


def test_abstract_filter_is_accepted_for_band(copies):
    node = copies(one="a b extra_dimension=abstract_filter").to_graph().tasks["one"]
    assert "band" in node.dimensions


def test_skypix_dimensions_are_accepted(copies):
    node = copies(one="a b extra_dimension=htm7").to_graph().tasks["one"]
    assert "htm7" in node.dimensions


def test_names_that_cannot_be_dataset_types_are_refused(copies):
    with pytest.raises(PipelineGraphError, match=r"onnection 'target' of task 'one': .*'b-c'"):
        copies(one="a b-c").to_graph()


def test_init_and_ordinary_datasets_do_not_mix(pipeline):
    mixed = pipeline.with_task("sample_tasks.CopyTask", label="copy").with_config_override(
        "copy", "connections.source", "src_schema"
    )
    with pytest.raises(
        PipelineGraphError, match=r"'src_schema' belongs to a task as such for .*, and to quanta for"
    ):
        mixed.to_graph()


def test_independent_parts_share_no_dataset_type(copies):
    graph = copies(one="a b", two="x y", three="b c", four="x z", five="u v").to_graph()
    parts = graph.split_independent()
    assert [list(part.tasks) for part in parts] == [["one", "three"], ["two", "four"], ["five"]]
    names = [set(part.dataset_types) - {"packages"} for part in parts]
    assert set().union(*names) == set(graph.dataset_types) - {"packages"}
    assert sum(map(len, names)) == len(graph.dataset_types) - 1


def test_a_connected_graph_is_one_part(pipeline):
    graph = pipeline.to_graph()
    (part,) = graph.split_independent()
    assert part.tasks == graph.tasks
    assert part.dataset_types == graph.dataset_types


def test_a_task_that_saves_no_logs_has_no_dataset_type_for_them(pipeline):
    quiet = pipeline.with_config_override("isr", "saveLogOutput", "false")
    assert {"isr_log", "calibrate_log"} - set(quiet.to_graph().dataset_types) == {"isr_log"}
    with pytest.raises(SubsetExpressionError, match="there is no dataset type 'isr_log'"):
        quiet.select_tasks("> D:isr_log")
    assert "isr_log" not in draw_text(content(quiet.to_graph()))


def test_a_connection_that_a_builder_of_one_s_own_would_bind_is_refused(pipeline, sample_tasks, monkeypatch):
    deferred = replace(sample_tasks.IsrConnections.raw, deferBinding=True)
    monkeypatch.setitem(sample_tasks.IsrConnections.declared, "raw", deferred)
    with pytest.raises(PipelineGraphError, match="Task 'isr': connection 'raw' has deferBinding=True"):
        pipeline.to_graph()
