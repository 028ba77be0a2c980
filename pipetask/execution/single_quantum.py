"""Running one quantum, in a worker: inputs checked again, task made, outputs, log and metadata written."""

from __future__ import annotations

import logging
import os
import resource
import socket
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from pipetask.butler import ArtifactRecord, DatasetRef, LimitedButler, TaskMetadata
from pipetask.errors import AnnotatedPartialOutputsError, NoWorkFound, text_of
from pipetask.execution.existing_part import existing_part
from pipetask.execution.held_objects import HandingButler, HeldObjects
from pipetask.execution.loaded_task import LoadedTask, task_setups
from pipetask.execution.log_capture import LogCapture
from pipetask.execution.report import Failure, Report, Status
from pipetask.execution.work import QuantumWork
from pipetask.graph.kept_outputs import kept_outputs
from pipetask.graph.quantum_graph import QuantumGraph
from pipetask.task.composites import stored_inputs
from pipetask.task.context import ExecutionResources, QuantumContext
from pipetask.task.input_digests import artifact_digest, dataset_digest
from pipetask.task.quantum import Quantum, quantize_inputs, quantize_outputs

if TYPE_CHECKING:
    from pipetask.butler import LimitedButlerConfig
    from pipetask.execution.code_coverage import CoverageParts
    from pipetask.execution.executors.base import Work


@dataclass(frozen=True, slots=True)
class _Attempt:
    """How a task's own code went, and what it wants to tell."""

    status: Status
    metadata: TaskMetadata
    failure: Failure | None = None
    is_partial: bool = False


