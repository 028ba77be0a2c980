"""An empty graph names its cause first; a full one tells what each step kept."""

import pytest

from pipetask.errors import EmptyGraphError, InvalidQuantumError, NoWorkFound
from pipetask.graph.builder import QuantumGraphBuilder

SENSOR, VISIT = ("exposure", "detector"), ("visit", "detector")
RAW = {"raw": ("in", "raw", SENSOR), "post": ("out", "post", SENSOR)}


def cause(repository, collections=("raws",), tasks=None, **options):
    """First line of the explanation of an empty graph."""
    builder = QuantumGraphBuilder(
        repository.pipeline(**tasks),
        repository.butler,
        input_collections=collections,
        output_run="out",
        **options,
    )
    with pytest.raises(EmptyGraphError) as error:
        builder.build()
    assert error.value.exit_code == 3
    assert str(error.value).startswith(error.value.explanation.splitlines()[0])
    return error.value.explanation.splitlines()[0]


@pytest.fixture
def isr(task):
    return {"isr": task(SENSOR, **RAW)}


@pytest.fixture
def warp(task):
    calexps = {
        "calexps": ("in", "calexp", VISIT, {"multiple": True}),
        "warp": ("out", "warp", ("visit", "tract", "patch")),
    }
    return {"warp": task(("visit", "tract", "patch"), **calexps)}


def test_no_dataset_in_the_collections(observed, isr):
    observed.registry.collections.register("empty")
    text = cause(observed, ("empty",), isr)
    assert text.startswith("There are no 'raw' datasets in collection empty. There are some in raws")


def test_a_dataset_type_that_nobody_registered(observed, task):
    assert "no 'rwa' datasets in collection raws. Nobody registered a dataset type 'rwa'; did you" in cause(
        observed, tasks={"t": task(SENSOR, raw=("in", "rwa", SENSOR), post=RAW["post"])}
    )


def test_no_visits_defined(repository, task):
    repository.records("instrument", instrument=["Cam"])
    repository.records("physical_filter", instrument=["Cam"], physical_filter=["g1"], band=["g"])
    repository.records("detector", instrument=["Cam"], detector=[0], full_name=["a"])
    repository.records("day_obs", instrument=["Cam"], day_obs=[7])
    repository.records("group", instrument=["Cam"], group=["x"])
    repository.records(
        "exposure", instrument=["Cam"], exposure=[1], obs_id=["1"], group=["x"], physical_filter=["g1"], day_obs=[7]
    )  # fmt: skip
    repository.datasets("raw", SENSOR, "raws", instrument=["Cam"], exposure=[1], detector=[0])
    calibrate = task(VISIT, raws=("in", "raw", SENSOR, {"multiple": True}), out=("out", "calexp", VISIT))
    text = cause(repository, tasks={"calibrate": calibrate})
    assert text.startswith("There are no visit")
    assert "butler define-visits" in text


def test_a_condition_that_nothing_in_the_repository_meets(observed, isr):
    text = cause(observed, tasks=isr, where="instrument = 'Cam' AND band = 'z'")
    assert text.startswith("Nothing in this repository matches")
    assert "`band = 'z'`" in text
    assert "There is band 'g', 'r'." in text


def test_a_condition_that_some_data_meet_but_not_those_that_exist(observed, isr):
    observed.records("detector", instrument=["Cam"], detector=[7], full_name=["spare"])
    text = cause(observed, tasks=isr, where="instrument = 'Cam' AND detector = 7")
    assert text.startswith("No data ID fits")
    assert "'raw' datasets in collection raws" in text
    assert "7" in text


def test_two_inputs_that_never_exist_together(observed, task):
    observed.datasets("mask", SENSOR, "masks", instrument=["Cam"], exposure=[1], detector=[0])
    observed.datasets("dark", SENSOR, "masks", instrument=["Cam"], exposure=[2], detector=[0])
    both = task(SENSOR, **RAW, mask=("in", "mask", SENSOR), dark=("in", "dark", SENSOR))
    text = cause(observed, ("raws", "masks"), {"isr": both})
    assert "the 'mask' datasets" in text
    assert "the 'dark' datasets" in text
    assert "'raw'" not in text


