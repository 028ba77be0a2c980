"""What does a quantum cost above its task's own work? Quanta that read and write a small dict; prints JSON.

    python benchmarks/execution.py --quanta 10000
    python benchmarks/execution.py --peer              the reference beside it (benchmarks/.peer is made)
    python benchmarks/execution.py --peer-python /some/venv/bin/python

"per_quantum_ms" is wall time of `run_graph` by number of quanta; "steady" counts from the first reports on,
without the start of workers; "cpu" is processor time of all processes, which a busy machine changes less.
Results are checked: outputs are read back from the repository.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from peer import machine, peer_python, peer_versions

from pipetask import PipelineTask, PipelineTaskConfig, PipelineTaskConnections, Struct, connectionTypes
from pipetask.butler import Butler, DatasetType
from pipetask.execution.run_graph import run_graph
from pipetask.graph.builder import QuantumGraphBuilder
from pipetask.pipeline.pipeline import Pipeline


class TrivialConnections(PipelineTaskConnections, dimensions=("instrument", "detector")):
    number = connectionTypes.Input(
        doc="n", name="number", storageClass="StructuredDataDict", dimensions=("instrument", "detector")
    )
    square = connectionTypes.Output(
        doc="s", name="square", storageClass="StructuredDataDict", dimensions=("instrument", "detector")
    )


class TrivialConfig(PipelineTaskConfig, pipelineConnections=TrivialConnections):
    pass


class TrivialTask(PipelineTask):
    ConfigClass = TrivialConfig
    _DefaultName = "trivial"

    def run(self, number):
        return Struct(square={"n": number["n"] ** 2})


def make_repo(root: Path, n: int) -> Butler:
    butler = Butler.makeRepo(root)
    butler.registry.insert_dimension_records("instrument", [{"name": "Cam", "detector_max": n}])
    butler.registry.insert_dimension_records(
        "detector",
        {"instrument": ["Cam"] * n, "detector": np.arange(n), "full_name": [f"d{i}" for i in range(n)]},
    )
    number = DatasetType(
        "number", ["instrument", "detector"], "StructuredDataDict", universe=butler.dimensions
    )
    butler.register_dataset_type(number)
    butler.registry.collections.register("numbers")
    # All inputs share one file, as logs do: making the repository is not what is measured.
    columns = {"instrument": ["Cam"] * n, "detector": np.arange(n)}
    ids = butler.registry.insert_datasets(number, "numbers", columns)
    locations = []
    with butler.datastore.stores["file"].appender("numbers/numbers.jsons") as appender:
        for i in range(n):
            data, formatter = butler.datastore.serialize({"n": i}, "StructuredDataDict")
            record = appender.append(data, formatter=formatter, storage_class="StructuredDataDict")
            locations.append((ids[i].tobytes(), *record))
    butler.registry.insert_locations(locations)
    return butler


def measure(
    butler: Butler, n: int, processes: int, profile: str | None, executor: str = "local"
) -> dict[str, float]:
    pipeline = Pipeline.from_string(
        f"description: trivial\ntasks: {{trivial: {{class: {Path(__file__).stem}.TrivialTask}}}}"
    )
    run = f"out/{executor}/{processes}"
    graph = QuantumGraphBuilder(
        pipeline.to_graph(butler.dimensions), butler, input_collections=["numbers"], output_run=run
    ).build()
    first = []

    def note_first(tally: object) -> None:
        first.append((time.perf_counter(), tally.done))

    profiler = cProfile.Profile() if profile else None
    begin, begin_cpu = time.perf_counter(), time.process_time()
    if profiler:
        profiler.enable()
    how = {"processes": processes, "executor": executor}
    summary = run_graph(graph, butler, register_dataset_types=True, progress=note_first, **how)
    if profiler:
        profiler.disable()
        pstats.Stats(profiler, stream=sys.stderr).sort_stats(profile).print_stats(45)
    end, cpu = time.perf_counter(), time.process_time() - begin_cpu
    if processes > 1 or executor == "dask":
        cpu += sum(row.cpu_s for row in butler.registry.provenance.quanta(run))
    assert summary.exit_code == 0, summary
    refs = butler.query_datasets("square", run, limit=None)
    assert len(refs) == n
    for ref in refs[:: max(1, n // 50)]:
        assert butler.get(ref) == {"n": ref.dataId["detector"] ** 2}
    return {
        "per_quantum_ms": round((end - begin) / n * 1e3, 4),
        "steady_per_quantum_ms": round((end - first[0][0]) / max(1, n - first[0][1]) * 1e3, 4),
        "cpu_per_quantum_ms": round(cpu / n * 1e3, 4),
        "wall_s": round(end - begin, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quanta", type=int, default=2000)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--dask", type=int, nargs="*", default=[], help="workers of a local dask cluster")
    parser.add_argument("--peer", action="store_true", help="run the reference too")
    parser.add_argument("--peer-python", help="interpreter of an environment that has the reference")
    parser.add_argument("--peer-quanta", type=int, nargs=2, default=[20, 100], help="-j2 takes a fifth")
    parser.add_argument(
        "--profile", metavar="ORDER", help="print a profile of the coordinator, by this order"
    )
    args = parser.parse_args()
    result: dict[str, object] = {**machine(), "quanta": args.quanta}
    with tempfile.TemporaryDirectory() as folder:
        butler = make_repo(Path(folder) / "repo", args.quanta)
        for processes in args.processes:
            result[f"-j{processes}"] = measure(butler, args.quanta, processes, args.profile)
        for processes in args.dask:
            result[f"dask -j{processes}"] = measure(butler, args.quanta, processes, args.profile, "dask")
        butler.close()
    if args.peer_python:
        os.environ["PIPETASK_PEER_PYTHON"] = args.peer_python
    if args.peer or args.peer_python:
        script = Path(__file__).with_name("execution_peer.py")
        command = [peer_python(), script, *map(str, args.peer_quanta)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        result["reference"] = peer_versions() | json.loads(done.stdout.splitlines()[-1])
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    # Workers find the task by its module's name, but `registry` here is a benchmark.
    here = str(Path(__file__).parent)
    sys.path[:] = [*(path for path in sys.path if path != here), here]
    main()
