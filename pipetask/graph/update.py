"""A graph built anew with the identities of an older one: what both have keeps its id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipetask.errors import InconsistentGraphError
from pipetask.graph.codes import Codebook, Codebooks, Codes
from pipetask.graph.project import DataIds
from pipetask.graph.quantum_graph import QuantumGraph
from pipetask.graph.tables import QuantaColumns, Serials, TaskQuanta

if TYPE_CHECKING:
    from pipetask.butler import DimensionGroup

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Update:
    """A graph that was brought up to date.

    Parameters
    ----------
    graph
        The graph.
    kept, added, dropped
        How many quanta both graphs have, only the new one, only the old one.
    """

    graph: QuantumGraph
    kept: int
    added: int
    dropped: int


def updated(new: QuantumGraph, old: QuantumGraph) -> Update:
    """Give what two graphs have in common the ids of the older one.

    Parameters
    ----------
    new
        The graph of today; it has to go into the same run.
    old
        The graph as it was.

    Raises
    ------
    InconsistentGraphError
        If a task has another class or configuration.
    """
    check_tasks({task.label: (task.task_class_name, task.config) for task in new.tasks}, old)
    matcher = _Matcher(new, old)
    tasks = tuple(matcher.task(task) for task in new.tasks)
    datasets = {
        name: replace(table, serials=matcher.datasets(name, table.codes, table.serials))
        for name, table in new.datasets.items()
    }
    header = replace(new.header, id_base=old.header.id_base)
    graph = new.with_parts(header=header, tasks=tasks, datasets=datasets)
    kept = matcher.n_kept
    return Update(graph, kept, new.n_quanta - kept, old.n_quanta - kept)


def check_tasks(tasks: Mapping[str, tuple[str, str]], old: QuantumGraph) -> None:
    """Compare the classes and configurations of tasks, by label, with those of a graph to be updated.

    Raises
    ------
    InconsistentGraphError
        If a task has another one.
    """
    for was in old.tasks:
        now = tasks.get(was.label)
        if now is not None and now != (was.task_class_name, was.config):
            what = "class" if was.task_class_name != now[0] else "configuration"
            raise InconsistentGraphError(
                f"Task '{was.label}' has another {what} than in the graph to be updated. Name the pipeline "
                "and the overrides that this was built with, or build a new graph."
            )


class _Matcher:
    """Finds the rows of one graph in another."""

    def __init__(self, new: QuantumGraph, old: QuantumGraph) -> None:
        self._new = new
        self._old = old
        self._old_tasks = {task.label: task for task in old.tasks}
        self._books = Codebooks({d: Codebook(old.values[d]) for d in old.values})
        serials = chain(
            (task.columns.serials for task in old.tasks), (table.serials for table in old.datasets.values())
        )
        self._next = max((int(each.max()) + 1 for each in serials if each.size), default=0)
        self.n_kept = 0

    def task(self, task: TaskQuanta) -> TaskQuanta:
        """Give the quanta of a task their old ids, those without one new ones."""
        was = self._old_tasks.get(task.label)
        before = (was.dimensions, was.codes, was.columns.serials) if was else None
        serials, is_kept = self._serials(task.dimensions, task.codes, before)
        self.n_kept += int(np.count_nonzero(is_kept))
        return task.with_columns(QuantaColumns(task.codes, serials))

    def datasets(self, name: str, codes: Codes, serials: Serials) -> Serials:
        """Give datasets that are to be made their old ids; those that exist have theirs."""
        was = self._old.datasets.get(name)
        before = (was.dataset_type.dimensions, was.codes, was.serials) if was else None
        is_made = serials >= 0
        found = serials.copy()
        dimensions = self._new.datasets[name].dataset_type.dimensions
        found[is_made], _ = self._serials(dimensions, codes[is_made], before)
        return found

    def _serials(
        self, dimensions: DimensionGroup, codes: Codes, before: tuple[DimensionGroup, Codes, Serials] | None
    ) -> tuple[Serials, Mask]:
        """Find serials of old by codes of new; returns also which rows have an old one."""
        serials = np.full(len(codes), -1, np.int64)
        if before is not None and before[0] == dimensions:
            _, old_codes, old_serials = before
            is_made = old_serials >= 0
            there = DataIds(dimensions.required, old_codes[is_made])
            rows = there.find(self._translated(dimensions, codes), len(codes), self._books)
            serials[rows >= 0] = old_serials[is_made][rows[rows >= 0]]
        is_kept = serials >= 0
        n = int(np.count_nonzero(~is_kept))
        serials[~is_kept] = np.arange(self._next, self._next + n)
        self._next += n
        return serials, is_kept

    def _translated(self, dimensions: DimensionGroup, codes: Codes) -> Mapping[str, Codes]:
        """Express the codes of new in those of old, -1 for values that this lacks."""
        return {
            d: self._books[d].encode(self._new.values.get(d, []), add=False)[codes[:, k]]
            for k, d in enumerate(dimensions.required)
        }
