"""A part of a graph that is run by itself: what its quanta read of the rest must have been made before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pipetask.errors import InputNotMadeError
from pipetask.graph.quantum_graph import QuantumGraph
from pipetask.graph.tables import (
    QUANTUM_INPUTS,
    QUANTUM_OUTPUTS,
    DatasetTable,
    Existing,
    Locations,
    location_table,
    uuid_of,
)

if TYPE_CHECKING:
    from pipetask.butler import Registry


def with_made_inputs(graph: QuantumGraph, registry: Registry) -> QuantumGraph:
    """Find, for a part of a graph, the inputs that quanta of the rest were to make.

    Raises
    ------
    InputNotMadeError
        If one is not there yet.
    """
    return graph.with_parts(datasets={name: _with_made(graph, name, registry) for name in graph.datasets})


def _with_made(graph: QuantumGraph, name: str, registry: Registry) -> DatasetTable:
    table = graph.datasets[name]
    is_read, is_made = np.zeros(len(table), bool), np.zeros(len(table), bool)
    for task in graph.tasks:
        for connection in task.connections:
            if connection.dataset_type == name and connection.kind in QUANTUM_INPUTS | QUANTUM_OUTPUTS:
                mask = is_read if connection.kind in QUANTUM_INPUTS else is_made
                mask[graph.edges[task.label, connection.name].indices] = True
    rows = np.flatnonzero(is_read & ~is_made & (table.serials >= 0))
    if not rows.size:
        return table
    base = graph.header.id_base
    ids = np.array(
        [list(uuid_of(base, serial).bytes) for serial in table.serials[rows].tolist()], np.uint8
    ).reshape(-1, 16)
    index, records = registry.location_columns(ids)
    index = np.asarray(index, np.int64)
    count = np.bincount(index, minlength=rows.size)
    if (count == 0).any():
        first = int(rows[np.flatnonzero(count == 0)[0]])
        data_id = graph.dataset_ref(name, first).dataId
        n = np.count_nonzero(count == 0)
        more = f" (and {n - 1:,} more)" if n > 1 else ""
        raise InputNotMadeError(
            f"These quanta read '{name}' {data_id}{more}, which another quantum of the graph makes and which "
            f"run '{graph.header.output_run}' does not hold. Run that quantum first, or name it too."
        )
    old = table.existing
    order = np.argsort(index, kind="stable")
    found = location_table([records[i] for i in order.tolist()])
    serials = table.serials.copy()
    serials[rows] = -1 - len(old) - np.arange(rows.size)
    existing = Existing(
        np.concatenate([old.ids, ids]),
        np.concatenate([old.run_index, np.full(rows.size, len(old.runs), np.int32)]),
        (*old.runs, graph.header.output_run),
        _appended(old, found, count),
    )
    return replace(table, serials=serials, existing=existing)


def _appended(old: Existing, found: Locations | object, count: np.ndarray) -> Locations:
    import pyarrow as pa

    before = old.locations
    indptr = np.zeros(len(old) + 1, np.int64) if before is None else before.indptr
    table = found if before is None else pa.concat_tables([before.table, found]).combine_chunks()
    return Locations(np.concatenate([indptr, indptr[-1] + np.cumsum(count)]), lambda: table)
