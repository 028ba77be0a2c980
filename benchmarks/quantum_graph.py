"""How long does it take, and how much memory, to build the quantum graph of a six-task pipeline?

    python benchmarks/quantum_graph.py --visits 33          10^4 quanta
    python benchmarks/quantum_graph.py --visits 33 --peer   the reference beside it, in its own environment

The pipeline: isr (exposure, detector; prerequisites bias and flat by validity) -> calibrate (visit, detector)
-> aperture (prerequisite mask) -> visit table -> warps (visit, tract, patch; sky overlap) -> coadds. Both get
the same records and datasets, each in a repository of its own, and build in a process of their own; imports
and the making of repositories are not counted. Prints JSON.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace, new_class

from peer import machine, peer_python

DETECTORS = 100
PATCHES = 14  # on a side
PATCH_DEG = 0.25
DETECTOR_DEG = 0.05
BANDS = {"g_1": "g", "r_1": "r", "i_1": "i"}
MINUTE = 60 * 10**9
BEGIN = 1_700_000_000 * 10**9
CALIBRATIONS = 4  # validity ranges of each bias and flat

# label: (dimensions, {connection: (kind, dataset type, dimensions, multiple)})
EXPOSURE, VISIT = ("instrument", "exposure", "detector"), ("instrument", "visit", "detector")
TASKS = {
    "isr": (
        EXPOSURE,
        {
            "raw": ("in", "raw", EXPOSURE, False),
            "bias": ("calib", "bias", ("instrument", "detector"), False),
            "flat": ("calib", "flat", ("instrument", "detector", "physical_filter"), False),
            "post": ("out", "postISRCCD", EXPOSURE, False),
        },
    ),
    "calibrate": (
        VISIT,
        {
            "posts": ("in", "postISRCCD", EXPOSURE, True),
            "calexp": ("out", "calexp", VISIT, False),
            "src": ("out", "src", VISIT, False),
        },
    ),
    "aperture": (
        VISIT,
        {
            "calexp": ("in", "calexp", VISIT, False),
            "src": ("in", "src", VISIT, False),
            "mask": ("pre", "areaMask", VISIT, False),
            "fluxes": ("out", "apFlux", VISIT, False),
        },
    ),
    "visitTable": (
        ("instrument", "visit"),
        {
            "fluxes": ("in", "apFlux", VISIT, True),
            "table": ("out", "visitTable", ("instrument", "visit"), False),
        },
    ),
    "warp": (
        ("instrument", "skymap", "visit", "tract", "patch"),
        {
            "calexps": ("in", "calexp", VISIT, True),
            "warp": ("out", "warp", ("instrument", "skymap", "visit", "tract", "patch"), False),
        },
    ),
    "coadd": (
        ("skymap", "tract", "patch", "band"),
        {
            "warps": ("in", "warp", ("instrument", "skymap", "visit", "tract", "patch"), True),
            "coadd": ("out", "coadd", ("skymap", "tract", "patch", "band"), False),
        },
    ),
}


def square(lon: float, lat: float, width: float) -> bytes:
    from lsst.sphgeom import ConvexPolygon, LonLat, UnitVector3d

    corners = [(lon, lat), (lon + width, lat), (lon + width, lat + width), (lon, lat + width)]
    return ConvexPolygon([UnitVector3d(LonLat.fromDegrees(*corner)) for corner in corners]).encode()


def survey(n_visits: int) -> tuple[dict, dict, dict]:
    """Records by element, datasets by type, and calibrations as (type, columns, begin, end)."""
    rng = random.Random(7)
    filters = list(BANDS)
    side = PATCHES * PATCH_DEG
    field = DETECTOR_DEG * DETECTORS**0.5
    at = [(rng.uniform(0, side - field), rng.uniform(0, side - field)) for _ in range(n_visits)]
    ids = list(range(1, n_visits + 1))
    of = [filters[i % len(filters)] for i in ids]
    days = [20260101 + i // 500 for i in ids]
    begin = [BEGIN + i * MINUTE for i in ids]
    end = [t + MINUTE // 2 for t in begin]
    cam = ["Cam"] * n_visits
    observed = {"physical_filter": of, "day_obs": days, "timespan_begin": begin, "timespan_end": end}
    corner = range(int(DETECTORS**0.5))
    all_days = sorted(set(days))
    patches = [(x, y) for y in range(PATCHES) for x in range(PATCHES)]
    n_pixels = n_visits * DETECTORS
    by_detector = {"instrument": ["Cam"] * n_pixels, "detector": list(range(DETECTORS)) * n_visits}
    per_visit = [v for v in ids for _ in range(DETECTORS)]
    records = {
        "instrument": {
            "instrument": ["Cam"],
            "detector_max": [DETECTORS],
            "visit_max": [10**9],
            "exposure_max": [10**9],
            "class_name": ["none"],
        },
        "physical_filter": {
            "instrument": ["Cam"] * 3,
            "physical_filter": filters,
            "band": list(BANDS.values()),
        },
        "detector": {
            "instrument": ["Cam"] * DETECTORS,
            "detector": list(range(DETECTORS)),
            "full_name": [f"d{i}" for i in range(DETECTORS)],
        },
        "day_obs": {"instrument": ["Cam"] * len(all_days), "day_obs": all_days},
        "group": {"instrument": cam, "group": [str(i) for i in ids]},
        "exposure": {
            "instrument": cam,
            "exposure": ids,
            "obs_id": [str(i) for i in ids],
            "group": [str(i) for i in ids],
            **observed,
        },
        "visit": {
            "instrument": cam,
            "visit": ids,
            "name": [str(i) for i in ids],
            "region": [square(x, y, field) for x, y in at],
            **observed,
        },
        "visit_definition": {"instrument": cam, "exposure": ids, "visit": ids},
        "skymap": {
            "skymap": ["map"],
            "hash": [b"0" * 20],
            "tract_max": [1],
            "patch_nx_max": [PATCHES],
            "patch_ny_max": [PATCHES],
        },
        "tract": {"skymap": ["map"], "tract": [0], "region": [square(0, 0, side)]},
        "patch": {
            "skymap": ["map"] * len(patches),
            "tract": [0] * len(patches),
            "patch": list(range(len(patches))),
            "cell_x": [x for x, _ in patches],
            "cell_y": [y for _, y in patches],
            "region": [square(x * PATCH_DEG, y * PATCH_DEG, PATCH_DEG) for x, y in patches],
        },
        "visit_detector_region": {
            **by_detector,
            "visit": per_visit,
            "region": [
                square(x + i * DETECTOR_DEG, y + j * DETECTOR_DEG, DETECTOR_DEG)
                for x, y in at
                for j in corner
                for i in corner
            ],
        },
    }
    datasets = {
        "raw": (EXPOSURE, {**by_detector, "exposure": per_visit}),
        "areaMask": (VISIT, {**by_detector, "visit": per_visit}),
    }
    one = {"instrument": ["Cam"] * DETECTORS, "detector": list(range(DETECTORS))}
    calibrations = {
        "bias": (("instrument", "detector"), one),
        "flat": (
            ("instrument", "detector", "physical_filter"),
            {
                "instrument": ["Cam"] * DETECTORS * 3,
                "detector": list(range(DETECTORS)) * 3,
                "physical_filter": [f for f in filters for _ in range(DETECTORS)],
            },
        ),
    }
    return records, datasets, calibrations


def validity(n_visits: int) -> list[tuple[int, int]]:
    """Ranges that together cover all visits; they change between two of them."""
    per_range = (n_visits + CALIBRATIONS) // CALIBRATIONS
    bounds = [BEGIN + k * per_range * MINUTE + MINUTE * 3 // 4 for k in range(CALIBRATIONS + 1)]
    return list(itertools.pairwise(bounds))


# Ours


def ours_make(folder: str, n_visits: int) -> None:
    from uuid import UUID

    from pipetask.butler import Butler, DatasetType, Timespan

    records, datasets, calibrations = survey(n_visits)
    with Butler.makeRepo(folder) as butler:
        registry = butler.registry
        for element, columns in records.items():
            registry.insert_dimension_records(element, columns)
        universe = registry.universe
        for name, (dimensions, columns) in datasets.items():
            registry.register_dataset_type(
                DatasetType(name, dimensions, "StructuredDataDict", universe=universe)
            )
            registry.collections.register("inputs")
            registry.insert_datasets(name, "inputs", columns)
        registry.collections.register("calib", "CALIBRATION")
        for name, (dimensions, columns) in calibrations.items():
            kind = DatasetType(name, dimensions, "StructuredDataDict", universe=universe, isCalibration=True)
            registry.register_dataset_type(kind)
            for k, (begin, end) in enumerate(validity(n_visits)):
                registry.collections.register(f"calib/{k}")
                ids = registry.insert_datasets(name, f"calib/{k}", columns)
                refs = registry.get_datasets([UUID(bytes=row.tobytes()) for row in ids])
                registry.collections.certify("calib", refs, Timespan.from_ns(begin, end))


def _fill(body: dict, namespace: dict) -> None:
    namespace.update(body)


def _run_nothing(self, butlerQC, inputRefs, outputRefs):
    """Graphs are built here, not run."""


def ours_pipeline(butler):
    from pipetask.butler import StorageClasses
    from pipetask.pipeline.pipeline_graph import PipelineGraph
    from pipetask.task.config import PipelineTaskConfig
    from pipetask.task.connection_types import Input, Output, PrerequisiteInput
    from pipetask.task.connections import PipelineTaskConnections
    from pipetask.task.pipeline_task import PipelineTask

    kinds = {"in": Input, "out": Output, "pre": PrerequisiteInput, "calib": PrerequisiteInput}
    configured = {}
    for label, (dimensions, connections) in TASKS.items():
        body = {
            name: kinds[kind](
                name=dataset_type,
                storageClass="StructuredDataDict",
                dimensions=dims,
                multiple=multiple,
                **({"isCalibration": True} if kind == "calib" else {}),
            )
            for name, (kind, dataset_type, dims, multiple) in connections.items()
        }
        made = new_class(label, (PipelineTaskConnections,), {"dimensions": dimensions}, partial(_fill, body))
        module = partial(_fill, {"__module__": __name__})
        config = new_class(label, (PipelineTaskConfig,), {"pipelineConnections": made}, module)
        nothing = {"ConfigClass": config, "runQuantum": _run_nothing}
        configured[label] = (type(label, (PipelineTask,), nothing), config())
    registered = {kind.name: kind for kind in butler.registry.query_dataset_types()}
    return PipelineGraph.build(configured, butler.registry.universe, registered, StorageClasses())


class TimedRegistry:
    """A registry that adds up the time spent in its methods."""

    def __init__(self, registry) -> None:
        self._registry = registry
        self.seconds: dict[str, float] = {}

    def __getattr__(self, name):
        found = getattr(self._registry, name)
        if not callable(found):
            return found

        def timed(*args, **kwargs):
            start = time.perf_counter()
            try:
                return found(*args, **kwargs)
            finally:
                self.seconds[name] = self.seconds.get(name, 0) + time.perf_counter() - start

        return timed


def ours_measure(folder: str) -> dict:
    import pyarrow.compute as pc  # noqa: F401  # imports are not counted

    from pipetask.butler import Butler
    from pipetask.graph.builder import QuantumGraphBuilder
    from pipetask.graph.quantum_graph import QuantumGraph
    from pipetask.task.quantum import Quantum  # noqa: F401

    with Butler.from_config(folder) as butler, tempfile.TemporaryDirectory() as scratch:
        pipeline = ours_pipeline(butler)
        base_mb = peak_mb()
        registry = TimedRegistry(butler.registry)
        start = time.perf_counter()
        builder = QuantumGraphBuilder(
            pipeline,
            SimpleNamespace(registry=registry),
            input_collections=["inputs", "calib"],
            output_run="out",
        )
        graph = builder.build()
        build_s = time.perf_counter() - start
        built_mb = peak_mb()
        start = time.perf_counter()
        path = Path(scratch) / "graph.qg"
        graph.save(path)
        save_s = time.perf_counter() - start
        edges = sum(
            len(csr.indices) for (_, name), csr in graph.edges.items() if name not in ("_log", "_metadata")
        )
        start = time.perf_counter()
        loaded = QuantumGraph.load(path)
        loaded.quantum(graph.n_quanta // 2)
        load_one_s = time.perf_counter() - start
        n = min(2000, graph.n_quanta)
        start = time.perf_counter()
        for i in range(n):
            graph.quantum(i)
        quantum_us = (time.perf_counter() - start) / n * 1e6
        start = time.perf_counter()
        graph.successors()
        successors_s = time.perf_counter() - start
        return {
            "quanta": graph.n_quanta,
            "quanta_by_task": {task.label: task.count for task in graph.tasks},
            "edges": edges,
            "seconds": {
                "build": build_s,
                "registry": registry.seconds,
                "save": save_s,
                "load_one_quantum": load_one_s,
                "successors": successors_s,
            },
            "microseconds_per_quantum_object": quantum_us,
            "file_mb": path.stat().st_size / 1e6,
            "peak_mb": {"imports": base_mb, "built": built_mb, "end": peak_mb()},
            "versions": machine(),
        }


# The reference


def peer_make(folder: str, n_visits: int) -> None:
    from astropy.time import Time
    from lsst.daf.butler import Butler, DataCoordinate, DatasetType, Timespan
    from lsst.sphgeom import Region

    records, datasets, calibrations = survey(n_visits)
    keys = {
        "instrument": "name",
        "physical_filter": "name",
        "detector": "id",
        "day_obs": "id",
        "group": "name",
        "exposure": "id",
        "visit": "id",
        "skymap": "name",
        "tract": "id",
        "patch": "id",
    }
    Butler.makeRepo(folder)
    butler = Butler.from_config(folder, writeable=True)
    epoch = Time("1970-01-01T00:00:00", scale="tai", format="isot").tai

    def span(begin: int, end: int) -> Timespan:
        offset = Timespan(epoch, None).nsec[0]
        return Timespan(None, None, _nsec=(begin + offset, end + offset))

    for element, columns in records.items():
        rows = []
        for values in zip(*columns.values(), strict=True):
            row = dict(zip(columns, values, strict=True))
            if "region" in row:
                row["region"] = Region.decode(row["region"])
            if "timespan_begin" in row:
                row["timespan"] = span(row.pop("timespan_begin"), row.pop("timespan_end"))
            if element in keys:
                row[keys[element]] = row.pop(element)
            rows.append(row)
        butler.registry.insertDimensionData(element, *rows)
    universe = butler.dimensions

    def insert(name: str, run: str, columns: dict):
        ids = [
            DataCoordinate.standardize(dict(zip(columns, row, strict=True)), universe=universe)
            for row in zip(*columns.values(), strict=True)
        ]
        butler.collections.register(run)
        return butler.registry.insertDatasets(name, ids, run=run)

    for name, (dimensions, columns) in datasets.items():
        butler.registry.registerDatasetType(
            DatasetType(name, universe.conform(dimensions), "StructuredDataDict")
        )
        insert(name, "inputs", columns)
    from lsst.daf.butler import CollectionType

    butler.registry.registerCollection("calib", CollectionType.CALIBRATION)
    for name, (dimensions, columns) in calibrations.items():
        kind = DatasetType(name, universe.conform(dimensions), "StructuredDataDict", isCalibration=True)
        butler.registry.registerDatasetType(kind)
        for k, (begin, end) in enumerate(validity(n_visits)):
            butler.registry.certify("calib", insert(name, f"calib/{k}", columns), span(begin, end))
    import sqlite3

    with sqlite3.connect(f"{folder}/gen3.sqlite3") as database:
        database.execute("ANALYZE")


def peer_measure(folder: str) -> dict:
    from importlib.metadata import version

    from lsst.daf.butler import Butler
    from lsst.pipe.base import PipelineTask, PipelineTaskConfig, PipelineTaskConnections, connectionTypes
    from lsst.pipe.base.all_dimensions_quantum_graph_builder import AllDimensionsQuantumGraphBuilder
    from lsst.pipe.base.pipeline_graph import PipelineGraph

    kinds = {
        "in": connectionTypes.Input,
        "out": connectionTypes.Output,
        "pre": connectionTypes.PrerequisiteInput,
        "calib": connectionTypes.PrerequisiteInput,
    }
    graph = PipelineGraph()
    for label, (dimensions, connections) in TASKS.items():
        body = {
            name: kinds[kind](
                name=kind_name,
                storageClass="StructuredDataDict",
                dimensions=dims,
                multiple=multiple,
                **({"isCalibration": True} if kind == "calib" else {}),
            )
            for name, (kind, kind_name, dims, multiple) in connections.items()
        }
        made = new_class(label, (PipelineTaskConnections,), {"dimensions": dimensions}, partial(_fill, body))
        module = partial(_fill, {"__module__": __name__})
        config = new_class(label, (PipelineTaskConfig,), {"pipelineConnections": made}, module)
        cls = type(
            label, (PipelineTask,), {"ConfigClass": config, "_DefaultName": label, "__module__": __name__}
        )
        globals()[label] = cls
        graph.add_task(label, cls, config())
    butler = Butler.from_config(folder)
    base_mb = peak_mb()
    start = time.perf_counter()
    builder = AllDimensionsQuantumGraphBuilder(
        graph, butler, input_collections=["inputs", "calib"], output_run="out"
    )
    components = builder.finish(output="chain", attach_datastore_records=False)
    build_s = time.perf_counter() - start
    components.set_header_counts()
    return {
        "quanta": components.header.n_quanta,
        "quanta_by_task": dict(components.header.n_task_quanta),
        "seconds": {"build": build_s},
        "peak_mb": {"imports": base_mb, "built": peak_mb()},
        "versions": {name: version(name) for name in ("lsst-pipe-base", "lsst-daf-butler")},
    }


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


STEPS = {
    "ours-make": lambda a: ours_make(a.folder, a.visits),
    "ours-measure": lambda a: ours_measure(a.folder),
    "peer-make": lambda a: peer_make(a.folder, a.visits),
    "peer-measure": lambda a: peer_measure(a.folder),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--visits", type=int, default=33, help="33, 330, 3200 give 10^4, 10^5, 10^6 quanta")
    parser.add_argument("--peer", action="store_true", help="run the reference as well")
    parser.add_argument("--peer-python", help="its interpreter; by default one is made in benchmarks/.peer")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.step:
        print(json.dumps(STEPS[args.step](args)))
        return
    sides = {"ours": sys.executable}
    if args.peer or args.peer_python:
        sides["peer"] = args.peer_python or str(peer_python())
    result: dict = {"visits": args.visits, "detectors": DETECTORS, "patches": PATCHES**2}
    with tempfile.TemporaryDirectory() as folder:

        def step(side: str, what: str):
            command = [sides[side], __file__, "--step", f"{side}-{what}", "--visits", str(args.visits)]
            done = subprocess.run(
                [*command, "--folder", f"{folder}/{side}"], stdout=subprocess.PIPE, check=True, text=True
            )
            return json.loads(done.stdout.splitlines()[-1])

        for side in sides:
            start = time.perf_counter()
            step(side, "make")
            made_s = time.perf_counter() - start
            runs = [step(side, "measure") for _ in range(args.repeat)]
            result[side] = min(runs, key=lambda run: run["seconds"]["build"])
            result[side]["seconds"]["make_repository"] = made_s
    if "peer" in result:
        ours, peer = result["ours"], result["peer"]
        result["same_quanta"] = ours["quanta_by_task"] == peer["quanta_by_task"]
        result["times_faster"] = peer["seconds"]["build"] / ours["seconds"]["build"]
        result["times_smaller"] = peer["peak_mb"]["built"] / ours["peak_mb"]["built"]
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
