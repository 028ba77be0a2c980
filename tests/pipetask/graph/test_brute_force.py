"""Graphs of random pipelines on random selections, compared with what loops over Python sets find by definition."""

from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from little_world import (
    CALIBRATIONS,
    CHAIN,
    DEFINITION,
    DETECTOR_SPAN,
    DETECTORS,
    EXPOSURES,
    FILTERS,
    GROUPS,
    INPUTS,
    PARTS,
    PATCH_SPAN,
    PATCHES,
    TAGGED,
    TRACT_SPAN,
    VALUES,
    VISIT_SPAN,
    VISITS,
    Missing,
    brute_force,
    data_id,
    existing,
    is_chosen,
    names_of,
    rows_over,
    valid,
)

from pipetask.butler import Registry
from pipetask.errors import AmbiguousCalibrationError, EmptyGraphError, MissingPrerequisiteError, NoWorkFound
from pipetask.graph.builder import QuantumGraphBuilder


@st.composite
def pipelines(draw):
    """Draw tasks as (label, dimensions, {connection: (kind, type, minimum)}, veto); types made earlier are read."""
    known = {name: dims for name, (dims, _) in (INPUTS | CALIBRATIONS).items()}
    made, tasks = [], []
    needed = draw(
        st.sampled_from(["", "template", "filterinfo", "ready", "bias", "bias", "dark"])
    )  # never an ordinary input as well
    for i in range(draw(st.integers(1, 4))):
        dims = draw(st.sampled_from(GROUPS))
        connections = {}
        readable = made[-2:] + [name for name in INPUTS if name != needed]
        for k, name in enumerate(
            draw(st.lists(st.sampled_from(readable), unique=True, min_size=1, max_size=2))
        ):
            # One that is made may be read by its component "mask".
            part = draw(st.sampled_from(["in", "mask"])) if k and name in made else "in"
            connections[f"{part}{k}"] = ("in", name, draw(st.integers(1, 2)))
        if needed and draw(st.booleans()):
            connections["needed"] = ("pre", needed, draw(st.sampled_from([0, 0, 0, 1])))
        # Names tell dimensions, so that dataset types of different pipelines never contradict each other.
        ending = f"{i}_{'_'.join(dims)}"
        known[f"out{ending}"] = dims
        made.append(f"out{ending}")
        connections["made"] = ("out", f"out{ending}", 0)
        hook = draw(st.sampled_from([None, None, "veto", "trim"]))
        tasks.append((f"task{ending}", dims, connections, hook))
    return tasks, known


def veto(self, inputs, outputs, label, data_id):
    if "1" in [str(data_id[d]) for d in data_id.dimensions.required]:
        raise NoWorkFound("a one in it")
    return {}, {}


def alphabetical(data_id):
    return tuple(data_id[d] for d in sorted(data_id.dimensions.required))


def trim(self, inputs, outputs, label, data_id):
    connection, refs = inputs["in0"]
    kept = sorted(refs, key=lambda ref: alphabetical(ref.dataId))[:1]
    return {"in0": (connection, kept)}, {}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(request, tmp_path_factory, repository_at, repository_on, square):
    if request.param == "sqlite":
        repo = repository_at(tmp_path_factory.mktemp("world"))
    else:
        repo = repository_on(Registry.create(request.getfixturevalue("postgresql_server").new_schema()))
    cam = lambda n: ["Cam"] * n  # noqa: E731
    repo.records("instrument", instrument=["Cam"])
    repo.records(
        "physical_filter", instrument=cam(3), physical_filter=list(FILTERS), band=list(FILTERS.values())
    )
    repo.records("detector", instrument=cam(2), detector=list(DETECTORS), full_name=["a", "b"])
    repo.records("day_obs", instrument=cam(2), day_obs=[7, 8])
    repo.records("group", instrument=cam(3), group=["1", "2", "3"])
    filters, days = zip(*EXPOSURES.values(), strict=True)
    shared = {
        "physical_filter": list(filters),
        "day_obs": list(days),
        "timespan_begin": [1, 2, 3],
        "timespan_end": [2, 3, 4],
    }
    repo.records(
        "exposure",
        instrument=cam(3),
        exposure=list(EXPOSURES),
        obs_id=["1", "2", "3"],
        group=["1", "2", "3"],
        **shared,
    )
    repo.records(
        "visit",
        instrument=cam(3),
        visit=list(VISITS),
        name=["1", "2", "4"],
        region=[square(VISIT_SPAN[v]) for v in VISITS],
        **shared,
    )
    exposures, visits = zip(*sorted(DEFINITION), strict=True)
    repo.records("visit_definition", instrument=cam(3), exposure=list(exposures), visit=list(visits))
    repo.records(
        "skymap", skymap=["map"], hash=[b"0" * 20], tract_max=[2], patch_nx_max=[2], patch_ny_max=[1]
    )
    repo.records("tract", skymap=["map"] * 2, tract=[0, 1], region=[square(TRACT_SPAN[t]) for t in (0, 1)])
    tracts, patches = zip(*sorted(PATCHES), strict=True)
    repo.records(
        "patch",
        skymap=["map"] * 3,
        tract=list(tracts),
        patch=list(patches),
        cell_x=list(patches),
        cell_y=[0] * 3,
        region=[square(PATCH_SPAN[p]) for p in sorted(PATCHES)],
    )
    pairs = sorted(DETECTOR_SPAN)
    repo.records(
        "visit_detector_region",
        instrument=cam(6),
        visit=[v for v, _ in pairs],
        detector=[d for _, d in pairs],
        region=[square(DETECTOR_SPAN[p]) for p in pairs],
    )
    for name, (dims, by_run) in INPUTS.items():
        for run, rows in by_run.items():
            columns = columns_of(dims, rows)
            ids = repo.datasets(name, dims, run, **columns)
            refs = repo.registry.get_datasets([UUID(bytes=row.tobytes()) for row in ids])
            if run == "second":
                repo.registry.collections.register("tags", "TAGGED")
                chosen = [ref for ref, row in zip(refs, rows, strict=True) if row in TAGGED[name]]
                repo.registry.collections.associate("tags", chosen)
    for name, (dims, by_data_id) in CALIBRATIONS.items():
        for run in ("early", "late"):
            spans = {row: span[:2] for row, spans in by_data_id.items() for span in spans if span[2] == run}
            ids = repo.datasets(name, dims, run, isCalibration=True, **columns_of(dims, list(spans)))
            for id, span in zip(ids, spans.values(), strict=True):
                repo.certify("calib", [id], *span)
    repo.registry.collections.register("chain", "CHAINED")
    repo.registry.collections.set_chain("chain", CHAIN)
    repo.n_examples = 0
    yield repo
    repo.registry.close()


