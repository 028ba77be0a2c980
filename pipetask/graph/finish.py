"""The last step of graph building: drop what nobody needs, number the rest, find the artifacts of inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipetask.graph.codes import Codebooks
from pipetask.graph.compact import Compaction
from pipetask.graph.datasets import Datasets
from pipetask.graph.draft import DraftTask
from pipetask.graph.funnel import Funnel
from pipetask.graph.header import Header
from pipetask.graph.merge import merge_datasets
from pipetask.graph.project import CSR
from pipetask.graph.quantum_graph import QuantumGraph
from pipetask.graph.records import read_records
from pipetask.graph.tables import (
    QUANTUM_INPUTS,
    Connection,
    DatasetTable,
    Implied,
    Locations,
    QuantaColumns,
    Reused,
    TaskQuanta,
    location_table,
)

if TYPE_CHECKING:
    from pipetask.butler import Registry
    from pipetask.graph.plan import Plan


def finish(
    header: Header,
    tasks: Sequence[DraftTask],
    init: Mapping[str, Datasets],
    init_connections: Mapping[str, Sequence[Connection]],
    implied: Mapping[str, Implied],
    codebooks: Codebooks,
    funnel: Funnel,
    registry: Registry,
    reused: Reused,
    plan: Plan | None,
) -> QuantumGraph:
    """Make the graph of what is left of a draft.

    Parameters
    ----------
    header, funnel, reused, plan
        Go into the graph as they are.
    tasks
        The tasks, in topological order; those without quanta are left out.
    init
        Datasets without edges to single quanta, by dataset type.
    init_connections
        The connections by which tasks read and make these, by label.
    implied
        What dimension records say, by element.
    codebooks
        How values are encoded.
    registry
        To find the artifacts of inputs, and dimension records.
    """
    tasks = [task for task in tasks if task.is_kept.any()]
    tables, pairs = merge_datasets(tasks)
    used = {name: np.zeros(len(table), bool) for name, table in tables.items()}
    is_read = {name: np.zeros(len(table), bool) for name, table in tables.items()}
    for task in tasks:
        for edges in task.edges.values():
            rows = pairs[task.node.label, edges.connection.name].right
            used[edges.connection.dataset_type][rows] = True
            if edges.connection.kind in QUANTUM_INPUTS:
                is_read[edges.connection.dataset_type][rows] = True
    datasets = {
        name: _located(tables[name].take(np.flatnonzero(mask)), is_read[name][mask], registry)
        for name, mask in used.items()
    }
    for name, state in init.items():
        is_input = any(
            c.dataset_type == name for cs in init_connections.values() for c in cs if c.kind == "init_input"
        )
        datasets.setdefault(name, _located(state.table, np.array([is_input]), registry))

    compaction = Compaction(
        codebooks,
        implied,
        [(task.data_ids.dimensions, task.data_ids.codes[task.is_kept]) for task in tasks]
        + [(table.dataset_type.dimensions.required, table.codes) for table in datasets.values()],
    )
    datasets = {
        name: replace(table, codes=compaction.recode(table.dataset_type.dimensions.required, table.codes))
        for name, table in datasets.items()
    }
    new_rows = {name: _numbers(mask) for name, mask in used.items()}
    quanta, edges_of, first = [], {}, 0
    for task in tasks:
        node, number, count = task.node, _numbers(task.is_kept), int(np.count_nonzero(task.is_kept))
        for edges in task.edges.values():
            key = (node.label, edges.connection.name)
            renumbered = pairs[key].renumbered(number, new_rows[edges.connection.dataset_type])
            edges_of[key] = CSR.from_pairs(renumbered, count)
        codes = compaction.recode(task.data_ids.dimensions, task.data_ids.codes[task.is_kept])
        quanta.append(
            TaskQuanta(
                node.label,
                node.task_class_name,
                node.config.saveToString(),
                node.dimensions,
                (*(edges.connection for edges in task.edges.values()), *init_connections[node.label]),
                first,
                count,
                partial(QuantaColumns, codes, task.serials[task.is_kept]),
            )
        )
        first += count
    groups = {task.dimensions: None for task in quanta}
    groups.update({table.dataset_type.dimensions: None for table in datasets.values()})
    records = read_records(registry, codebooks, list(groups), compaction.values)
    return QuantumGraph(
        header,
        tuple(quanta),
        datasets,
        edges_of,
        compaction.values,
        compaction.implied,
        funnel,
        records,
        reused,
        plan,
    )


def _numbers(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """Number the rows that are kept, -1 for others."""
    return np.where(mask, np.cumsum(mask) - 1, -1).astype(np.int32)


def _located(table: DatasetTable, is_read: npt.NDArray[np.bool_], registry: Registry) -> DatasetTable:
    """Add where the artifacts of datasets are that exist and are read."""
    existing = table.existing
    if not len(existing) or not is_read.any():
        return table
    found, records = registry.location_columns(existing.ids)
    index = np.asarray(found, np.int64)
    order = np.argsort(index, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(index, minlength=len(existing)))])
    artifacts = location_table([records[i] for i in order.tolist()])
    locations = Locations(indptr, lambda: artifacts)
    return replace(table, existing=replace(existing, locations=locations))
