"""Pipeline documents: what each key means, what is refused with its line, and the round trip."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipetask.errors import PipelineDocumentError
from pipetask.pipeline.document import Contract, Document, Override, Step, Subset, TaskEntry, Temporary
from pipetask.pipeline.document_reader import BLOCK_KEYS, read
from pipetask.pipeline.document_writer import to_yaml


def parsed(text):
    return read(text, "p.yaml", Path("/here"))


def test_every_key_is_read():
    document = parsed("""
description: all of it
instrument: my.Camera
parameters: {radius: 4, planes: [A, B]}
tasks:
  short: my.Short
  long:
    class: my.Long
    config:
      value: 1
      sub.field: parameters.radius
contracts:
  - short.a == long.b
  - {contract: short.c > 0, msg: c counts}
subsets:
  bare: [short, long]
  full: {subset: long, description: the long one}
steps:
  - {label: bare, dimensions: [visit]}
  - {label: full, sharding_dimensions: tract}
""")
    assert (document.description, document.instrument) == ("all of it", "my.Camera")
    assert document.parameters == {"radius": 4, "planes": ["A", "B"]}
    assert document.tasks == {
        "short": TaskEntry("my.Short"),
        "long": TaskEntry(
            "my.Long",
            (Override("value", "value", 1), Override("value", "sub.field", "parameters.radius")),
        ),
    }
    assert document.contracts == (Contract("short.a == long.b"), Contract("short.c > 0", "c counts"))
    assert document.subsets == {"bare": Subset(("short", "long")), "full": Subset(("long",), "the long one")}
    assert document.steps == (Step("bare", ("visit",)), Step("full", ("tract",)))


def test_a_config_block_applies_files_then_python_then_values():
    document = parsed("""
description: d
tasks:
  a:
    class: my.A
    config:
      - x: 1
        python: config.y = 2
        file: [one.py, $DIR/two.py, /abs/three.py]
      - x: 2
""")
    assert [(o.kind, o.name, o.value) for o in document.tasks["a"].overrides] == [
        ("file", "", "/here/one.py"),
        ("file", "", "$DIR/two.py"),
        ("file", "", "/abs/three.py"),
        ("python", "", "config.y = 2"),
        ("value", "x", 1),
        ("value", "x", 2),
    ]


def test_a_config_block_may_add_to_lists_and_hold_for_some_data():
    document = parsed("""
description: d
tasks:
  a:
    class: my.A
    config:
      - {concatenate: true, planes: [CR]}
      - {dataId: {instrument: HSC}, x: 1, file: /one.py}
""")
    assert document.tasks["a"].overrides == (
        Override("value", "planes", ["CR"], concatenate=True),
        Override("file", "", "/one.py", data_id={"instrument": "HSC"}),
        Override("value", "x", 1, data_id={"instrument": "HSC"}),
    )


def test_keys_without_a_value_count_as_absent():
    document = parsed("""