def test_no_overlap_on_the_sky(observed, square, warp):
    observed.records(
        "skymap", skymap=["map"], hash=[b"1" * 20], tract_max=[1], patch_nx_max=[1], patch_ny_max=[1]
    )
    observed.records("tract", skymap=["map"], tract=[0], region=[square((50, 52))])
    observed.records(
        "patch", skymap=["map"], tract=[0], patch=[0], cell_x=[0], cell_y=[0], region=[square((50, 52))]
    )
    observed.records(
        "visit_detector_region", instrument=["Cam"], visit=[1], detector=[0], region=[square((0, 1))]
    )  # fmt: skip
    observed.datasets("calexp", VISIT, "calexps", instrument=["Cam"], visit=[1], detector=[0])
    assert cause(observed, ("calexps",), warp).startswith(
        "No visit_detector_region and patch overlap on the sky."
    )


def test_no_sky_map_registered(observed, warp):
    observed.datasets("calexp", VISIT, "calexps", instrument=["Cam"], visit=[1], detector=[0])
    text = cause(observed, ("calexps",), warp)
    assert "register-skymap" in text


def test_a_veto_by_adjust_quantum(observed, task):
    def veto(self, inputs, outputs, label, data_id):
        raise NoWorkFound("too cloudy")

    text = cause(observed, tasks={"isr": task(SENSOR, **RAW, adjust=veto)})
    assert text.startswith("No quantum of task 'isr' is left after adjustQuantum: 4 were dropped")
    assert "too cloudy" in text


def test_too_few_inputs_for_every_quantum(observed, task):
    many = {
        "raws": ("in", "raw", SENSOR, {"multiple": True, "minimum": 5}),
        "out": ("out", "o", ("exposure",)),
    }
    text = cause(observed, tasks={"isr": task(("exposure",), **many)})
    assert text.startswith("No quantum of task 'isr' is left with enough inputs")
    assert "lack input 'raws'" in text


def test_a_hook_that_fails_stops_the_build_with_label_and_data_id(observed, task):
    def fail(self, inputs, outputs, label, data_id):
        raise ValueError("oops")

    builder = QuantumGraphBuilder(
        observed.pipeline(isr=task(SENSOR, **RAW, adjust=fail)),
        observed.butler,
        input_collections=["raws"],
        output_run="o",
    )
    with pytest.raises(InvalidQuantumError, match=r"'isr'.*detector: 0.*oops"):
        builder.build()


def test_the_funnel_tells_what_each_step_kept(sky, task):
    """Of 4 sensor images, the query takes 2, and the hook leaves 1."""

    def only_first(self, inputs, outputs, label, data_id):
        if data_id["detector"] == 1:
            raise NoWorkFound("not this one")
        return {}, {}

    isr = task(SENSOR, **RAW, adjust=only_first)
    graph = QuantumGraphBuilder(
        sky.pipeline(isr=isr),
        sky.butler,
        input_collections=["raws"],
        output_run="o",
        where="instrument='Cam' AND exposure=2",
    ).build(explain=True)
    steps = {step.name: (step.kept, step.dropped) for step in graph.funnel.tasks["isr"]}
    assert steps == {
        "data IDs joined": (4, 0),
        "after the data query": (2, 2),
        "with existing inputs": (2, 0),
        "with enough inputs and prerequisites": (2, 0),
        "after adjustQuantum": (1, 1),
        "not skipped": (1, 0),
    }
    adjusted = next(step for step in graph.funnel.tasks["isr"] if step.dropped == 1)
    assert len(adjusted.examples) == 1  # the data ID and the reason of the one that was dropped
    text = graph.funnel.explain()
    assert text.index("data IDs joined") < text.index("after the data query") < text.index("not skipped")
    assert "not this one" in text


