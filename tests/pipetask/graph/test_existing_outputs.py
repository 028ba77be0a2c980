"""Outputs that exist already: skipping what was done, continuing a run, conflicts, clobbering."""

import pytest

from pipetask.errors import EmptyGraphError, InitInputMissingError, OutputExistsError
from pipetask.graph.builder import QuantumGraphBuilder

SENSOR = ("exposure", "detector")


@pytest.fixture
def two_steps(observed, task):
    """Two tasks in a row; what the first one made for exposure 1 is in run "done" (detector 1 without its output)."""
    first = task(
        SENSOR, raw=("in", "raw", SENSOR), post=("out", "post", SENSOR), schema=("init_out", "schema", ())
    )
    second = task(
        SENSOR, post=("in", "post", SENSOR), schema=("init_in", "schema", ()), out=("out", "src", SENSOR)
    )
    ids = {"instrument": ["Cam"] * 2, "exposure": [1, 1], "detector": [0, 1]}
    observed.datasets("first_metadata", SENSOR, "done", storage_class="TaskMetadata", **ids)
    observed.post_id = observed.datasets(
        "post", SENSOR, "done", **{name: values[:1] for name, values in ids.items()}
    )
    observed.datasets("schema", (), "done")
    observed.tasks = {"first": first, "second": second}
    return observed


def build(repository, **options):
    options = {"input_collections": ["raws"], "output_run": "out", **options}
    return QuantumGraphBuilder(repository.pipeline(**repository.tasks), repository.butler, **options).build()


def data_ids(graph, label):
    return [(q.dataId["exposure"], q.dataId["detector"]) for q in graph.quanta(label)]


EVERY = [(1, 0), (2, 0), (1, 1), (2, 1)]


def test_without_skipping_everything_is_run_again(two_steps):
    graph = build(two_steps)
    assert sorted(data_ids(graph, "first")) == sorted(EVERY)


def test_quanta_whose_metadata_exist_are_skipped(two_steps):
    graph = build(two_steps, skip_existing_in=["done"])
    assert sorted(data_ids(graph, "first")) == [(2, 0), (2, 1)]


def test_outputs_of_skipped_quanta_are_inputs_of_later_ones(two_steps):
    graph = build(two_steps, skip_existing_in=["done"])
    posts = {
        (q.dataId["exposure"], q.dataId["detector"]): q.inputs["post"][0] for q in graph.quanta("second")
    }
    assert posts[1, 0].run == "done"
    assert posts[1, 0].id.bytes == two_steps.post_id[0].tobytes()
    assert posts[2, 0].run == "out"


def test_outputs_that_a_skipped_quantum_did_not_make_are_there_for_nobody(two_steps):
    graph = build(two_steps, skip_existing_in=["done"])
    assert sorted(data_ids(graph, "second")) == [(1, 0), (2, 0), (2, 1)]


def test_extending_a_run_skips_what_it_holds(two_steps):
    graph = build(two_steps, output_run="done", extend_run=True)
    assert sorted(data_ids(graph, "first")) == [(2, 0), (2, 1)]


def test_a_run_to_extend_need_not_exist(two_steps):
    assert build(two_steps, output_run="new", extend_run=True).n_quanta == 8


def test_outputs_in_the_way_are_an_error_that_names_them_and_the_options(two_steps):
    with pytest.raises(OutputExistsError, match=r"Run 'done' holds 1 'post' .*'first'.*--clobber-outputs"):
        build(two_steps, output_run="done")


def test_clobbering_keeps_the_ids_of_outputs_in_the_way(two_steps):
    graph = build(two_steps, output_run="done", clobber_outputs=True)
    ids = {
        (q.dataId["exposure"], q.dataId["detector"]): q.outputs["post"][0].id.bytes
        for q in graph.quanta("first")
    }
    assert ids[1, 0] == two_steps.post_id[0].tobytes()
    assert len(set(ids.values())) == 4


def test_the_log_of_a_quantum_that_failed_is_not_in_the_way_and_is_replaced(two_steps):
    failed = {"instrument": ["Cam"], "exposure": [2], "detector": [1]}
    (log,) = two_steps.datasets("first_log", SENSOR, "done", storage_class="ButlerLogRecords", **failed)
    graph = build(two_steps, output_run="done", extend_run=True)
    logs = {(q.dataId["exposure"], q.dataId["detector"]): q.log_ref.id.bytes for q in graph.quanta("first")}
    assert logs[2, 1] == log.tobytes()
    assert logs[2, 0] != log.tobytes()


def test_init_outputs_of_a_run_that_is_extended_are_kept(two_steps):
    graph = build(two_steps, output_run="done", extend_run=True)
    assert (
        graph.init_outputs["first"]["schema"].id
        == two_steps.registry.find_dataset("schema", {}, collections=["done"]).id
    )


def test_nothing_left_to_do_says_so(two_steps):
    del two_steps.tasks["second"]
    later = {"instrument": ["Cam"] * 2, "exposure": [2, 2], "detector": [0, 1]}
    two_steps.datasets("first_metadata", SENSOR, "done", storage_class="TaskMetadata", **later)
    with pytest.raises(EmptyGraphError, match=r"^Nothing is left to do: all 4 quanta were done before"):
        build(two_steps, skip_existing_in=["done"])


def test_init_outputs_of_a_task_done_before_are_taken_from_there(two_steps):
    later = {"instrument": ["Cam"] * 2, "exposure": [2, 2], "detector": [0, 1]}
    two_steps.datasets("first_metadata", SENSOR, "done", storage_class="TaskMetadata", **later)
    graph = build(two_steps, skip_existing_in=["done"])
    assert [task.label for task in graph.tasks] == ["second"]
    assert graph.init_inputs["second"]["schema"].run == "done"


def test_a_missing_init_input_names_the_collections_and_the_task_that_needs_it(two_steps):
    two_steps.tasks = {"second": two_steps.tasks["second"]}
    two_steps.datasets("post", SENSOR, "none", instrument=["Cam"], exposure=[2], detector=[0])
    with pytest.raises(InitInputMissingError, match=r"'second' .* needs init-input 'schema' .*raws, none"):
        build(two_steps, input_collections=["raws", "none"])


def test_an_init_input_of_an_earlier_run_is_found(two_steps):
    two_steps.tasks = {"second": two_steps.tasks["second"]}
    graph = build(two_steps, input_collections=["done"])
    assert graph.init_inputs["second"]["schema"].run == "done"
    assert data_ids(graph, "second") == [(1, 0)]
