"""Graphs of random pipelines, compared with what loops over Python sets find by definition."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipetask.errors import EmptyGraphError, NoWorkFound
from pipetask.graph.builder import QuantumGraphBuilder

# A little world. Everything that the brute force below knows is said here.
FILTERS = {"g1": "g", "g2": "g", "r1": "r"}
EXPOSURES = {1: ("g1", 7), 2: ("r1", 7), 3: ("g2", 8)}  # exposure: (physical_filter, day_obs)
VISITS = {1: ("g1", 7), 2: ("r1", 7), 4: ("g2", 8)}
DEFINITION = {(1, 1), (2, 2), (3, 4)}  # (exposure, visit)
DETECTORS = (0, 1)
PATCHES = {(0, 0), (0, 1), (1, 0)}  # (tract, patch)
# Columns of a flat sky, one degree each: (first, last) degree that a region covers.
PATCH_SPAN = {(0, 0): (0, 2), (0, 1): (2, 4), (1, 0): (4, 6)}
TRACT_SPAN = {0: (0, 4), 1: (4, 6)}
DETECTOR_SPAN = {
    (1, 0): (0.2, 0.8),
    (1, 1): (1.5, 2.5),
    (2, 0): (3.5, 4.5),
    (2, 1): (5.2, 5.8),
    (4, 0): (2.2, 2.8),
    (4, 1): (2.9, 4.2),
}
VISIT_SPAN = {1: (0.2, 2.5), 2: (3.5, 5.8), 4: (2.2, 4.2)}

CLOSURE = {
    "physical_filter": ("instrument", "band"),
    "detector": ("instrument",),
    "exposure": ("instrument", "physical_filter", "band", "day_obs", "group"),
    "visit": ("instrument", "physical_filter", "band", "day_obs"),
    "tract": ("skymap",),
    "patch": ("skymap", "tract"),
    "band": (),
    "instrument": (),
    "skymap": (),
}
VALUES = {
    "instrument": ["Cam"],
    "skymap": ["map"],
    "band": ["g", "r"],
    "physical_filter": list(FILTERS),
    "day_obs": [7, 8],
    "group": ["1", "2", "3"],
    "detector": list(DETECTORS),
    "exposure": list(EXPOSURES),
    "visit": list(VISITS),
    "tract": [0, 1],
    "patch": [0, 1],
}
# Overall inputs by collection: data IDs over the given dimensions.
INPUTS = {
    "raw": (
        ("exposure", "detector"),
        {"first": [(1, 0), (1, 1), (2, 0), (3, 0)], "second": [(1, 0), (2, 1), (3, 1)]},
    ),
    "ready": (("visit", "detector"), {"first": [(1, 0), (2, 0), (2, 1), (4, 1)], "second": [(1, 1), (4, 0)]}),
    "template": (
        ("tract", "patch", "band"),
        {"first": [(0, 0, "g"), (0, 1, "g"), (1, 0, "r")], "second": [(0, 1, "r")]},
    ),
    "filterinfo": (("physical_filter",), {"first": [("g1",), ("r1",)], "second": [("g2",)]}),
}
GROUPS = [
    ("exposure", "detector"),
    ("exposure",),
    ("visit", "detector"),
    ("visit",),
    ("physical_filter",),
    ("band",),
    ("detector",),
    ("visit", "tract", "patch"),
    ("visit", "detector", "tract", "patch"),
    ("tract", "patch", "band"),
    ("tract", "patch"),
    ("tract",),
]
# Parts of a query that must all hold: the dimensions that each speaks of, and itself.
PARTS = {
    "": [],
    "visit > 1": [(("visit",), lambda row: row["visit"] > 1)],
    "tract = 0 AND skymap = 'map'": [(("tract",), lambda row: row["tract"] == 0)],
    "detector = 0 AND band = 'g'": [
        (("detector",), lambda row: row["detector"] == 0),
        (("band",), lambda row: row["band"] == "g"),
    ],
    "exposure IN (1, 2) OR physical_filter = 'g2'": [
        (
            ("exposure", "physical_filter"),
            lambda row: row["exposure"] in (1, 2) or row["physical_filter"] == "g2",
        )
    ],
    "tract = 0 AND patch = 1 AND skymap = 'map'": [
        (("tract",), lambda row: row["tract"] == 0),
        (("patch",), lambda row: row["patch"] == 1),
    ],
}


def names_of(dimensions):
    return set(dimensions).union(*(CLOSURE[d] for d in dimensions))


def implied_by(names):
    by = {
        "exposure": ("physical_filter", "day_obs", "group"),
        "visit": ("physical_filter", "day_obs"),
        "physical_filter": ("band",),
    }
    return {other for name in names for other in by.get(name, ())}


def required_of(dimensions):
    """Required dimensions in the alphabetical order that this file compares data IDs in."""
    names = names_of(dimensions)
    return tuple(sorted(names - implied_by(names)))


def touches(a, b):
    return a[0] < b[1] and b[0] < a[1]


def is_consistent(row):
    """Whether values of all dimensions fit what the records say."""
    if "exposure" in row and (row["physical_filter"], row["day_obs"]) != EXPOSURES[row["exposure"]]:
        return False
    if "exposure" in row and row["group"] != str(row["exposure"]):
        return False
    if "visit" in row and (row["physical_filter"], row["day_obs"]) != VISITS[row["visit"]]:
        return False
    if "physical_filter" in row and row["band"] != FILTERS[row["physical_filter"]]:
        return False
    if "visit" in row and "exposure" in row and (row["exposure"], row["visit"]) not in DEFINITION:
        return False
    if "patch" in row and (row["tract"], row["patch"]) not in PATCHES:
        return False
    if "visit" in row and "tract" in row:
        sky = PATCH_SPAN[row["tract"], row["patch"]] if "patch" in row else TRACT_SPAN[row["tract"]]
        seen = DETECTOR_SPAN[row["visit"], row["detector"]] if "detector" in row else VISIT_SPAN[row["visit"]]
        return touches(seen, sky)
    return True


def rows_over(names):
    names = sorted(names)
    rows = (
        dict(zip(names, values, strict=True)) for values in itertools.product(*(VALUES[n] for n in names))
    )
    return [row for row in rows if is_consistent(row)]


def existing(dataset_type, collections):
    """Data IDs of an overall input, as tuples in the order of `required_of`."""
    dims, by_collection = INPUTS[dataset_type]
    found = set()
    for values in itertools.chain(*(by_collection[c] for c in collections)):
        row = {"instrument": "Cam", "skymap": "map", **dict(zip(dims, values, strict=True))}
        found.add(tuple(row[d] for d in required_of(dims)))
    return found


@st.composite
def pipelines(draw):
    """Draw tasks as (label, dimensions, {connection: (kind, type, minimum)}, veto); types made earlier are read."""
    known = {name: dims for name, (dims, _) in INPUTS.items()}
    made, tasks = [], []
    for i in range(draw(st.integers(1, 4))):
        dims = draw(st.sampled_from(GROUPS))
        connections = {}
        readable = made[-2:] + list(INPUTS) if made else list(INPUTS)
        for k, name in enumerate(
            draw(st.lists(st.sampled_from(readable), unique=True, min_size=1, max_size=2))
        ):
            connections[f"in{k}"] = ("in", name, draw(st.integers(1, 2)))
        out = f"out{i}"
        known[out] = dims
        made.append(out)
        connections["made"] = ("out", out, 0)
        tasks.append((f"task{i}", dims, connections, draw(st.sampled_from([None, None, "veto", "trim"]))))
    return tasks, known


def first_of(data_id):
    return min(str(value) for value in data_id)


def connected(tasks):
    """Labels of tasks that make something for each other, directly or not."""
    groups = [{label} for label, *_ in tasks]
    for label, _, connections, _ in tasks:
        for other, _, others, _ in tasks:
            if {n for k, n, _ in connections.values() if k == "out"} & {
                n for k, n, _ in others.values() if k == "in"
            }:
                mine = next(g for g in groups if label in g)
                theirs = next(g for g in groups if other in g)
                if mine is not theirs:
                    groups.remove(theirs)
                    mine |= theirs
    return groups


def rows_of(part, known, query, collections, constraint):
    """Rows of the join for connected tasks, with all parts of the query or none."""
    dims = {d for _, dims, *_ in part for d in dims} | {d for dims, _ in query for d in dims}
    dims |= {d for _, _, connections, _ in part for _, name, _ in connections.values() for d in known[name]}
    inputs = {n for _, _, connections, _ in part for k, n, _ in connections.values() if n in INPUTS}
    here = {name: existing(name, collections) for name in inputs}
    return [
        row
        for row in rows_over(names_of(dims))
        if all(holds(row) for _, holds in query)
        and (constraint == "off" or all(data_id(row, known[name]) in ids for name, ids in here.items()))
    ]


def data_id(row, dims):
    return tuple(row[d] for d in required_of(dims))


def edges_in(rows, dims, connections, known, query):
    """Edges {quantum: {connection: data IDs}} of rows; of the query, the parts about both ends must hold."""
    quanta = {}
    for row in rows:
        refs = quanta.setdefault(data_id(row, dims), {name: set() for name in connections})
        for name, (_, dataset_type, _) in connections.items():
            both = names_of((*dims, *known[dataset_type]))
            if all(holds(row) for about, holds in query if names_of(about) <= both):
                refs[name].add(data_id(row, known[dataset_type]))
    return quanta


def completed(part, known, query, rows, all_rows):
    """Edges of the quanta in ``rows`` and of those that make what they read, with all that ``all_rows`` has."""
    every = {
        label: edges_in(all_rows, dims, connections, known, query) for label, dims, connections, _ in part
    }
    quanta = {label: {data_id(row, dims) for row in rows} for label, dims, *_ in part}
    for label, _, connections, _ in reversed(part):
        for name, (kind, dataset_type, _) in connections.items():
            if kind != "in" or dataset_type in INPUTS:
                continue
            read = set().union(*(every[label][q][name] for q in quanta[label]))
            (maker,) = [t for t, _, cs, _ in part if cs["made"][1] == dataset_type]
            quanta[maker] |= {q for q, refs in every[maker].items() if refs["made"] & read}
    return {label: {q: every[label][q] for q in ids} for label, ids in quanta.items()}


def brute_force(tasks, known, query, collections, constraint, scope):
    """The graph by definition: {(label, data ID): ({connection: data IDs}, output data IDs)}."""
    edges = {}
    for labels in connected(tasks):
        part = [task for task in tasks if task[0] in labels]
        rows = rows_of(part, known, PARTS[query], collections, constraint)
        if scope == "query":
            for label, dims, connections, _ in part:
                edges[label] = edges_in(rows, dims, connections, known, ())
        else:
            all_rows = rows_of(part, known, (), collections, constraint)
            edges.update(completed(part, known, PARTS[query], rows, all_rows))
    graph, available = {}, {name: existing(name, collections) for name in INPUTS}
    for label, _, connections, hook in tasks:
        for data_id, refs in edges[label].items():
            for name, (kind, dataset_type, minimum) in connections.items():
                if kind == "in":
                    refs[name] &= available.get(dataset_type, set())
                    if len(refs[name]) < minimum:
                        break
            else:
                if hook == "veto" and "1" in map(str, data_id):
                    continue
                if hook == "trim":
                    refs["in0"] = set(sorted(refs["in0"])[:1])
                    if len(refs["in0"]) < connections["in0"][2]:
                        continue
                graph[label, data_id] = refs
                available.setdefault(connections["made"][1], set()).update(refs["made"])
    return graph


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


@pytest.fixture(scope="module")
def world(tmp_path_factory, repository_at, square):
    repo = repository_at(tmp_path_factory.mktemp("world"))
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
    for name, (dims, by_collection) in INPUTS.items():
        for collection, rows in by_collection.items():
            columns = dict(zip(dims, map(list, zip(*rows, strict=True)), strict=True))
            for governor in ("instrument", "skymap"):
                if governor in names_of(dims):
                    columns[governor] = [VALUES[governor][0]] * len(rows)
            repo.datasets(name, dims, collection, **columns)
    yield repo
    repo.registry.close()


@given(
    pipelines(),
    st.sampled_from(list(PARTS)),
    st.sampled_from([("first",), ("first", "second"), ("second", "first")]),
    st.sampled_from(["all", "off"]),
    st.sampled_from(["query", "complete"]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_random_pipeline_has_the_graph_of_its_definition(
    world, task, drawn, query, collections, constraint, scope
):
    tasks, known = drawn
    configured = {}
    for label, dims, connections, hook in tasks:
        declared = {
            name: (
                kind,
                dataset_type,
                known[dataset_type],
                {"multiple": True, **({"minimum": minimum} if kind == "in" else {})},
            )
            for name, (kind, dataset_type, minimum) in connections.items()
        }
        configured[label] = task(dims, adjust={"veto": veto, "trim": trim}.get(hook), **declared)
    builder = QuantumGraphBuilder(
        world.pipeline(**configured),
        world.butler,
        input_collections=collections,
        output_run="out",
        where=query,
        dataset_query_constraint=constraint,
        scope=scope,
    )
    expected = brute_force(tasks, known, query, collections, constraint, scope)
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