def test_a_part_of_a_pipeline_without_data_is_warned_of(observed, task, caplog):
    tasks = {
        "isr": task(SENSOR, **RAW),
        "other": task(SENSOR, dark=("in", "dark", SENSOR), out=("out", "o", SENSOR)),
    }
    graph = QuantumGraphBuilder(
        observed.pipeline(**tasks), observed.butler, input_collections=["raws"], output_run="out"
    ).build()  # fmt: skip
    assert [task.label for task in graph.tasks] == ["isr"]
    (warning,) = [record.getMessage() for record in caplog.records]
    assert warning.startswith("A part of the pipeline has no quanta: other: There are no 'dark' datasets in ")
    assert graph.funnel.causes == [warning.removeprefix("A part of the pipeline has no quanta: ")]


def veto_by(*labels):
    def veto(self, inputs, outputs, label, data_id):
        if label in labels:
            raise NoWorkFound("too cloudy")
        return {}, {}

    return veto


def test_a_part_that_a_later_step_empties_is_warned_of_too(observed, task, caplog):
    tasks = {
        "isr": task(SENSOR, **RAW),
        "other": task(SENSOR, raw=RAW["raw"], out=("out", "o", SENSOR), adjust=veto_by("other")),
    }
    graph = QuantumGraphBuilder(
        observed.pipeline(**tasks), observed.butler, input_collections=["raws"], output_run="out"
    ).build()  # fmt: skip
    assert [task.label for task in graph.tasks] == ["isr"]
    assert "no quanta: other: No quantum of task 'other' is left after adjustQuantum: 4" in caplog.text


def test_parts_that_are_empty_for_different_reasons_are_all_told(observed, task):
    tasks = {
        "isr": task(SENSOR, **RAW, adjust=veto_by("isr")),
        "after": task(SENSOR, post=("in", "post", SENSOR), out=("out", "p", SENSOR)),
        "other": task(SENSOR, dark=("in", "dark", SENSOR), out=("out", "o", SENSOR)),
        "few": task(
            ("exposure",),
            raws=("in", "raw", SENSOR, {"multiple": True, "minimum": 5}),
            out=("out", "q", ("exposure",)),
        ),
        "another": task(SENSOR, dark=("in", "dark", SENSOR), out=("out", "r", SENSOR)),
    }
    with pytest.raises(EmptyGraphError) as error:
        QuantumGraphBuilder(
            observed.pipeline(**tasks), observed.butler, input_collections=["raws"], output_run="out"
        ).build()
    lines = [line for line in error.value.explanation.splitlines() if not line.startswith(" ")]
    told = lines[: lines.index("")]
    assert str(error.value) == "\n".join(told)
    assert {line[: line.index(": ")] for line in told} == {"isr, after", "few", "other, another"}
    starts = (
        "isr, after: No quantum of task 'isr' is left after adjustQuantum: 4 were dropped",
        "other, another: There are no 'dark' datasets in collection raws.",
        "few: No quantum of task 'few' is left with enough inputs and prerequisites: 2 were dropped",
    )
    assert all(any(line.startswith(start) for line in told) for start in starts)


def test_what_was_done_is_told_apart_from_what_was_dropped(observed, task):
    def only_first(self, inputs, outputs, label, data_id):
        raise NoWorkFound("too cloudy")

    observed.datasets(
        "isr_metadata", SENSOR, "done", storage_class="TaskMetadata",
        instrument=["Cam"], exposure=[1], detector=[0],
    )  # fmt: skip
    tasks = {"isr": task(SENSOR, **RAW, adjust=only_first)}
    text = cause(observed, tasks=tasks, skip_existing_in=["done"])
    assert text.startswith("No quantum of task 'isr' is left after adjustQuantum: 3 were dropped")
    assert text.endswith("), 1 done before.")
