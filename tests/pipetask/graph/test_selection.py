"""What restricts the data IDs: query, data ID, bound values, which inputs must exist."""

import pytest

from pipetask.errors import EmptyGraphError, InvalidQueryError, MissingCollectionError
from pipetask.graph.builder import QuantumGraphBuilder

SENSOR = ("exposure", "detector")


@pytest.fixture
def build(observed, task):
    """Exposure 1 has a mask for detector 0; the task takes raws and masks of an exposure, at least one of each."""
    observed.datasets("mask", SENSOR, "masks", instrument=["Cam"], exposure=[1], detector=[0])
    many = {"multiple": True}
    isr = task(
        ("exposure",),
        raws=("in", "raw", SENSOR, many),
        masks=("in", "mask", SENSOR, many),
        out=("out", "o", ("exposure",)),
    )

    def build(**options):
        graph = QuantumGraphBuilder(
            observed.pipeline(isr=isr), observed.butler, input_collections=options.pop("collections", ["raws", "masks"]),
            output_run="out", **options,
        ).build()  # fmt: skip
        return {
            q.dataId["exposure"]: tuple(len(q.inputs[name]) for name in ("raws", "masks"))
            for q in graph.quanta("isr")
        }

    return build


def test_all_inputs_must_exist_for_a_data_id_to_count(build):
    assert build() == {1: (1, 1)}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("rwa", "no task reads it; did you mean 'raw'? The inputs of this pipeline are: raw, mask."),
        ("o", "task 'isr' of the same pipeline makes it."),
        ("isr_config", "task 'isr' of the same pipeline makes it."),
    ],
)
def test_a_constraint_that_names_no_input_is_told(build, caplog, name, why):
    build(dataset_query_constraint=f"raw,{name}")
    (record,) = caplog.records
    assert f"--dataset-query-constraint {name} constrains nothing: {why}" in record.getMessage()


def test_a_constraint_that_names_a_prerequisite_is_told(observed, task, caplog):
    isr = task(SENSOR, raw=("in", "raw", SENSOR), flat=("pre", "flat", SENSOR, {"minimum": 0}))
    QuantumGraphBuilder(
        observed.pipeline(isr=isr), observed.butler, input_collections=["raws"], output_run="out",
        dataset_query_constraint="flat",
    ).build()  # fmt: skip
    (record,) = caplog.records
    assert "flat constrains nothing: it is no ordinary input" in record.getMessage()


@pytest.mark.parametrize("constraint", ["off", "raw", "raw,", {"raw"}, ["raw", "nonsense"]])
def test_inputs_that_do_not_constrain_may_be_missing_for_a_part(build, constraint):
    assert build(dataset_query_constraint=constraint) == {1: (2, 1)}


def test_a_data_id_restricts_like_a_query(build):
    assert build(data_id={"instrument": "Cam", "exposure": 1, "abstract_filter": "g"}) == {1: (1, 1)}
    with pytest.raises(EmptyGraphError, match="exposure"):
        build(data_id={"instrument": "Cam", "exposure": 2})


def test_bound_values_enter_the_query(build):
    assert build(where="exposure IN (ids)", bind={"ids": [1, 5]}) == {1: (1, 1)}


def test_a_query_that_makes_no_sense_is_an_error(build):
    with pytest.raises(InvalidQueryError):
        build(where="exposure = = 1")


def test_a_collection_that_does_not_exist_is_an_error(build):
    with pytest.raises(MissingCollectionError, match="rawz"):
        build(collections=["rawz"])


def test_an_input_that_defers_its_constraint_takes_no_quanta_from_other_tasks(observed, task):
    """Only detector 0 has a background, which the second task needs and the first one doesn't."""
    observed.datasets("background", ("detector",), "backgrounds", instrument=["Cam"], detector=[0])

    def counts(**options):
        first = task(SENSOR, raw=("in", "raw", SENSOR), post=("out", "post", SENSOR))
        second = task(
            SENSOR,
            post=("in", "post", SENSOR),
            background=("in", "background", ("detector",), options),
            out=("out", "o", SENSOR),
        )
        graph = QuantumGraphBuilder(
            observed.pipeline(first=first, second=second),
            observed.butler,
            input_collections=("raws", "backgrounds"),
            output_run="out",
        ).build()
        return [len(list(graph.quanta(label))) for label in ("first", "second")]

    assert counts() == [2, 2]
    assert counts(deferGraphConstraint=True) == [4, 2]


def test_each_step_of_building_is_told(observed, task):
    isr = task(SENSOR, raw=("in", "raw", SENSOR), post=("out", "post", SENSOR))
    count = task(
        ("exposure",), posts=("in", "post", SENSOR, {"multiple": True}), out=("out", "o", ("exposure",))
    )
    told = []
    QuantumGraphBuilder(
        observed.pipeline(isr=isr, count=count),
        observed.butler,
        input_collections=["raws"],
        output_run="out",
    ).build(progress=lambda *step: told.append(step))
    assert told == [
        ("joining what there is for isr, count", 0, 4),
        ("looking up what isr needs", 1, 4),
        ("looking up what count needs", 2, 4),
        ("numbering quanta and datasets", 3, 4),
    ]
