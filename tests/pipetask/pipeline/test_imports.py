"""Imports of pipeline documents: what is taken, what wins, what is refused."""

import pytest

from pipetask.errors import PipelineDocumentError
from pipetask.pipeline.document import Subset
from pipetask.pipeline.imports import load

BASE = """
description: base
instrument: my.Camera
parameters: {x: 1, y: 2}
tasks:
  t1: my.T1
  t2: {class: my.T2, config: {a: 2}}
  t3: my.T3
contracts: [t1.a == t2.b, t2.a == t3.a]
subsets:
  s12: [t1, t2]
  s23: {subset: [t2, t3], description: two and three}
steps: [{label: s12, dimensions: [visit]}, {label: s23, dimensions: [tract]}]
"""


@pytest.fixture
def importing(write):
    """Load a document that imports the base with the given entry and adds the given text."""
    write("base.yaml", BASE)

    def load_it(entry="location: base.yaml", more=""):
        return load(write("top.yaml", f"description: top\nimports:\n  - {{{entry}}}\n{more}"))

    return load_it


def values(document, label):
    return [(override.name, override.value) for override in document.tasks[label].overrides]


def test_everything_but_the_description_is_imported(importing):
    document = importing()
    assert document.description == "top"
    assert list(document.tasks) == ["t1", "t2", "t3"]
    assert document.instrument == "my.Camera"
    assert document.parameters == {"x": 1, "y": 2}
    assert [c.expression for c in document.contracts] == ["t1.a == t2.b", "t2.a == t3.a"]
    assert list(document.subsets) == ["s12", "s23"]
    assert [step.label for step in document.steps] == ["s12", "s23"]


def test_a_location_alone_and_a_lone_import_are_enough(write):
    write("base.yaml", BASE)
    assert len(load(write("top.yaml", "description: d\nimports: base.yaml\n")).tasks) == 3
    assert len(load(write("top.yaml", "description: d\nimports: [base.yaml]\n")).tasks) == 3


def test_locations_start_from_the_importing_file_and_may_hold_variables(write, monkeypatch, tmp_path):
    write("parts/base.yaml", BASE)
    write("parts/middle.yaml", "description: m\nimports: base.yaml\n")
    monkeypatch.setenv("PARTS", str(tmp_path / "parts"))
    top = write("top.yaml", "description: d\nimports: $PARTS/middle.yaml\n")
    monkeypatch.chdir("/")
    assert list(load(top).tasks) == ["t1", "t2", "t3"]


def test_a_variable_that_is_not_set_is_named(write, monkeypatch):
    monkeypatch.delenv("NO_SUCH_DIR", raising=False)
    with pytest.raises(
        PipelineDocumentError, match=r"top.yaml:2: the environment variable in '\$NO_SUCH_DIR/a.yaml'"
    ):
        load(write("top.yaml", "description: d\nimports: $NO_SUCH_DIR/a.yaml\n"))


def test_include_takes_labels_and_subsets_with_their_contracts(importing):
    document = importing("location: base.yaml, include: s12")
    assert list(document.tasks) == ["t1", "t2"]
    assert [c.expression for c in document.contracts] == ["t1.a == t2.b"]
    assert list(document.subsets) == ["s12"]
    assert [step.label for step in document.steps] == ["s12"]
    assert list(importing("location: base.yaml, include: [t3, t1]").tasks) == ["t1", "t3"]


def test_exclude_drops_subsets_that_had_a_task_that_is_gone(importing):
    document = importing("location: base.yaml, exclude: t3")
    assert list(document.tasks) == ["t1", "t2"]
    assert list(document.subsets) == ["s12"]


def test_subset_mode_edit_keeps_what_is_left_of_a_subset(importing):
    document = importing("location: base.yaml, exclude: t3, labeledSubsetModifyMode: EDIT")
    assert document.subsets["s23"] == Subset(("t2",), "two and three")
    assert [step.label for step in document.steps] == ["s12", "s23"]


def test_subset_mode_edit_keeps_emptied_subsets_for_the_importing_document_to_fill(importing, write):
    entry = "location: base.yaml, include: t1, labeledSubsetModifyMode: EDIT"
    document = importing(entry)
    assert document.subsets == {"s12": Subset(("t1",)), "s23": Subset((), "two and three")}
    assert [step.label for step in document.steps] == ["s12", "s23"]
    assert importing(entry, "subsets: {s23: [t1]}").subsets["s23"] == Subset(("t1",))
    write("top.yaml", f"description: m\nimports: [{{{entry}}}]\n")
    again = load(write("again.yaml", "description: a\nimports: top.yaml\n"))
    assert list(again.subsets) == ["s12"]
    assert [step.label for step in again.steps] == ["s12"]


@pytest.mark.parametrize(("key", "left"), [("include", ["t1"]), ("exclude", ["t2", "t3"])])
def test_unknown_labels_are_passed_over_with_a_warning(importing, caplog, key, left):
    document = importing(f"location: base.yaml, {key}: [t1, t22]")
    assert list(document.tasks) == left
    (record,) = caplog.records
    assert "top.yaml:3: 't22' is no task or subset of" in record.getMessage()
    assert "did you mean 't2'?" in record.getMessage()


