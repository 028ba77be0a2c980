"""A world small enough for loops over Python sets, and the graphs of pipelines on it by definition."""

import itertools
import zlib

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
# Calibrations by data ID: the time from which each is valid, to which, and its run; all in the collection "calib".
CALIBRATIONS = {
    "bias": (("detector",), {(0,): [(0, 2, "early"), (2, 9, "late")], (1,): [(2, 9, "late")]}),
    "dark": (("instrument",), {("Cam",): [(0, 9, "early")]}),
}
TIMES = {"exposure": {1: (1, 2), 2: (2, 3), 3: (3, 4)}, "visit": {1: (1, 2), 2: (2, 3), 4: (3, 4)}}
# What the collections that are no runs hold of all types: of a chain its runs, of tags some data IDs of "second".
CHAIN = ("first", "second")
TAGGED = {
    "raw": [(2, 1)],
    "ready": [(4, 0)],
    "template": [(0, 1, "r")],
    "filterinfo": [],
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
    """Runs of an overall input by data ID (tuples in the order of `required_of`), as a search finds them."""
    dims, by_run = INPUTS[dataset_type]
    found = {}
    for collection in itertools.chain(*(CHAIN if c == "chain" else [c] for c in collections)):
        run = "second" if collection == "tags" else collection
        for values in TAGGED[dataset_type] if collection == "tags" else by_run[run]:
            row = {"instrument": "Cam", "skymap": "map", **dict(zip(dims, values, strict=True))}
            found.setdefault(data_id(row, dims), run)
    return found


def prerequisites(dims, wanted, ids):
    """Data IDs of prerequisites by quantum: those that go together by what records and the sky say."""
    found = {}
    for row in rows_over(names_of((*dims, *wanted))):
        if data_id(row, wanted) in ids:
            found.setdefault(data_id(row, dims), set()).add(data_id(row, wanted))
    return found


def valid(dims, calibration):
    """Runs of the calibrations valid at the time of each quantum: {quantum: {data ID: run}}; `None` if it is not one."""
    wanted, ranges = CALIBRATIONS[calibration]
    found = {}
    for row in rows_over(names_of((*dims, *wanted))):
        times = [TIMES[d][row[d]] for d in TIMES if d in names_of(dims)]
        begin, end = max((t[0] for t in times), default=-99), min((t[1] for t in times), default=99)
        runs = {
            run for first, last, run in ranges[tuple(row[d] for d in wanted)] if first < end and begin < last
        }
        refs = found.setdefault(data_id(row, dims), {})
        if runs:
            refs[data_id(row, wanted)] = runs.pop() if len(runs) == 1 else None
    return found


def is_chosen(values, share):
    """Choose about one data ID in ``share``, always the same ones; none if it is 0."""
    return bool(share) and zlib.crc32(repr(values).encode()) % share == 0


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
    dims |= {
        d
        for _, _, connections, _ in part
        for kind, name, _ in connections.values()
        if kind != "pre"
        for d in known[name]
    }
    inputs = {
        n for _, _, connections, _ in part for k, n, _ in connections.values() if n in INPUTS and k == "in"
    }
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
        for name, (kind, dataset_type, _) in connections.items():
            if kind == "pre":
                continue
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


class Missing(Exception):
    """A quantum lacks a prerequisite."""


def brute_force(tasks, known, query, collections, constraint, scope, done):
    """The graph by definition: {(label, data ID): {connection: data IDs}}.

    ``done`` tells of which quanta and outputs an earlier run holds something: {type: data IDs}.
    """
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
    graph, available = {}, {name: set(existing(name, collections)) for name in INPUTS}
    for label, dims, connections, hook in tasks:
        made = connections["made"][1]
        for quantum, refs in edges[label].items():
            if quantum in done.get(f"{label}_metadata", ()):
                available.setdefault(made, set()).update(refs["made"] & done.get(made, set()))
                continue
            for name, (kind, dataset_type, minimum) in connections.items():
                if kind == "in":
                    refs[name] &= available.get(dataset_type, set())
                    if len(refs[name]) < minimum:
                        break
            else:
                for name, (kind, dataset_type, minimum) in connections.items():
                    if kind == "pre" and dataset_type in CALIBRATIONS:
                        runs = valid(dims, dataset_type).get(quantum, {})
                        if None in runs.values() or len(runs) < minimum:
                            raise Missing(label, quantum)
                        refs[name] = set(runs)
                    elif kind == "pre":
                        ids = prerequisites(dims, known[dataset_type], available[dataset_type])
                        refs[name] = ids.get(quantum, set())
                        if len(refs[name]) < minimum:
                            raise Missing(label, quantum)
                if hook == "veto" and "1" in map(str, quantum):
                    continue
                if hook == "trim":
                    refs["in0"] = set(sorted(refs["in0"])[:1])
                    if len(refs["in0"]) < connections["in0"][2]:
                        continue
                graph[label, quantum] = refs
                available.setdefault(made, set()).update(refs["made"])
    return graph