description: d
instrument:
parameters:
tasks: {a: {class: my.A, config: }, b: {class: my.B, config: {file: , python: }}}
contracts:
subsets:
steps:
imports:
""")
    assert document == Document("d", {"a": TaskEntry("my.A"), "b": TaskEntry("my.B")})


def test_overrides_know_their_lines():
    (task,) = parsed(
        "description: d\ntasks:\n  a:\n    class: my.A\n    config:\n      x: 1\n"
    ).tasks.values()
    assert str(task.overrides[0].place) == "p.yaml:6"


BAD = {
    "empty": ("", "p.yaml: the document is empty"),
    "no mapping": ("- a\n", "p.yaml:1: a pipeline document must be a mapping"),
    "no yaml": ("description: [a\n", r"p.yaml:2: "),
    "no description": ("tasks: {a: b.C}\n", "p.yaml:1: a pipeline needs a description"),
    "misspelt key": ("description: d\ntaks: {}\n", r"p.yaml:2: unknown key 'taks'.*did you mean 'tasks'"),
    "misspelt task key": (
        "description: d\ntasks:\n  a:\n    clas: b.C\n",
        r"p.yaml:4: unknown key 'clas' in task 'a'.*did you mean 'class'",
    ),
    "task without class": ("description: d\ntasks:\n  a: {config: {}}\n", "p.yaml:3: task 'a' has no class"),
    "class no text": (
        "description: d\ntasks:\n  a: {class: 3}\n",
        "class of task 'a' must be a string, not 3",
    ),
    "label twice": (
        "description: d\ntasks:\n  a: b.C\n  a: b.D\n",
        "p.yaml:4: 'a' is here twice, first in line 3",
    ),
    "field twice": (
        "description: d\ntasks:\n  a:\n    class: b.C\n    config: {x: 1, y: 2, x: 3}\n",
        "p.yaml:5: 'x' is here twice",
    ),
    "data id": (
        "description: d\ntasks:\n  a:\n    class: b.C\n    config:\n      dataId: HSC\n",
        "p.yaml:6: dataId of task 'a' must be a mapping, not 'HSC'",
    ),
    "value of a data id": (
        "description: d\ntasks:\n  a:\n    class: b.C\n    config:\n      dataId: {visit: [1, 2]}\n",
        "p.yaml:6: 'visit' in the dataId of task 'a' takes one name or number, not .1, 2.",
    ),
    "concatenate": (
        "description: d\ntasks:\n  a: {class: b.C, config: {concatenate: more}}\n",
        "p.yaml:3: concatenate is true or false, not 'more'",
    ),
    "step twice": (
        "description: d\nsteps:\n  - {label: s}\n  - {label: s}\n",
        "p.yaml:4: step 's' is here twice, first in line 3",
    ),
    "rename to a label twice": (
        "description: d\nimports: [{location: a, rename: {b: c, d: c}}]\n",
        "p.yaml:2: rename cannot give the label 'c' twice",
    ),
    "rename in a chain": (
        "description: d\nimports: [{location: a, rename: {b: c, c: d}}]\n",
        "p.yaml:2: rename cannot give the label 'c' twice, or to a task that is renamed too",
    ),
    "config no mapping": (
        "description: d\ntasks:\n  a: {class: b.C, config: 3}\n",
        "p.yaml:3: config of task 'a' must be a mapping, not 3",
    ),
    "number as label": (
        "description: d\ntasks:\n  3: b.C\n",
        "p.yaml:3: a key of tasks must be a string, not 3",
    ),
    "list as key": ("description: d\ntasks:\n  ? [a]\n  : b.C\n", "p.yaml:3: a key must be a plain string"),
    "python object": (
        "description: d\ntasks: !!python/object/apply:os.system [ls]\n",
        r"p.yaml:2: the tag .*python/object.* is not allowed",
    ),
    "python scalar": (
        "description: !!python/name:os.system\n",
        r"p.yaml:1: the tag .*python/name.* is not allowed",
    ),
    "two documents": ("description: d\n---\ndescription: e\n", r"p.yaml:2: "),
    "alias of itself": ("description: &a [*a]\n", "an alias refers to what it is part of"),
    "contract key": (
        "description: d\ncontracts:\n  - {contrat: x}\n",
        "p.yaml:3: unknown key 'contrat'.*did you mean 'contract'",
    ),
    "contract without expression": ("description: d\ncontracts: [{msg: x}]\n", "has no key 'contract'"),
    "subset key": (
        "description: d\nsubsets:\n  s: {description: x}\n",
        "p.yaml:3: subset 's' has no key 'subset'",
    ),
    "step without label": ("description: d\nsteps: [{dimensions: [visit]}]\n", "a step has no key 'label'"),
    "step as text": ("description: d\nsteps: [s]\n", "a step must be a mapping, not 's'"),
    "import key": (
        "description: d\nimports:\n  - {location: a.yaml, exlude: b}\n",
        "p.yaml:3: unknown key 'exlude' in an import.*did you mean 'exclude'",
    ),
    "import without location": (
        "description: d\nimports: [{include: a}]\n",
        "an import has no key 'location'",
    ),
    "include and exclude": (
        "description: d\nimports: [{location: a, include: b, exclude: c}]\n",
        "takes include or exclude, not both",
    ),
    "subset mode": (
        "description: d\nimports: [{location: a, labeledSubsetModifyMode: KEEP}]\n",
        "is DROP or EDIT, not 'KEEP'",
    ),
    "importContracts": (
        "description: d\nimports: [{location: a, importContracts: maybe}]\n",
        "is true or false, not 'maybe'",
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_bad_documents_say_what_and_where(text, message):
    with pytest.raises(PipelineDocumentError, match=message):
        parsed(text)


def test_a_document_that_multiplies_by_aliases_is_refused():
    lines = ["description: d", "parameters:", "  a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    with pytest.raises(PipelineDocumentError, match="more than 100000 values"):
        parsed("\n".join(lines))


def test_a_document_that_multiplies_by_merge_keys_is_refused():
    lines = ["description: d", "a0: &a0 {x: 1}"]
    lines += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 20)]
    with pytest.raises(PipelineDocumentError, match=r"p.yaml:\d+: the document has more than 100000 values"):
        parsed("\n".join(lines))


@pytest.mark.parametrize("depth", [2_000, 100_000])
def test_a_document_that_is_nested_without_end_is_refused(depth):
    with pytest.raises(PipelineDocumentError, match=r"p.yaml:1: values are nested more than 100 deep"):
        parsed("description: " + "[" * depth + "]" * depth)


def test_ordinary_aliases_and_merge_keys_are_read():
    document = parsed("""