def test_a_location_may_be_a_file_uri_with_environment_variables(write, tmp_path, monkeypatch):
    write("two words.yaml", "description: d\ntasks: {t: m.T}\n")
    monkeypatch.setenv("PIPELINES", str(tmp_path))
    top = write("top.yaml", "description: d\nimports: file://$PIPELINES/two%20words.yaml\n")
    assert list(load(top).tasks) == ["t"]


def test_tasks_are_renamed_with_the_subsets_and_contracts_that_speak_of_them(importing):
    document = importing("location: base.yaml, rename: {t2: two}, exclude: t3")
    assert list(document.tasks) == ["t1", "two"]
    assert [c.expression for c in document.contracts] == ["t1.a == two.b"]
    assert document.subsets == {"s12": Subset(("t1", "two"))}
    assert values(document, "two") == [("a", 2)]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("{t22: x}", "top.yaml:3: cannot rename 't22', which is no task of .*did you mean 't2'"),
        ("{t2: t3}", "top.yaml:3: cannot rename a task to 't3': .*base.yaml has a task of that label"),
    ],
)
def test_a_rename_needs_a_task_and_a_free_label(importing, names, message):
    with pytest.raises(PipelineDocumentError, match=message):
        importing(f"location: base.yaml, rename: {names}")


def test_steps_can_be_left_behind(importing):
    document = importing("location: base.yaml, importSteps: false")
    assert document.steps == ()
    assert list(document.subsets) == ["s12", "s23"]


def test_own_steps_come_after_imported_ones_and_must_not_contradict_them(importing):
    own = "subsets: {s3: [t3]}\nsteps: [{label: s3}, {label: s12, dimensions: [visit]}]"
    assert [step.label for step in importing(more=own).steps] == ["s12", "s23", "s3"]
    with pytest.raises(
        PipelineDocumentError,
        match=r"top.yaml:4: step 's12' has dimensions tract here and visit in .*base.yaml:13",
    ):
        importing(more="steps: [{label: s12, dimensions: [tract]}]")


def test_contracts_can_be_left_behind(importing):
    assert importing("location: base.yaml, importContracts: false").contracts == ()


def test_a_task_of_the_same_class_adds_its_overrides(importing):
    document = importing(more="tasks: {t2: {class: my.T2, config: {c: 3}}}")
    assert values(document, "t2") == [("a", 2), ("c", 3)]
    assert list(document.tasks) == ["t1", "t2", "t3"]


def test_a_task_of_another_class_replaces(importing):
    document = importing(more="tasks: {t2: {class: my.Other, config: {c: 3}}}")
    assert document.tasks["t2"].class_name == "my.Other"
    assert values(document, "t2") == [("c", 3)]


def test_parameters_and_subsets_of_the_importing_document_win(importing):
    document = importing(more="parameters: {x: 7, z: 1}\nsubsets: {s12: [t1]}")
    assert document.parameters == {"x": 7, "y": 2, "z": 1}
    assert document.subsets["s12"].labels == ("t1",)


def test_two_imports_must_not_bring_the_same_label(write):
    write("base.yaml", BASE)
    write("more.yaml", "description: m\ntasks: {t2: my.X}\n")
    top = write("top.yaml", "description: d\nimports: [base.yaml, more.yaml]\n")
    with pytest.raises(PipelineDocumentError, match=r"top.yaml:2: task 't2' comes from two imports"):
        load(top)
    fixed = "description: d\nimports: [{location: base.yaml, exclude: t2}, more.yaml]\n"
    assert load(write("top.yaml", fixed)).tasks["t2"].class_name == "my.X"


def test_instruments_must_agree_or_be_dropped(importing):
    with pytest.raises(PipelineDocumentError, match=r"'other\.Camera'.*'my\.Camera'.*instrument: None"):
        importing(more="instrument: other.Camera")
    document = importing("location: base.yaml, instrument: None", "instrument: other.Camera")
    assert document.instrument == "other.Camera"
    assert importing("location: base.yaml, instrument: own.Camera").instrument == "own.Camera"


def test_two_imports_of_different_instruments_are_refused(write):
    write("base.yaml", BASE)
    write("more.yaml", "description: m\ninstrument: o.I\ntasks: {u: my.X}\n")
    with pytest.raises(PipelineDocumentError, match=r"'my.Camera' and 'o.I'"):
        load(write("top.yaml", "description: d\nimports: [base.yaml, more.yaml]\n"))


def test_a_circle_of_imports_is_drawn(write):
    write("a.yaml", "description: a\nimports: b.yaml\n")
    write("b.yaml", "description: b\nimports: c.yaml\n")
    path = write("c.yaml", "description: c\nimports: b.yaml\n")
    with pytest.raises(PipelineDocumentError, match=r"c.yaml:2: .*circle: .*b.yaml → .*c.yaml → .*b.yaml$"):
        load(path.with_name("a.yaml"))


def test_files_that_are_missing_are_named(write, tmp_path):
    with pytest.raises(PipelineDocumentError, match=r"no pipeline file .*nothing.yaml"):
        load(tmp_path / "nothing.yaml")
    with pytest.raises(
        PipelineDocumentError, match=r"top.yaml:2: there is no file .*nothing.yaml' to import"
    ):
        load(write("top.yaml", "description: d\nimports: nothing.yaml\n"))
    with pytest.raises(PipelineDocumentError, match="Cannot read"):
        load(tmp_path)
