"""How much memory and time does the coordinator of a run take by itself? Quanta are not run; prints JSON.

    python benchmarks/coordinator.py --quanta 1000000

Two tasks, the second reads what the first makes. A simulated executor answers for workers with the reports
that these would send; walker, journal, registry and graph are the real ones, in a process of their own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

from execution import TrivialConnections, TrivialTask, make_repo
from peer import machine

from pipetask import PipelineTaskConfig, connectionTypes
from pipetask.butler import ArtifactRecord, Butler
from pipetask.execution import init_run
from pipetask.execution.coordinator import Coordinator
from pipetask.execution.executors.base import Executor, Work, numbers
from pipetask.execution.journal import Journal
from pipetask.execution.report import Report, Status
from pipetask.execution.stored_reports import RegistryReports
from pipetask.graph.builder import QuantumGraphBuilder
from pipetask.graph.quantum_graph import QuantumGraph
from pipetask.pipeline.pipeline import Pipeline

CAPACITY = 1000


class SecondConnections(TrivialConnections, dimensions=("instrument", "detector")):
    number = connectionTypes.Input(
        doc="n", name="square", storageClass="StructuredDataDict", dimensions=("instrument", "detector")
    )
    square = connectionTypes.Output(
        doc="s", name="fourth", storageClass="StructuredDataDict", dimensions=("instrument", "detector")
    )


class SecondConfig(PipelineTaskConfig, pipelineConnections=SecondConnections):
    pass


class SecondTask(TrivialTask):
    ConfigClass = SecondConfig


class SimulatedExecutor(Executor):
    """Answers at once, as if all went well."""

    def __init__(self, graph: QuantumGraph) -> None:
        self._graph = graph
        self._queue: deque[Work] = deque()
        self.own_s = 0.0

    @property
    def capacity(self) -> int:
        return CAPACITY - len(self._queue)

    def submit(self, batch: Sequence[Work]) -> None:
        self._queue.extend(batch)

    def collect(self, timeout_s: float) -> list[Report]:
        begin = time.process_time()
        reports = [self._report(self._queue.popleft().quantum) for _ in range(min(100, len(self._queue)))]
        self.own_s += time.process_time() - begin
        return reports

    def _report(self, number: int) -> Report:
        quantum = self._graph.quantum(number)
        made = [ref for refs in quantum.outputs.values() for ref in refs]
        made += [ref for ref in (quantum.log_ref, quantum.metadata_ref) if ref is not None]
        now = time.time_ns()
        return Report(
            number,
            Status.SUCCEEDED,
            begin_ns=now,
            end_ns=now,
            cpu_s=0.001,
            peak_memory=2**27,
            host="simulated",
            pid=1,
            written={ref.id: [_record(str(ref.id), ref.datasetType.storageClass)] for ref in made},
            read={name: [ref.id for ref in refs] for name, refs in quantum.inputs.items()},
            code="0" * 32,
            inputs=dict.fromkeys(quantum.inputs, "0" * 32),
        )

    def cancel(self) -> list[int]:
        forgotten = numbers(self._queue)
        self._queue.clear()
        return forgotten

    def close(self) -> None:
        self._queue.clear()


class NoFiles:
    """Nothing was written, so there is nothing to sync."""

    def sync(self, records: Iterable[ArtifactRecord]) -> None:
        deque(records, maxlen=0)

    def remove(self, records: Iterable[ArtifactRecord]) -> None:
        deque(records, maxlen=0)


def _record(name: str, storage_class: str) -> ArtifactRecord:
    return ArtifactRecord("", "file", f"simulated/{name}", 0, 100, "0" * 64, "sha256", "json", storage_class)


def coordinate(root: str, file: str) -> dict[str, float]:
    graph = QuantumGraph.load(Path(file))
    with Butler.from_config(root, writeable=True) as butler, Journal(Path(root) / "journal") as journal:
        init_run.register_dataset_types(graph, butler)
        init_run.define_collections(graph, butler)
        executor = SimulatedExecutor(graph)
        begin = time.process_time()
        stored = RegistryReports(graph, butler, journal)
        summary = Coordinator(graph, executor, NoFiles(), journal, stored).run()
        cpu_s = time.process_time() - begin - executor.own_s
        assert summary.exit_code == 0, summary
        assert summary.total(Status.SUCCEEDED) == len(graph)
    return {
        "quanta": len(graph),
        "peak_memory_MiB": peak_memory_mib(),
        "cpu_per_quantum_ms": round(cpu_s / len(graph) * 1e3, 4),
    }


def peak_memory_mib() -> int:
    """Return the peak of this program. What `resource` tells begins with that of the process it came from."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return round(int(status.partition("VmHWM:")[2].split()[0]) / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quanta", type=int, default=20_000)
    parser.add_argument("--coordinate", nargs=2, metavar=("REPO", "GRAPH"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.coordinate:
        print(json.dumps(coordinate(*args.coordinate)))
        return
    with tempfile.TemporaryDirectory() as folder:
        root, file = Path(folder) / "repo", Path(folder) / "graph.qg"
        with make_repo(root, args.quanta // 2) as butler:
            pipeline = Pipeline.from_string(
                "description: two\ntasks:\n"
                "  first: {class: execution.TrivialTask}\n  second: {class: coordinator.SecondTask}\n"
            ).to_graph(butler.dimensions)
            inputs = {"input_collections": ["numbers"], "output_run": "out"}
            QuantumGraphBuilder(pipeline, butler, **inputs).build().save(file)
        command = [sys.executable, __file__, "--coordinate", str(root), str(file)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    print(json.dumps({**machine(), "coordinator": json.loads(done.stdout)}, indent=1))


if __name__ == "__main__":
    # The folder goes last: `registry` there is a benchmark.
    here = str(Path(__file__).parent)
    sys.path[:] = [*(path for path in sys.path if path != here), here]
    main()
