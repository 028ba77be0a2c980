"""For one unit of work: why it is in the graph, or which step dropped it."""

import pytest

from pipetask.errors import NoWorkFound, RegistryError, UnknownTaskError
from pipetask.graph import funnel as steps
from pipetask.graph.builder import QuantumGraphBuilder

SENSOR, VISIT = ("exposure", "detector"), ("visit", "detector")
RAW = {"raw": ("in", "raw", SENSOR), "post": ("out", "post", SENSOR)}


@pytest.fixture
def repository(new_registry, repository_on):
    repo = repository_on(new_registry())
    yield repo
    repo.registry.close()


def ask(repository, tasks, label, collections=("raws",), data_id=None, **options):
    builder = QuantumGraphBuilder(
        repository.pipeline(**tasks),
        repository.butler,
        input_collections=collections,
        output_run="out",
        **options,
    )
    return builder.why(label, data_id or {"exposure": 1, "detector": 0})


@pytest.fixture
def isr(task):
    return {"isr": task(SENSOR, **RAW)}


def test_what_is_in_says_what_it_reads_and_makes(observed, isr):
    answer = ask(observed, isr, "isr")
    assert answer.is_in
    assert str(answer).splitlines() == [
        "isr {instrument: 'Cam', detector: 0, exposure: 1} is in the graph.",
        "  reads 1 'raw', 1 of them there already",
        "  makes 1 'post'",
    ]


def test_numbers_may_be_given_as_text(observed, isr):
    assert ask(observed, isr, "isr", data_id={"exposure": "1", "detector": "0"}).is_in


def test_the_data_query(observed, isr):
    answer = ask(observed, isr, "isr", where="instrument='Cam' AND band='r' AND detector > -1")
    assert answer.step == steps.QUERIED
    assert "It does not fit" in answer.reasons[0]
    assert "`band = 'r'` in the data query" in answer.reasons[0]
    assert "detector > -1" not in answer.reasons[0]


def test_a_missing_input(observed, isr):
    observed.records("detector", instrument=["Cam"], detector=[7], full_name=["spare"])
    answer = ask(observed, isr, "isr", data_id={"exposure": 1, "detector": 7})
    assert answer.step == steps.INPUTS
    assert answer.reasons[0].startswith("It does not fit the 'raw' datasets in collection raws.")
    assert "butler query-datasets raw --collections raws" in answer.reasons[0]


def test_a_record_that_is_not_there(observed, isr):
    answer = ask(observed, isr, "isr", data_id={"exposure": 1, "detector": 77})
    assert answer.step == steps.JOINED
    assert answer.reasons[0].startswith("No detector 77 is registered. See all with: butler query-dimension-")


def test_no_overlap_on_the_sky(sky, task):
    sky.datasets("calexp", VISIT, "calexps", instrument=["Cam"], visit=[1], detector=[0])
    unit = ("visit", "tract", "patch")
    warp = task(unit, calexps=("in", "calexp", VISIT, {"multiple": True}), warp=("out", "warp", unit))
    asked = {"warp": warp}, "warp", ("calexps",)
    assert ask(sky, *asked, {"visit": 1, "tract": 0, "patch": 0}).is_in
    answer = ask(sky, *asked, {"visit": 1, "tract": 0, "patch": 1})
    assert answer.step in (steps.JOINED, steps.INPUTS)
    assert "the overlap of visit_detector_region with patch on the sky" in answer.reasons[0]
    assert "Check that the sky map covers the observations" in answer.reasons[0]


def test_too_few_inputs_and_who_makes_them(observed, task):
    def no_first(self, inputs, outputs, label, data_id):
        if data_id["exposure"] == 1:
            raise NoWorkFound("clouds")

    def adjust(self, inputs, outputs, label, data_id):
        no_first(self, inputs, outputs, label, data_id)
        return {}, {}

    post = ("in", "post", SENSOR, {"multiple": True})
    tasks = {
        "isr": task(SENSOR, **RAW, adjust=adjust),
        "sum": task(("exposure",), posts=post, out=("out", "sum", ("exposure",))),
    }
    answer = ask(observed, tasks, "sum", data_id={"exposure": 1})
    assert answer.step == steps.PREREQUISITES
    assert answer.reasons == (
        "It has 0 of at least 1 'post'. Task 'isr' makes none for it: ask for --why isr …",
    )
    answer = ask(observed, tasks, "isr")
    assert (answer.step, answer.reasons) == (steps.ADJUSTED, ("clouds",))


def test_done_before(observed, isr):
    observed.datasets(
        "isr_metadata",
        SENSOR,
        "done",
        storage_class="TaskMetadata",
        instrument=["Cam"],
        exposure=[1],
        detector=[0],
    )
    answer = ask(observed, isr, "isr", skip_existing_in=["done"])
    assert answer.step == steps.TO_RUN
    assert "'isr_metadata'" in answer.reasons[0]


def test_an_empty_graph_can_be_asked_about(observed, isr):
    observed.registry.collections.register("empty")
    answer = ask(observed, isr, "isr", ("empty",))
    assert answer.step == steps.INPUTS
    assert "'raw' datasets in collection empty" in answer.reasons[0]


def test_a_misspelt_label(observed, isr):
    with pytest.raises(UnknownTaskError, match=r"no task 'irs'; did you mean 'isr'\?"):
        ask(observed, isr, "irs")


def test_a_data_id_that_lacks_a_dimension(observed, isr):
    with pytest.raises(RegistryError, match="detector"):
        ask(observed, isr, "isr", data_id={"exposure": 1})


def test_a_dimension_that_the_task_lacks(observed, isr):
    with pytest.raises(RegistryError, match=r"Task 'isr' has no dimension tract; it has .*exposure"):
        ask(observed, isr, "isr", data_id={"exposure": 1, "detector": 0, "tract": 7})


def test_a_missing_prerequisite_is_an_answer_and_does_not_hide_those_of_others(observed, task):
    observed.datasets("flat", SENSOR, "flats", instrument=["Cam"], exposure=[1], detector=[0])
    tasks = {"isr": task(SENSOR, **RAW, flat=("pre", "flat", SENSOR))}
    where = ("raws", "flats")
    assert ask(observed, tasks, "isr", where).is_in
    answer = ask(observed, tasks, "isr", where, {"exposure": 1, "detector": 1})
    assert answer.step == steps.PREREQUISITES
    assert "Task 'isr' needs 1 prerequisite 'flat'" in answer.reasons[0]


def test_a_prerequisite_that_all_lack_is_an_answer_too(observed, task):
    tasks = {"isr": task(SENSOR, **RAW, flat=("pre", "flat", SENSOR))}
    answer = ask(observed, tasks, "isr")
    assert answer.step == steps.PREREQUISITES
    assert "needs 1 prerequisite 'flat'" in answer.reasons[0]
