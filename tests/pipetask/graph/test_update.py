"""A graph brought up to date equals one built anew, with the ids of the old one where they have the same things."""

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipetask.butler import Registry
from pipetask.graph.builder import QuantumGraphBuilder
from pipetask.graph.quantum_graph import QuantumGraph
from pipetask.graph.update import updated

SENSOR, VISIT = ("exposure", "detector"), ("visit", "detector")
EXPOSURES, DETECTORS = range(1, 5), range(3)


def fill(repository):
    """Four exposures of three detectors, and no dataset."""
    n = len(EXPOSURES)
    cam, filters = {"instrument": ["Cam"] * n}, {"physical_filter": ["g1", "r1", "g1", "r1"]}
    repository.records("instrument", instrument=["Cam"])
    repository.records(
        "physical_filter", instrument=["Cam"] * 2, physical_filter=["g1", "r1"], band=["g", "r"]
    )
    repository.records("detector", instrument=["Cam"] * 3, detector=DETECTORS, full_name=["a", "b", "c"])
    repository.records("day_obs", instrument=["Cam"], day_obs=[7])
    groups = [str(exposure) for exposure in EXPOSURES]
    repository.records("group", **cam, group=groups)
    common = {**cam, **filters, "day_obs": [7] * n}
    repository.records("exposure", **common, exposure=EXPOSURES, obs_id=groups, group=groups)
    return repository


def take(repository, raws):
    """Ingest raws, given as pairs of exposure and detector, and define visits for them."""
    if not raws:
        return
    exposures, detectors = zip(*sorted(raws), strict=True)
    repository.datasets(
        "raw", SENSOR, "raws", instrument=["Cam"] * len(raws), exposure=exposures, detector=detectors
    )
    known = set(repository.registry.element_columns("visit", names=["visit"])["visit"].tolist())
    for visit in sorted(set(exposures) - known):
        one = {"instrument": ["Cam"], "visit": [visit]}
        band = "r1" if visit % 2 == 0 else "g1"
        repository.records("visit", **one, name=[str(visit)], physical_filter=[band], day_obs=[7])
        repository.records("visit_definition", **one, exposure=[visit])


def tasks_of(task):
    many = {"multiple": True}
    return {
        "isr": task(SENSOR, raw=("in", "raw", SENSOR), post=("out", "post", SENSOR)),
        "calibrate": task(VISIT, posts=("in", "post", SENSOR, many), out=("out", "calexp", VISIT)),
        "stack": task(("band",), calexps=("in", "calexp", VISIT, many), out=("out", "coadd", ("band",))),
    }


def build(repository, tasks, **options):
    options = {"input_collections": ["raws"], "output_run": "out", **options}
    return QuantumGraphBuilder(repository.pipeline(**tasks), repository.butler, **options).build()


def contents(graph):
    """Everything but the ids: {(label, data ID): {connection: data IDs}}."""
    return {
        (quantum.label, quantum.dataId): {
            name: [(ref.datasetType.name, ref.dataId, ref.run) for ref in refs]
            for name, refs in (quantum.inputs | quantum.outputs).items()
        }
        for task in graph.tasks
        for quantum in graph.quanta(task.label)
    }


def ids(graph):
    """The ids of quanta and of what they make."""
    found = {}
    for task in graph.tasks:
        for quantum in graph.quanta(task.label):
            found[quantum.label, quantum.dataId] = quantum.id
            for name, refs in quantum.outputs.items():
                found |= {(quantum.label, name, ref.dataId): ref.id for ref in refs}
            for ref in (quantum.log_ref, quantum.metadata_ref):
                found[ref.datasetType.name, ref.dataId] = ref.id
    return found


def inputs_agree(graph):
    """Whether what a quantum reads has the id that its maker gives it."""
    made = {
        (ref.datasetType.name, ref.dataId): ref.id
        for task in graph.tasks
        for quantum in graph.quanta(task.label)
        for refs in quantum.outputs.values()
        for ref in refs
    }
    return all(
        made.get((ref.datasetType.name, ref.dataId), ref.id) == ref.id
        for task in graph.tasks
        for quantum in graph.quanta(task.label)
        for refs in quantum.inputs.values()
        for ref in refs
    )


RAWS = st.sets(st.tuples(st.sampled_from(EXPOSURES), st.sampled_from(DETECTORS)))


def check(repository, tasks, first, more, gone):
    """Build, add and remove raws, and compare an update with a new graph."""
    fill(repository)
    take(repository, first)
    old = build(repository, tasks)
    take(repository, more - first)
    lost = [
        ref.id
        for ref in repository.registry.query_datasets("raw", "raws")
        if (ref.dataId["exposure"], ref.dataId["detector"]) in gone
    ]
    if len(lost) == len(first | more):
        lost = lost[1:]
    repository.registry.remove_datasets(lost)
    new = build(repository, tasks)
    update = updated(build(repository, tasks), old)
    assert contents(update.graph) == contents(new)
    before, after = ids(old), ids(update.graph)
    assert {key: before[key] for key in before.keys() & after.keys()} == {
        key: after[key] for key in before.keys() & after.keys()
    }
    assert len(set(after.values())) == len(after)
    assert not set(before.values()) & {after[key] for key in after.keys() - before.keys()}
    assert inputs_agree(update.graph)
    was, now = contents(old).keys(), contents(new).keys()
    assert (update.kept, update.added, update.dropped) == (len(was & now), len(now - was), len(was - now))


@given(first=RAWS.filter(bool), more=RAWS, gone=RAWS)
@settings(max_examples=30, deadline=None)
def test_an_update_equals_a_new_graph_with_the_old_ids(repository_on, task, first, more, gone):
    with Registry.create("sqlite://") as registry:
        check(repository_on(registry), tasks_of(task), first, more, gone)


@given(first=RAWS.filter(bool), more=RAWS, gone=RAWS)
@settings(max_examples=3, deadline=None, phases=[Phase.generate])
def test_so_it_does_on_postgresql(postgresql_server, repository_on, task, first, more, gone):
    url = postgresql_server.new_schema()
    with Registry.create(url) as registry:
        check(repository_on(registry), tasks_of(task), first, more, gone)
    postgresql_server.drop(url)


@pytest.fixture
def repository(new_registry, repository_on):
    repo = repository_on(new_registry())
    yield fill(repo)
    repo.registry.close()


def test_a_saved_graph_is_updated_and_saved_again(repository, task, tmp_path):
    tasks = tasks_of(task)
    take(repository, {(1, 0), (1, 1), (2, 0)})
    build(repository, tasks).save(tmp_path / "old.qg")
    take(repository, {(3, 0)})
    old = QuantumGraph.load(tmp_path / "old.qg")
    updated(build(repository, tasks), old).graph.save(tmp_path / "new.qg")
    new = QuantumGraph.load(tmp_path / "new.qg")
    assert contents(new) == contents(build(repository, tasks))
    assert ids(old).items() <= ids(new).items()
    assert [task.count for task in new.tasks] == [4, 4, 2]