description: d
parameters: {r: &r 4, same: *r}
tasks:
  a: {class: b.C, config: &config {x: 1, y: 2}}
  b: {class: b.C, config: {<<: *config, y: 3}}
""")
    assert document.parameters == {"r": 4, "same": 4}
    assert {o.name: o.value for o in document.tasks["b"].overrides} == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("subsets: {a: [a]}", "'a' is the label of a task and of a subset"),
        ("subsets: {s: [isrr, a]}", "subset 's' contains 'isrr', which is no task.*did you mean 'isr'"),
        ("subsets: {s: [a]}\nsteps: [{label: q, dimensions: []}]", "step 'q' is no subset"),
    ],
)
def test_names_that_lead_nowhere_are_refused(extra, message):
    with pytest.raises(PipelineDocumentError, match=message):
        parsed(f"description: d\ntasks: {{a: b.C, isr: b.D}}\n{extra}").check()


def test_no_task_is_called_parameters():
    with pytest.raises(PipelineDocumentError, match=r"p.yaml:3: a task cannot be called 'parameters'"):
        parsed("description: d\ntasks:\n  parameters: b.C\n").check()


def test_a_pipeline_needs_a_task():
    with pytest.raises(PipelineDocumentError, match=r"p.yaml: a pipeline needs at least one task"):
        parsed("description: d").check()


def test_code_of_several_lines_is_written_as_it_is():
    text = "description: d\ntasks:\n  a:\n    class: my.A\n    config:\n    - python: |\n        if True:\n            config.x = 1\n"
    assert to_yaml(parsed(text)) == text


def test_dates_stay_text():
    assert parsed("description: d\nparameters: {day: 2026-08-01}\n").parameters == {"day": "2026-08-01"}


names = st.from_regex(r"[a-z][a-zA-Z0-9_]{0,6}", fullmatch=True)
texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), include_characters="\n"), max_size=20
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)
fields = names.filter(lambda name: name not in BLOCK_KEYS)
held_by = st.none() | st.dictionaries(names, st.integers() | texts, min_size=1, max_size=2)
overrides = (
    st.builds(Override, st.just("value"), fields, values, concatenate=st.booleans(), data_id=held_by)
    | st.builds(Override, st.just("python"), st.just(""), texts, data_id=held_by)
    | st.builds(Override, st.just("file"), st.just(""), names.map("/dir/{}".format), data_id=held_by)
)


@st.composite
def documents(draw):
    tasks = draw(
        st.dictionaries(
            names,
            st.builds(TaskEntry, names, st.lists(overrides, max_size=5).map(tuple)),
            min_size=1,
            max_size=4,
        )
    )
    members = st.lists(st.sampled_from(sorted(tasks)), unique=True, min_size=1).map(tuple)
    subsets = draw(st.dictionaries(names, st.builds(Subset, members, texts), max_size=3))
    steps = st.lists(
        st.builds(Step, st.sampled_from(sorted(subsets)), st.lists(names).map(tuple)),
        max_size=2,
        unique_by=lambda step: step.label,
    )
    return Document(
        description=draw(texts),
        tasks=tasks,
        instrument=draw(st.just("") | names),
        parameters=draw(st.dictionaries(names, values, max_size=3)),
        contracts=draw(st.lists(st.builds(Contract, texts, texts), max_size=3).map(tuple)),
        subsets=subsets,
        steps=draw(steps.map(tuple)) if subsets else (),
        temporary=draw(
            st.lists(
                st.builds(Temporary, names, st.booleans()),
                max_size=2,
                unique_by=lambda each: each.dataset_type,
            ).map(tuple)
        ),
    )


@settings(max_examples=50, deadline=None)
@given(documents())
def test_a_document_reads_back_as_it_was_written(document):
    again = read(to_yaml(document), "again", Path())
    assert again == document
    assert list(again.tasks) == list(document.tasks)
