"""From reports to registry rows, in columns: datasets, locations, quanta, and what these read."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from pipetask.execution.report import Failure, Report, Status
from pipetask.graph.codes import spread
from pipetask.graph.tables import QUANTUM_OUTPUTS, DatasetTable, TaskQuanta
from pipetask.task.code_version import source_digest

if TYPE_CHECKING:
    from pipetask.butler import ArtifactRecord, Butler
    from pipetask.graph.quantum_graph import QuantumGraph

Ids = npt.NDArray[np.uint8]

_AT_ONCE = 10_000  # quanta never begun that are stored in one transaction: bounds memory


def commit(butler: Butler, graph: QuantumGraph, reports: Sequence[Report]) -> None:
    """Store all that reports say in one transaction, durable when this returns.

    Reports that were stored before change nothing.
    """
    batch = _Batch(graph)
    for task, group in _by_task(graph, reports):
        batch.add(task, group)
    _store(butler, graph, batch)


def commit_unrun(
    butler: Butler, graph: QuantumGraph, quanta: Sequence[int], status: Status, reasons: Mapping[int, Failure]
) -> None:
    """Store quanta that were never begun, with the time of now."""
    now = time.time_ns()
    for first in range(0, len(quanta), _AT_ONCE):
        part = quanta[first : first + _AT_ONCE]
        commit(
            butler,
            graph,
            [Report(i, status, begin_ns=now, end_ns=now, failure=reasons.get(i), attempts=0) for i in part],
        )


def data_id_texts(graph: QuantumGraph, task: TaskQuanta, rows: npt.NDArray[np.int64]) -> list[str]:
    """Make the data IDs of quanta of a task as JSON objects of the required dimensions."""
    names = task.dimensions.required
    values = [_values(graph, d, task.codes[rows, k]) for k, d in enumerate(names)]
    if not names:
        return ["{}"] * len(rows)
    return [json.dumps(dict(zip(names, row, strict=True))) for row in zip(*values, strict=True)]


def _by_task(graph: QuantumGraph, reports: Iterable[Report]) -> Iterable[tuple[TaskQuanta, list[Report]]]:
    groups: dict[str, list[Report]] = defaultdict(list)
    for report in reports:
        groups[graph.label_of(report.quantum)].append(report)
    return [(task, groups[task.label]) for task in graph.tasks if task.label in groups]


def _store(butler: Butler, graph: QuantumGraph, batch: _Batch) -> None:
    registry = butler.registry
    with registry.transaction(durable=True):
        registry.provenance.insert_quanta(batch.quanta)
        registry.provenance.insert_versions(batch.versions)
        butler.record(graph.header.output_run, batch.datasets, batch.locations)
        registry.provenance.insert_quantum_inputs(batch.inputs)
        registry.insert_named_inputs(batch.named)
        if batch.temporary:
            registry.provenance.insert_temporary(batch.temporary)
        if batch.replaced:
            registry.provenance.set_producers(batch.replaced)


class _Batch:
    """Rows of some reports, in the form in which the butler takes them.

    Attributes
    ----------
    quanta, versions, locations, inputs : `list` [`tuple`]
        Rows of these tables.
    datasets : `dict`
        Columns of data IDs, ids and ids of the producing quanta, by dataset type.
    named : `dict`
        By id of a dataset, what it says that it was made from.
    replaced : `list` [`tuple`]
        Datasets that existed before, and the quanta that made them anew.
    temporary : `list` [`tuple`]
        Datasets that are not kept, their types, and the quanta that made them.
    """

    def __init__(self, graph: QuantumGraph) -> None:
        self._graph = graph
        self.quanta: list[tuple[Any, ...]] = []
        self.versions: list[tuple[bytes, str, str, str, int]] = []
        self.datasets: dict[Any, tuple[dict[str, list[Any]], Ids, Ids]] = {}
        self.locations: list[tuple[Any, ...]] = []
        self.inputs: list[tuple[bytes, bytes, str]] = []
        self.named: dict[UUID, Sequence[Mapping[str, Any]]] = {}
        self.replaced: list[tuple[UUID, UUID]] = []
        self.temporary: list[tuple[bytes, str, bytes]] = []

    def add(self, task: TaskQuanta, reports: Sequence[Report]) -> None:
        rows = np.array([report.quantum for report in reports]) - task.first
        quantum_ids = _new_ids(self._graph, task.columns.serials[rows])
        run = self._graph.header.output_run
        config = source_digest(task.config)
        for id, report, data_id in zip(
            _as_bytes(quantum_ids), reports, data_id_texts(self._graph, task, rows), strict=True
        ):
            self.quanta.append((id, run, task.label, task.task_class_name, data_id, *_quantum_fields(report)))
            if report.can_be_reused:
                inputs = json.dumps(report.inputs, sort_keys=True)
                n_outputs = len(report.written) + len(report.temporary)
                self.versions.append((id, report.code, config, inputs, n_outputs))
            self.named.update(report.named)
            self.inputs += [(id, read.bytes, name) for name, ids in report.read.items() for read in ids]
        written = {id.bytes: records for report in reports for id, records in report.written.items()}
        if not written:
            return
        temporary = {id.bytes for report in reports if report.ok for id in report.temporary}
        for connection in task.connections:
            if connection.kind in QUANTUM_OUTPUTS:
                csr = self._graph.edges[task.label, connection.name]
                count = csr.indptr[rows + 1] - csr.indptr[rows]
                made = csr.indices[spread(csr.indptr[rows], count)]
                makers = np.repeat(quantum_ids, count, axis=0)
                table = self._graph.datasets[connection.dataset_type]
                if connection.is_part:
                    made, makers = self._once(table, made, makers)
                self._add_datasets(table, made, makers, written)
                if connection.dataset_type in self._graph.header.temporary:
                    self._add_temporary(table, made, makers, temporary)

    def _once(
        self, table: DatasetTable, rows: npt.NDArray[np.int32], makers: Ids
    ) -> tuple[npt.NDArray[np.int32], Ids]:
        """List parts that several quanta offered once, and leave out those that another run holds."""
        rows, first = np.unique(rows, return_index=True)
        runs = np.array([*table.existing.runs, self._graph.header.output_run])
        run_index = np.append(table.existing.run_index, len(runs) - 1)  # the last is of what is new
        position = np.where(table.serials[rows] < 0, -1 - table.serials[rows], -1)
        is_ours = runs[run_index[position]] == self._graph.header.output_run
        return rows[is_ours], makers[first[is_ours]]

    def _add_datasets(
        self,
        table: DatasetTable,
        rows: npt.NDArray[np.int32],
        quantum_ids: Ids,
        written: Mapping[bytes, Sequence[ArtifactRecord]],
    ) -> None:
        ids = dataset_ids(self._graph, table, rows)
        id_bytes = _as_bytes(ids)
        is_written = np.fromiter((id in written for id in id_bytes), bool, len(id_bytes))
        for id in id_bytes:
            self.locations += [(id, *record) for record in written.get(id, ())]
        names = table.dataset_type.dimensions.required
        codes = table.codes[rows[is_written]]
        columns = {d: _values(self._graph, d, codes[:, k]) for k, d in enumerate(names)}
        self.datasets[table.dataset_type] = columns, ids[is_written], quantum_ids[is_written]
        is_replaced = is_written & (table.serials[rows] < 0)
        pairs = zip(_as_bytes(ids[is_replaced]), _as_bytes(quantum_ids[is_replaced]), strict=True)
        self.replaced += [(UUID(bytes=dataset), UUID(bytes=quantum)) for dataset, quantum in pairs]

    def _add_temporary(
        self, table: DatasetTable, rows: npt.NDArray[np.int32], quantum_ids: Ids, temporary: set[bytes]
    ) -> None:
        ids = _as_bytes(dataset_ids(self._graph, table, rows))
        pairs = zip(ids, _as_bytes(quantum_ids), strict=True)
        name = table.dataset_type.name
        self.temporary += [(id, name, maker) for id, maker in pairs if id in temporary]


def dataset_ids(graph: QuantumGraph, table: DatasetTable, rows: npt.NDArray[np.integer[Any]]) -> Ids:
    """Return the ids of datasets, shape (n, 16), given their rows in a table of the graph."""
    serials = table.serials[rows]
    ids = _new_ids(graph, np.maximum(serials, 0))
    is_existing = serials < 0
    if is_existing.any():
        ids[is_existing] = table.existing.ids[-1 - serials[is_existing]]
    return ids


def quantum_ids(graph: QuantumGraph, task: TaskQuanta) -> list[bytes]:
    """Return the ids of the quanta of a task."""
    return _as_bytes(_new_ids(graph, task.columns.serials))


def _new_ids(graph: QuantumGraph, serials: npt.NDArray[np.int64]) -> Ids:
    """Return the ids of what the graph makes: its base, whose low bits are free for a counter, plus that."""
    high, low = divmod(graph.header.id_base, 2**64)
    words = np.empty((len(serials), 2), dtype=">u8")
    words[:, 0] = high
    words[:, 1] = serials.astype(np.uint64) + np.uint64(low)
    return words.view(np.uint8)


def _as_bytes(ids: Ids) -> list[bytes]:
    found: list[bytes] = np.ascontiguousarray(ids).view("V16").ravel().tolist()
    return found


def _values(graph: QuantumGraph, dimension: str, codes: npt.NDArray[np.int32]) -> list[Any]:
    values = graph.values[dimension]
    return [values[code] for code in codes.tolist()]


def _quantum_fields(report: Report) -> tuple[Any, ...]:
    failure = report.failure
    exception = failure and json.dumps(asdict(failure))
    return (
        str(report.status),
        report.host,
        report.pid,
        report.begin_ns,
        report.end_ns,
        report.cpu_s,
        report.peak_memory,
        exception,
        report.attempts,
    )
