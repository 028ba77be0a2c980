"""A part of a quantum graph: some quanta, with all that these read and write, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from pipetask.graph.codes import Codebook, Codebooks
from pipetask.graph.compact import Compaction
from pipetask.graph.project import CSR, Pairs
from pipetask.graph.quantum_graph import QuantumGraph
from pipetask.graph.records import RecordsInUse, RecordTable
from pipetask.graph.tables import WITH_EDGES, QuantaColumns


def subset(graph: QuantumGraph, is_kept: npt.NDArray[np.bool_]) -> QuantumGraph:
    """Keep the quanta marked true in an array of shape (n_quanta,); see `QuantumGraph.subset`."""
    used = {name: np.zeros(len(table), bool) for name, table in graph.datasets.items()}
    for name, table in graph.datasets.items():
        if not table.codes.shape[1]:
            used[name][:] = True
    tasks, pairs = [], {}
    first = 0
    for task in graph.tasks:
        kept = np.flatnonzero(is_kept[task.first : task.first + task.count])
        new_row = np.full(task.count, -1, np.int32)
        new_row[kept] = np.arange(kept.size)
        for connection in task.connections:
            if connection.kind in WITH_EDGES:
                old = graph.edges[task.label, connection.name].pairs()
                old = old.where(new_row[old.left] >= 0)
                used[connection.dataset_type][old.right] = True
                pairs[task.label, connection.name] = connection.dataset_type, new_row, kept.size, old
        columns = QuantaColumns(task.codes[kept], task.columns.serials[kept])
        tasks.append(task.with_columns(columns, first=first))
        first += kept.size
    new_rows = {name: (np.cumsum(mask) - 1).astype(np.int32) for name, mask in used.items()}
    edges = {
        key: CSR.from_pairs(Pairs(new_row[old.left], new_rows[name][old.right]), count)
        for key, (name, new_row, count, old) in pairs.items()
    }
    datasets = {name: graph.datasets[name].take(np.flatnonzero(mask)) for name, mask in used.items()}
    header = replace(graph.header, temporary=frozenset())  # what quanta that are left out may read
    return _compacted(
        graph.with_parts(header=header, tasks=tuple(tasks), datasets=datasets, edges=edges, plan=None)
    )


def _compacted(graph: QuantumGraph) -> QuantumGraph:
    """Leave out values, and records of values, that no data ID of a graph has."""
    kinds = {name: table.dataset_type.dimensions.required for name, table in graph.datasets.items()}
    compaction = Compaction(
        Codebooks({d: Codebook(values) for d, values in graph.values.items()}),
        graph.implied,
        [(task.dimensions.required, task.codes) for task in graph.tasks]
        + [(kinds[name], table.codes) for name, table in graph.datasets.items()],
    )
    tasks = []
    for task in graph.tasks:
        codes = compaction.recode(task.dimensions.required, task.codes)
        tasks.append(task.with_columns(QuantaColumns(codes, task.columns.serials)))
    return graph.with_parts(
        tasks=tuple(tasks),
        datasets={
            name: replace(table, codes=compaction.recode(kinds[name], table.codes))
            for name, table in graph.datasets.items()
        },
        values=compaction.values,
        implied=compaction.implied,
        records={
            name: RecordTable(
                table.element,
                RecordsInUse(table.source, partial(compaction.recode, table.element.required)),
            )
            for name, table in graph.records.items()
            if compaction.values.keys() >= set(table.element.required)
        },
    )
