"""How long does it take, and how much memory, to build the quantum graph of a six-task pipeline?

    python benchmarks/quantum_graph.py                       10^4 quanta, on SQLite and PostgreSQL
    python benchmarks/quantum_graph.py --visits 33 330 3200  10^4, 10^5, 10^6: how does the unit cost grow?
    python benchmarks/quantum_graph.py --visits 330 --peer   the reference beside it, in its own environment

The pipeline and its data are those of `quantum_graph_survey.py`. Both sides get the same records and
datasets, each in a repository of its own, and build in a process of their own; imports and the making of
repositories are not counted. PostgreSQL is a server of our own, unless ``--postgresql URL`` names another.
The reference runs on SQLite after ANALYZE, where it is as fast as on PostgreSQL; our repositories are as they
were made. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace, new_class

from peer import machine, peer_python
from postgresql import server
from quantum_graph_survey import DETECTORS, PATCHES, TASKS, peak_mb, survey, validity


def make(folder: str, n_visits: int, url: str | None) -> None:
    from uuid import UUID

    from pipetask.butler import Butler, DatasetType, Timespan

    records, datasets, calibrations = survey(n_visits)
    schema = Path(folder).name.replace("-", "_") if url else None
    with Butler.makeRepo(folder, registry_db=url, schema=schema) as butler:
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


def pipeline_of(butler):
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


def measure(folder: str) -> dict:
    import pyarrow.compute as pc  # noqa: F401  # imports are not counted

    from pipetask.butler import Butler
    from pipetask.graph.builder import QuantumGraphBuilder
    from pipetask.graph.quantum_graph import QuantumGraph
    from pipetask.task.quantum import Quantum  # noqa: F401

    with Butler.from_config(folder) as butler, tempfile.TemporaryDirectory() as scratch:
        pipeline = pipeline_of(butler)
        base_mb = peak_mb()
        registry = TimedRegistry(butler.registry)
        start, start_cpu = time.perf_counter(), time.process_time()
        builder = QuantumGraphBuilder(
            pipeline,
            SimpleNamespace(registry=registry),
            input_collections=["inputs", "calib"],
            output_run="out",
        )
        graph = builder.build()
        build_s = time.perf_counter() - start
        build_cpu_s = time.process_time() - start_cpu
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
                "build_cpu": build_cpu_s,
                "registry": registry.seconds,
                "save": save_s,
                "load_one_quantum": load_one_s,
                "successors": successors_s,
            },
            "microseconds_per_quantum_object": quantum_us,
            "file_mb": path.stat().st_size / 1e6,
            "peak_mb": {"imports": base_mb, "built": built_mb, "end": peak_mb()},
        }


def step(*words: object, python: str = sys.executable, script: str = __file__) -> dict:
    """Do one step in a process of its own."""
    command = [python, script, *map(str, words)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def fastest(runs: list[dict]) -> dict:
    return min(runs, key=lambda run: run["seconds"]["build"])


def compared(ours: dict, peer: dict) -> dict:
    return {
        "same_quanta": ours["quanta_by_task"] == peer["quanta_by_task"],
        "times_faster": peer["seconds"]["build"] / ours["seconds"]["build"],
        "times_smaller": peer["peak_mb"]["built"] / ours["peak_mb"]["built"],
    }


def growth(results: list[dict], database: str) -> float:
    """Cost per quantum of the largest graph, relative to the smallest."""
    first, last = results[0][database], results[-1][database]
    return (last["seconds"]["build"] / last["quanta"]) / (first["seconds"]["build"] / first["quanta"])


def measure_all(args: argparse.Namespace, url: str | None) -> dict:
    databases: dict[str, str | None] = {}
    if args.only != "postgresql":
        databases["sqlite"] = None
    if url:
        databases["postgresql"] = url
    results = []
    for visits in args.visits:
        found: dict = {"visits": visits}
        with tempfile.TemporaryDirectory(prefix="graphs") as folder:
            for name, database in databases.items():
                home = f"{folder}/{name}_{visits}"
                begin = time.perf_counter()
                step("--make", home, "--visits", visits, *(["--url", database] if database else []))
                made_s = time.perf_counter() - begin
                found[name] = fastest([step("--measure", home) for _ in range(args.repeat)])
                found[name]["seconds"]["make_repository"] = made_s
            if args.peer or args.peer_python:
                theirs = partial(
                    step,
                    python=args.peer_python or str(peer_python()),
                    script=str(Path(__file__).with_name("quantum_graph_peer.py")),
                )
                theirs("make", f"{folder}/peer", visits)
                found["peer"] = theirs("measure", f"{folder}/peer")
                found |= {f"{name}_to_peer": compared(found[name], found["peer"]) for name in databases}
        results.append(found)
    summary = {"machine": machine(), "detectors": DETECTORS, "patches": PATCHES**2, "graphs": results}
    if len(results) > 1:
        summary["growth_per_quantum"] = {name: growth(results, name) for name in databases}
    return summary


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--visits", type=int, nargs="+", default=[33], help="33, 330, 3200 give 10^4, 10^5, 10^6 quanta"
    )
    parser.add_argument("--only", choices=["sqlite", "postgresql"], help="one database only")
    parser.add_argument("--postgresql", metavar="URL", help="server to use")
    parser.add_argument("--peer", action="store_true", help="run the reference as well")
    parser.add_argument("--peer-python", help="its interpreter; by default one is made in benchmarks/.peer")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--make", metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--measure", metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.make:
        print(json.dumps(make(args.make, args.visits[0], args.url)))
    elif args.measure:
        print(json.dumps(measure(args.measure)))
    elif args.only == "sqlite":
        print(json.dumps(measure_all(args, None), indent=2))
    else:
        with server(args.postgresql) as url:
            print(json.dumps(measure_all(args, url), indent=2))


if __name__ == "__main__":
    main()
