"""One dataset table per type, of the tables that several connections found in different ways."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipetask.graph.datasets import Datasets
from pipetask.graph.draft import DraftTask
from pipetask.graph.project import Pairs
from pipetask.graph.tables import DatasetTable, Existing


def merge_datasets(
    tasks: Sequence[DraftTask],
) -> tuple[dict[str, DatasetTable], dict[tuple[str, str], Pairs]]:
    """Bring the datasets of each type into one table.

    Returns
    -------
    tables
        The datasets by type.
    pairs
        For each (label, connection) the pairs of quanta that are kept and rows of these tables.
    """
    sources: dict[str, dict[int, Datasets]] = {}
    for task in tasks:
        for edges in task.edges.values():
            sources.setdefault(edges.connection.dataset_type, {})[id(edges.datasets)] = edges.datasets
    tables: dict[str, DatasetTable] = {}
    new_rows: dict[int, npt.NDArray[np.int64] | None] = {}
    for name, found in sources.items():
        tables[name], rows = union([datasets.table for datasets in found.values()])
        new_rows.update(zip(found, rows, strict=True))
    pairs = {}
    for task in tasks:
        for edges in task.edges.values():
            kept = edges.pairs.where(task.is_kept[edges.pairs.left])
            rows_here = new_rows[id(edges.datasets)]
            if rows_here is not None:
                n_rows = len(tables[edges.connection.dataset_type])
                kept = Pairs.distinct(kept.left, rows_here[kept.right], n_rows)
            pairs[task.node.label, edges.connection.name] = kept
    return tables, pairs


def union(
    tables: Sequence[DatasetTable],
) -> tuple[DatasetTable, list[npt.NDArray[np.int64] | None]]:
    """Make one table of several of one type whose datasets all exist, and tell the new row of each old one.

    A single table stays as it is, which `None` stands for.
    """
    if len(tables) == 1:
        return tables[0], [None]
    here = [table.existing.take(-1 - table.serials) for table in tables]
    ids = np.concatenate([existing.ids for existing in here])
    codes = np.concatenate([table.codes for table in tables])
    runs = tuple(dict.fromkeys(run for existing in here for run in existing.runs))
    position = {run: at for at, run in enumerate(runs)}
    run_index = np.concatenate(
        [np.array([position[run] for run in each.runs], np.int32)[each.run_index] for each in here]
    )
    _, first, inverse = np.unique(
        np.ascontiguousarray(ids).view("V16").ravel(), return_index=True, return_inverse=True
    )
    by_codes = np.lexsort(codes[first].T[::-1]) if codes.shape[1] else np.arange(first.size)
    row = np.empty(first.size, np.int64)
    row[by_codes] = np.arange(first.size)
    kept = first[by_codes]
    existing = Existing(ids[kept], run_index[kept], runs)
    table = DatasetTable(tables[0].dataset_type, codes[kept], -1 - np.arange(kept.size), existing)
    ends = np.cumsum([len(table) for table in tables])[:-1]
    return table, list(np.split(row[inverse.ravel()], ends))
