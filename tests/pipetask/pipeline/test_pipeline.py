"""Pipeline as a value: reading, selecting, changing, writing, importing tasks."""

import pytest

from pipetask.errors import (
    ConfigOverrideError,
    ContractError,
    PipelineDocumentError,
    SubsetExpressionError,
    TaskImportError,
)
from pipetask.pipeline.pipeline import Pipeline


def test_a_file_and_a_text_give_the_same_pipeline(pipeline, write):
    assert Pipeline.from_file(write("p.yaml", pipeline.to_yaml())) == pipeline
    assert Pipeline.from_string(pipeline.to_yaml()) == pipeline


def test_labels_subsets_and_steps_keep_their_order(pipeline):
    assert pipeline.labels == ("focalPlane", "isr", "calibrate")
    assert list(pipeline.subsets) == ["detector", "visit"]
    assert [step.label for step in pipeline.steps] == ["detector", "visit"]
    assert (pipeline.description, pipeline.instrument) == ("three in a row", "")


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        ("#isr", ("isr",)),
        ("#detector", ("isr", "calibrate")),
        ("#calibrate, isr", ("isr", "calibrate")),
        ("#visit,isr", ("focalPlane", "isr")),
        ("#", ("focalPlane", "isr", "calibrate")),
        ("#isr..calibrate", ("isr", "calibrate")),
        ("#..calibrate", ("isr", "calibrate")),
        ("#calibrate..", ("focalPlane", "calibrate")),
        ("#..", ("focalPlane", "isr", "calibrate")),
        ("", ("focalPlane", "isr", "calibrate")),
    ],
)
def test_a_part_is_chosen_by_labels_and_subsets(pipeline, write, names, labels):
    path = write("p.yaml", pipeline.to_yaml())
    assert Pipeline.from_file(f"{path}{names}").labels == labels


def test_a_part_keeps_the_contracts_subsets_and_steps_that_need_no_more(pipeline):
    part = pipeline.subset(["detector"])
    assert [c.expression for c in part.document.contracts] == [
        "isr.connections.postIsr == calibrate.connections.exposure"
    ]
    assert list(part.subsets) == ["detector"]
    assert [step.label for step in part.steps] == ["detector"]


def test_unknown_names_are_refused_with_the_nearest(pipeline):
    with pytest.raises(
        PipelineDocumentError, match=r"'calibrat' is no task or subset .*did you mean 'calibrate'"
    ):
        pipeline.subset(["calibrat"])


def test_the_ends_of_a_range_must_be_tasks_with_something_between(pipeline, write):
    path = write("p.yaml", pipeline.to_yaml())
    with pytest.raises(ConfigOverrideError, match=r"no task 'isrr' .*did you mean 'isr'"):
        Pipeline.from_file(f"{path}#isrr..calibrate")
    with pytest.raises(SubsetExpressionError, match="selects no task"):
        Pipeline.from_file(f"{path}#calibrate..isr")


def test_changes_give_new_pipelines(pipeline):
    text = pipeline.to_yaml()
    changed = pipeline.with_config_override("isr", "doBias", "false")
    assert changed != pipeline
    assert pipeline.to_yaml() == text
    assert changed.configured()["isr"][1].doBias is False


def test_tasks_can_be_added_and_replaced(pipeline):
    more = pipeline.with_task("sample_tasks.CopyTask", label="copy")
    assert more.labels[-1] == "copy"
    assert pipeline.with_task("sample_tasks.IsrTask").labels == pipeline.labels
    with pytest.raises(PipelineDocumentError, match="'visit' is the label of a task and of a subset"):
        pipeline.with_task("sample_tasks.CopyTask", label="visit")


def test_one_task_makes_a_pipeline():
    pipeline = Pipeline.from_task("sample_tasks.IsrTask")
    assert pipeline.labels == ("isr",)
    assert pipeline.description == "Removes what the detector added."
    assert Pipeline.from_task("sample_tasks.CopyTask", label="c").labels == ("c",)
    assert Pipeline.from_task("sample_tasks.CopyTask").labels == ("CopyTask",)


def test_contracts_are_checked_when_tasks_are_configured(pipeline):
    broken = pipeline.with_config_override("focalPlane", "wide", True)
    with pytest.raises(
        ContractError, match=r"focalPlane.wide == False' is broken: there are catalogs of detectors"
    ):
        broken.configured()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("IsrTask", "'IsrTask' is no dotted name"),
        ("no_such_module.IsrTask", "cannot import module 'no_such_module'.*ModuleNotFoundError"),
        ("sample_tasks.IsrTusk", "module 'sample_tasks' has no class 'IsrTusk'; did you mean 'IsrTask'"),
        ("sample_tasks.PlainClass", "'sample_tasks.PlainClass' is no PipelineTask"),
        ("sample_tasks.MeasureSub", "'sample_tasks.MeasureSub' is no PipelineTask"),
        ("sample_tasks.NoConfigTask", "sets no ConfigClass"),
    ],
)
def test_tasks_that_cannot_be_imported_say_label_and_place(name, message):
    pipeline = Pipeline.from_string(f"description: d\ntasks:\n  one: {name}\n", file="p.yaml")
    with pytest.raises(TaskImportError, match=f"p.yaml:3: task 'one': .*{message}"):
        pipeline.configured()


def test_a_module_that_fails_to_import_says_why(write, monkeypatch, tmp_path):
    write("broken_task_module.py", "raise RuntimeError('no licence')\n")
    monkeypatch.syspath_prepend(tmp_path)
    pipeline = Pipeline.from_string("description: d\ntasks: {one: broken_task_module.Task}\n")
    with pytest.raises(TaskImportError, match="RuntimeError: no licence"):
        pipeline.configured()


@pytest.mark.parametrize(
    ("expression", "labels"),
    [
        ("detector", ("isr", "calibrate")),
        ("<focalPlane", ("isr", "calibrate")),
        (">=calexp & ~isr", ("focalPlane",)),
        (">isr_metadata | isr", ("isr",)),
    ],
)
def test_tasks_are_selected_by_expression(pipeline, expression, labels):
    assert pipeline.select_tasks(expression).labels == labels


def test_selecting_by_expression_needs_no_definition_of_what_only_components_are_read_of(pipeline):
    assert pipeline.subset(["focalPlane"]).select_tasks("focalPlane").labels == ("focalPlane",)


def test_selecting_nothing_by_expression_is_an_error(pipeline):
    with pytest.raises(
        SubsetExpressionError, match=r"'isr & calibrate' selects no task.*it has focalPlane, isr"
    ):
        pipeline.select_tasks("isr & calibrate")
