"""Why one unit of work is in a graph, or which step of the building dropped it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipetask.butler import DataCoordinate, DataIdError, suggest
from pipetask.errors import UnknownTaskError
from pipetask.graph import funnel as steps
from pipetask.graph.project import CSR

if TYPE_CHECKING:
    from pipetask.butler import DimensionUniverse, Registry
    from pipetask.graph.base_join import BaseJoin
    from pipetask.graph.codes import Codebooks
    from pipetask.graph.draft import DraftTask
    from pipetask.graph.plan import Plan
    from pipetask.pipeline.nodes import TaskNode
    from pipetask.pipeline.pipeline_graph import PipelineGraph


@dataclass(frozen=True, slots=True)
class Why:
    """The answer for one unit of work.

    Parameters
    ----------
    label
        The task.
    data_id
        Its data ID.
    step
        The step that dropped it, one of `funnel.STEPS`; empty if it is in the graph.
    reasons
        Why, in sentences; what it reads and makes, if it is in the graph.
    """

    label: str
    data_id: DataCoordinate
    step: str
    reasons: tuple[str, ...]

    @property
    def is_in(self) -> bool:
        """Whether the graph has it."""
        return not self.step

    def __str__(self) -> str:
        place = "is in the graph" if self.is_in else f"is not in the graph: it drops out at '{self.step}'"
        return "\n".join([f"{self.label} {self.data_id} {place}.", *(f"  {text}" for text in self.reasons)])


def node_of(pipeline: PipelineGraph, label: str) -> TaskNode:
    """Find a task by its label.

    Raises
    ------
    UnknownTaskError
        If there is none of that label.
    """
    if label not in pipeline.tasks:
        raise UnknownTaskError(f"The pipeline has no task '{label}'{suggest(label, pipeline.tasks)}")
    return pipeline.tasks[label]


def complete_data_id(registry: Registry, node: TaskNode, given: Mapping[str, Any]) -> DataCoordinate:
    """Make the data ID of a task; a governor dimension with one value only need not be given."""
    universe = node.dimensions.universe
    values = {name: _typed(universe, name, value) for name, value in given.items()}
    for name in node.dimensions.required:
        if name not in values and name in node.dimensions.governors:
            only = registry.element_columns(name, names=[name])[name]
            if len(only) == 1:
                values[name] = only[0]
    known = {name: universe[name].name for name in values if name in universe}
    if others := {name for name, real in known.items() if real not in node.dimensions.names}:
        raise DataIdError(
            f"Task '{node.label}' has no dimension {', '.join(sorted(others))}; it has "
            f"{', '.join(node.dimensions.names)}."
        )
    return DataCoordinate.standardize(values, dimensions=node.dimensions)


def _typed(universe: DimensionUniverse, name: str, value: Any) -> Any:
    """Make a number of a text where the dimension has numbers."""
    key = universe[name].key if name in universe else None
    is_number = isinstance(value, str) and re.fullmatch(r"-?\d+", value)
    return int(value) if is_number and key is not None and key.type == "int" else value


def why(
    task: DraftTask,
    data_id: DataCoordinate,
    base: BaseJoin,
    codebooks: Codebooks,
    pipeline: PipelineGraph,
    plan: Plan | None,
) -> Why:
    """Say what became of one data ID of a task.

    Parameters
    ----------
    task, data_id
        The unit of work.
    base
        The joins that the task's data IDs came from.
    codebooks, pipeline
        How values are encoded; who makes what.
    plan
        What was decided about earlier results, if that was asked.
    """
    label = task.node.label
    values = zip(task.data_ids.dimensions, data_id.values_tuple, strict=True)
    unit = {d: codebooks[d].encode([value]) for d, value in values}
    row = int(task.data_ids.find(unit, 1, codebooks)[0])
    if row < 0:
        step, reason = base.why_without(unit)
        return Why(label, data_id, step, (reason,))
    if task.is_kept[row]:
        return Why(label, data_id, "", tuple(_contents(task, row)))
    if task.is_skipped[row]:
        return Why(label, data_id, steps.TO_RUN, (_done(task, data_id, plan),))
    if row in task.lacking:
        return Why(label, data_id, steps.PREREQUISITES, (task.lacking[row],))
    if row in task.reasons:
        return Why(label, data_id, steps.ADJUSTED, (task.reasons[row],))
    return Why(label, data_id, steps.PREREQUISITES, tuple(_lacking(task, row, pipeline)))


def _contents(task: DraftTask, row: int) -> list[str]:
    verbs = {"input": "reads", "prerequisite": "needs", "output": "makes"}
    lines = []
    for edges in task.of_kind("input", "prerequisite", "output"):
        connection = edges.connection
        mine = CSR.from_pairs(edges.pairs, len(task.data_ids))[row]
        there = int(np.count_nonzero(edges.datasets.table.serials[mine] < 0))
        of_them = f", {there} of them there already" if connection.kind == "input" else ""
        lines.append(f"{verbs[connection.kind]} {mine.size} '{connection.dataset_type}'{of_them}")
    return lines


def _done(task: DraftTask, data_id: DataCoordinate, plan: Plan | None) -> str:
    """Say where the results of a quantum are that need not run."""
    wanted = dict(data_id.required)
    planned = plan.tasks.get(task.node.label, ()) if plan else ()
    run = next((quantum.run for quantum in planned if quantum.data_id == wanted and quantum.run), "")
    if run:
        return f"Its results are taken from run '{run}' (--reuse)."
    return f"It was done before: its '{task.node.metadata_dataset}' exists where done quanta are skipped."


def _lacking(task: DraftTask, row: int, pipeline: PipelineGraph) -> Sequence[str]:
    found = []
    for edges in task.of_kind("input"):
        edge = task.node.inputs[edges.connection.name]
        n = int(edges.count(len(task.data_ids))[row])
        if n >= edge.minimum:
            continue
        maker = pipeline.dataset_types[edge.dataset_type].producer
        whose = f" Task '{maker}' makes none for it: ask for --why {maker} …" if maker else ""
        found.append(f"It has {n} of at least {edge.minimum} '{edge.dataset_type}'.{whose}")
    found += [f"Its {text}." for text, lacks in task.incomplete if lacks[row]]
    return found