def columns_of(dims, rows):
    columns = (
        dict(zip(dims, map(list, zip(*rows, strict=True)), strict=True)) if rows else {d: [] for d in dims}
    )
    for governor in ("instrument", "skymap"):
        if governor in names_of(dims):
            columns[governor] = [VALUES[governor][0]] * len(rows)
    return columns


def put_into_run(world, run, tasks, share_done, share_made):
    """Let a run hold metadata of some quanta, and outputs; tell the data IDs by type, as `alphabetical` does."""
    held = {}
    for label, dims, connections, _ in tasks:
        for name, share, storage_class in (
            (f"{label}_metadata", share_done, "TaskMetadata"),
            (connections["made"][1], share_made, "ExposureF"),
        ):
            rows = {data_id(row, dims): tuple(row[d] for d in dims) for row in rows_over(names_of(dims))}
            chosen = {key: values for key, values in rows.items() if is_chosen((name, key), share)}
            held[name] = set(chosen)
            columns = columns_of(dims, list(chosen.values()))
            if chosen:
                world.datasets(name, dims, run, storage_class=storage_class, **columns)
    return held


@given(
    pipelines(),
    st.sampled_from(list(PARTS)),
    st.sampled_from([("first",), ("first", "second"), ("tags", "first"), ("chain",), ("tags", "chain")]),
    st.sampled_from(["all", "off"]),
    st.sampled_from(["query", "complete"]),
    st.sampled_from([(0, 0), (0, 0), (2, 2), (2, 3), (3, 1)]),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_random_pipeline_has_the_graph_of_its_definition(
    world, task, drawn, query, collections, constraint, scope, shares
):
    tasks, known = drawn
    world.n_examples += 1
    done = f"done{world.n_examples}"
    world.registry.collections.register(done)
    held = put_into_run(world, done, tasks, *shares)
    configured = {}
    for label, dims, connections, hook in tasks:
        declared = {}
        for name, (kind, dataset_type, minimum) in connections.items():
            arguments = {"multiple": True, **({} if kind == "out" else {"minimum": minimum})}
            if dataset_type in CALIBRATIONS:
                arguments["isCalibration"] = True
            elif dataset_type not in INPUTS:
                arguments["storageClass"] = "Mask" if name.startswith("mask") else "ExposureF"
            component = ".mask" if name.startswith("mask") else ""
            declared[name] = (kind, dataset_type + component, known[dataset_type], arguments)
        configured[label] = task(dims, adjust={"veto": veto, "trim": trim}.get(hook), **declared)
    builder = QuantumGraphBuilder(
        world.pipeline(**configured),
        world.butler,
        input_collections=(*collections, "calib"),
        output_run="out",
        where=query,
        dataset_query_constraint=constraint,
        scope=scope,
        skip_existing_in=[done],
    )
    try:
        expected = brute_force(tasks, known, query, collections, constraint, scope, held)
    except Missing:
        with pytest.raises((MissingPrerequisiteError, AmbiguousCalibrationError)):
            builder.build()
        return
    try:
        graph = builder.build()
    except EmptyGraphError:
        assert not expected
        return
    found = {}
    for i in range(graph.n_quanta):
        quantum = graph.quantum(i)
        refs = {
            name: {alphabetical(ref.dataId) for ref in refs}
            for name, refs in (quantum.inputs | quantum.outputs).items()
        }
        found[quantum.label, alphabetical(quantum.dataId)] = refs
        for refs in quantum.inputs.values():
            for ref in refs:
                if ref.datasetType.name in INPUTS:
                    assert ref.run == existing(ref.datasetType.name, collections)[alphabetical(ref.dataId)]
                elif ref.datasetType.name in CALIBRATIONS:
                    dims = tuple(quantum.dataId.dimensions.required)
                    runs = valid(dims, ref.datasetType.name)[alphabetical(quantum.dataId)]
                    assert ref.run == runs[alphabetical(ref.dataId)]
    assert found == expected
    makers = {
        ref.id: i for i in range(graph.n_quanta) for refs in graph.quantum(i).outputs.values() for ref in refs
    }
    follows = {
        (makers[ref.id], i)
        for i in range(graph.n_quanta)
        for refs in graph.quantum(i).inputs.values()
        for ref in refs
        if ref.id in makers
    }
    successors = graph.successors().pairs()
    assert set(zip(successors.left.tolist(), successors.right.tolist(), strict=True)) == follows
