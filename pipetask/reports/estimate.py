"""What a graph will take: wall time, processor time, memory and disk, from what earlier quanta took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipetask.reports.text import aligned, duration, size

if TYPE_CHECKING:
    from pipetask.butler import Butler
    from pipetask.graph.quantum_graph import QuantumGraph


@dataclass(frozen=True, slots=True)
class TaskEstimate:
    """What the quanta of one task will take.

    Parameters
    ----------
    label : `str`
        The task.
    n_quanta : `int`
        How many are to run.
    n_known : `int`
        How many have run before; with 0 all that follows is 0.
    wall_s, cpu_s : `float`
        Of all of them together [s].
    peak_memory : `int`
        Of the largest [byte].
    output_bytes : `float`
        Of all of them together [byte].
    """

    label: str
    n_quanta: int
    n_known: int
    wall_s: float
    cpu_s: float
    peak_memory: int
    output_bytes: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a graph will take.

    Parameters
    ----------
    tasks : `tuple` [`TaskEstimate`]
        In the order of the pipeline.
    longest_chain_s : `float`
        Wall time of the longest row of quanta that wait for each other [s]: no number of processes is faster.
    """

    tasks: tuple[TaskEstimate, ...]
    longest_chain_s: float

    def wall_s(self, processes: int) -> float:
        """Return the wall time with so many processes [s]."""
        return max(sum(task.wall_s for task in self.tasks) / processes, self.longest_chain_s)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Labels of the tasks of which nothing is known."""
        return tuple(task.label for task in self.tasks if task.n_quanta and not task.n_known)


def estimate(graph: QuantumGraph, butler: Butler) -> Estimate:
    """Estimate what a graph will take, from all quanta of its tasks that succeeded in a repository."""
    known = butler.registry.provenance.history({task.label: task.task_class_name for task in graph.tasks})
    tasks = []
    for task in graph.tasks:
        n, past = task.count, known.get(task.label)
        if past is None:
            tasks.append(TaskEstimate(task.label, n, 0, 0.0, 0.0, 0, 0.0))
        else:
            totals = n * past.wall_s, n * past.cpu_s, past.peak_memory, n * past.output_bytes
            tasks.append(TaskEstimate(task.label, n, past.n_quanta, *totals))
    each = [known[task.label].wall_s if task.label in known else 0.0 for task in graph.tasks]
    durations = np.repeat(each, [task.count for task in graph.tasks])
    return Estimate(tuple(tasks), _longest_chain(graph, durations))


def _longest_chain(graph: QuantumGraph, durations: npt.NDArray[np.float64]) -> float:
    """Return the largest sum of durations along the graph; tasks come in an order in which nothing waits."""
    successors = graph.successors()
    end = durations.copy()
    for task in graph.tasks:
        here = slice(task.first, task.first + task.count)
        begin, stop = successors.indptr[task.first], successors.indptr[task.first + task.count]
        count = np.diff(successors.indptr[task.first : task.first + task.count + 1])
        after = successors.indices[begin:stop]
        np.maximum.at(end, after, np.repeat(end[here], count) + durations[after])
    return float(end.max(initial=0.0))


def estimate_text(found: Estimate, processes: Sequence[int]) -> str:
    """Say what a graph will take: by task, in all, and the wall time for some numbers of processes."""
    rows = [["task", "quanta", "known", "wall each", "core-hours", "memory", "disk"]]
    for task in found.tasks:
        if task.n_known:
            each = duration(task.wall_s / max(task.n_quanta, 1))
            figures = [each, f"{task.cpu_s / 3600:.3g}", size(task.peak_memory), size(task.output_bytes)]
        else:
            figures = ["?"] * 4
        rows.append([task.label, str(task.n_quanta), str(task.n_known), *figures])
    rows.append(
        [
            "all",
            str(sum(task.n_quanta for task in found.tasks)),
            "",
            "",
            f"{sum(task.cpu_s for task in found.tasks) / 3600:.3g}",
            size(max((task.peak_memory for task in found.tasks), default=0)),
            size(sum(task.output_bytes for task in found.tasks)),
        ]
    )
    lines = aligned(rows)
    walls = ", ".join(f"{duration(found.wall_s(n))} with -j {n}" for n in processes)
    lines += ["", f"Wall time: {walls}; never less than {duration(found.longest_chain_s)}."]
    if found.unknown:
        lines.append(f"Nothing is known of {', '.join(found.unknown)}: run a few of their quanta first.")
    return "\n".join(lines)