@dataclass(slots=True)
class QuantumRunner:
    """Runs quanta of one graph: the `Runner` of real executors.

    Parameters
    ----------
    butler : `LimitedButlerConfig`
        Where the files are.
    graph_path : `pathlib.Path`
        The saved graph: every worker makes its quanta from it, which spares the coordinator that work.
    init_records : `~collections.abc.Mapping`
        Artifacts of all init-inputs.
    resources : `ExecutionResources`, optional
        What each quantum may use.
    raise_on_partial_outputs : `bool`, optional
        Whether `AnnotatedPartialOutputsError` is a failure.
    debugger : `str`, optional
        Module whose ``post_mortem`` is called, in this process, when a task raises.
    coverage : `CoverageParts`, optional
        What of the executed code is to be measured, in workers: the command measures its own process.
    hold_bytes : `int`, optional
        How much may be held in memory for the quanta that follow in a chain.
    """

    butler: LimitedButlerConfig
    graph_path: Path
    init_records: Mapping[UUID, Sequence[ArtifactRecord]]
    resources: ExecutionResources = field(default_factory=ExecutionResources)
    raise_on_partial_outputs: bool = False
    debugger: str = ""
    coverage: CoverageParts | None = None
    hold_bytes: int = 0
    _graph: QuantumGraph | None = None
    _loaded: dict[str, LoadedTask] = field(default_factory=dict)
    _appenders: dict[str, Any] = field(default_factory=dict)  # by store; only the butler may name their type
    _log: LogCapture | None = None
    _host: str = field(default_factory=socket.gethostname)
    _held: HeldObjects = field(init=False)
    _covered: Any = None  # a `coverage.Coverage`, if there is that package

    def __post_init__(self) -> None:
        self._held = HeldObjects(self.hold_bytes)

    def open(self) -> None:
        """Open the graph, and listen to `logging`."""
        if self.coverage is not None:
            self._covered = self.coverage.begin()
        self._graph = QuantumGraph.load(self.graph_path)
        self._log = LogCapture()

    def run(self, work: Work) -> Report:
        """Run one quantum; whatever the task does becomes part of the report."""
        assert isinstance(work, QuantumWork)
        assert self._graph is not None
        assert self._log is not None
        begin_ns, begin_cpu, begin_count = time.time_ns(), time.process_time(), time.perf_counter_ns()
        _forget_peak_memory()
        unit = self._graph.quantum(work.quantum)
        records, butler = self._opened(work)
        log = self._log.start(work.label, unit.dataId)
        me = os.getpid()
        attempt = self._attempt(unit, records, butler)
        failed, metadata = attempt.status is Status.FAILED, attempt.metadata
        if os.getpid() != me:
            # The task forked, and the child came back here: it must not write where its parent writes.
            os._exit(0)
        if failed:
            log.append(_record_of(work.label, attempt.failure))
            butler.take_back()
        given = stored_inputs(unit)
        temporary = self._handed_over(work, given, butler, failed=failed)
        report = Report(
            work.quantum,
            attempt.status,
            begin_ns=begin_ns,
            end_ns=begin_ns + time.perf_counter_ns() - begin_count,  # the clock may have been set meanwhile
            cpu_s=round(time.process_time() - begin_cpu, 6),
            peak_memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            host=self._host,
            pid=os.getpid(),
            written=(written := dict(butler.written)),
            named=butler.named,
            read=_by_connection(given, butler.read_ids),
            failure=attempt.failure,
            code=self._loaded[work.label].code if not failed else "",
            inputs=self._input_digests(given, unit.initInputs, records),
            is_partial=attempt.is_partial,
            temporary=temporary,
        )
        metadata["quantum"] = _figures(report)
        try:
            if unit.log_ref is not None:
                written[unit.log_ref.id] = [self._append(butler, log, unit.log_ref)]
            if unit.metadata_ref is not None and report.ok:
                written[unit.metadata_ref.id] = [self._append(butler, metadata, unit.metadata_ref)]
        except Exception as error:  # the disk may be full
            butler.take_back()
            failure = Failure.from_exception(error)
            report = replace(
                report, status=Status.FAILED, written={}, named={}, temporary={}, failure=failure
            )
        return report

    def _opened(self, work: QuantumWork) -> tuple[dict[UUID, Sequence[ArtifactRecord]], LimitedButler]:
        """Return where the inputs are, as far as they exist, and what the task reads and writes with."""
        assert self._graph is not None
        found = {**self._graph.input_records(work.quantum), **work.made}
        kept = kept_outputs(self._graph, work.quantum)
        if work.hand_over is None:
            records = {id: artifacts for id, artifacts in found.items() if artifacts}
            return records, self.butler.open(records, kept)
        if work.hand_over.is_first:
            self._held.clear()
        found |= {id: artifacts for id, artifacts in self._held.records.items() if id in found}
        records = {id: artifacts for id, artifacts in found.items() if artifacts or id in self._held}
        return records, HandingButler(self.butler, records, self._held, work.hand_over, kept=kept)

    def _handed_over(
        self,
        work: QuantumWork,
        given: Mapping[str, Sequence[DatasetRef]],
        butler: LimitedButler,
        *,
        failed: bool,
    ) -> dict[UUID, list[ArtifactRecord]]:
        """Note what the rest of the chain will find, and return where temporary datasets are."""
        if work.hand_over is None or not isinstance(butler, HandingButler):
            return {}
        refs = [ref for refs in given.values() for ref in refs]
        if failed and work.hand_over.saves_inputs:
            butler.save_held()
        self._held.note_read({ref.id for ref in refs})
        for id in work.hand_over.passed:
            if artifacts := butler.written.get(id) or butler.temporary.get(id):
                self._held.records[id] = artifacts
        return dict(butler.temporary)

    def close(self) -> None:
        """Close the file of logs and metadata, and stop listening to `logging`."""
        if self._log is not None:
            self._log.close()
            self._log = None
        for appender in self._appenders.values():
            appender.close()
        self._appenders.clear()
        if self.coverage is not None and self._covered is not None:
            self.coverage.end(self._covered)

    def _attempt(
        self, unit: Quantum, records: Mapping[UUID, Sequence[ArtifactRecord]], butler: LimitedButler
    ) -> _Attempt:
        """Run the task."""
        metadata, is_partial = TaskMetadata(), False
        try:
            task = self._loaded_task(unit.label)
            unit = existing_part(unit, records, task.connections)
            made = task.make()
            try:
                made.runQuantum(
                    QuantumContext(butler, unit, task.connections, self.resources),
                    quantize_inputs(task.connections, unit),
                    quantize_outputs(task.connections, unit),
                )
            finally:
                metadata = made.getFullMetadata()
        except NoWorkFound as reason:
            logging.getLogger(unit.label).info("No work: %s", reason)
            return _Attempt(Status.NO_WORK, metadata, Failure(type(reason).__name__, text_of(reason)))
        except AnnotatedPartialOutputsError as reason:
            if self.raise_on_partial_outputs:
                return _Attempt(Status.FAILED, metadata, Failure.from_exception(reason))
            is_partial = True
            log = logging.getLogger(unit.label)
            log.warning("Only a part of the outputs of %s was made: %s", unit.dataId, reason)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if self.debugger:
                traceback.print_exception(error)
                import_module(self.debugger).post_mortem(error.__traceback__)
            return _Attempt(Status.FAILED, metadata, Failure.from_exception(error))
        return _Attempt(Status.SUCCEEDED, metadata, is_partial=is_partial)

    def _loaded_task(self, label: str) -> LoadedTask:
        if label not in self._loaded:
            assert self._graph is not None
            setup = task_setups(self._graph)[label]
            butler = self.butler.open(self.init_records)
            init_inputs = {name: butler.get(ref) for name, ref in setup.init_inputs.items()}
            self._loaded[label] = LoadedTask.load(label, setup, init_inputs)
        return self._loaded[label]

    def _input_digests(
        self,
        given: Mapping[str, Sequence[DatasetRef]],
        init_inputs: Mapping[str, DatasetRef],
        records: Mapping[UUID, Sequence[ArtifactRecord]],
    ) -> dict[str, str]:
        """Digest the inputs that were there, by connection, and the content of init-inputs."""
        there = {name: [ref.id.bytes for ref in refs if ref.id in records] for name, refs in given.items()}
        found = {name: dataset_digest(ids) for name, ids in there.items() if ids}
        for name, ref in init_inputs.items():
            found[name] = artifact_digest(r.checksum or r.path for r in self.init_records[ref.id])
        return found

    def _append(self, butler: LimitedButler, obj: object, ref: DatasetRef) -> ArtifactRecord:
        """Append a dataset to this writer's file."""
        datastore, storage_class = butler.datastore, ref.datasetType.storageClass
        store = datastore.store_of(ref.datasetType.name, storage_class)
        if store.name not in self._appenders:
            # The name is this writer's alone: a worker that was replaced leaves its file as it is.
            path = datastore.append_path(ref.run, f"{uuid4().hex}.jsons")
            self._appenders[store.name] = store.appender(path)
        data, formatter = datastore.serialize(obj, storage_class)
        return self._appenders[store.name].append(data, formatter=formatter, storage_class=storage_class)


def _record_of(label: str, failure: Failure | None) -> logging.LogRecord:
    """Make the last message of a failed quantum's log; the coordinator shows its own to the user."""
    return logging.LogRecord(label, logging.ERROR, "", 0, str(failure), None, None)


def _by_connection(given: Mapping[str, Sequence[DatasetRef]], ids: set[UUID]) -> dict[str, list[UUID]]:
    found = {name: [ref.id for ref in refs if ref.id in ids] for name, refs in given.items()}
    return {name: ids for name, ids in found.items() if ids}


def _figures(report: Report) -> dict[str, Any]:  # numbers and strings
    return {
        "status": str(report.status),
        "begin_ns": report.begin_ns,
        "end_ns": report.end_ns,
        "cpu_s": report.cpu_s,
        "peak_memory": report.peak_memory,
        "host": report.host,
        "pid": report.pid,
    }


def _forget_peak_memory() -> None:
    """Have the system measure the peak of this quantum, not of the process (Linux only)."""
    try:
        fd = os.open("/proc/self/clear_refs", os.O_WRONLY)
    except OSError:
        return
    os.write(fd, b"5")
    os.close(fd)
