"""The plan of a graph for people and programs: what is new, what is used again, what runs again and why."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from pipetask.graph.plan import Plan, PlannedQuantum, State
from pipetask.reports.text import aligned

if TYPE_CHECKING:
    from pipetask.graph.quantum_graph import QuantumGraph

MOST_CAUSES = 10
"""Different causes that the text shows for a task; JSON has all."""


def plan_text(graph: QuantumGraph) -> str:
    """Tell, for each task, how many quanta there are of each kind, and the causes of those that run again."""
    plan = _plan_of(graph)
    rows = [["task", *map(str, State)]]
    rows += [[label, *(f"{plan.count(label, state):,}" for state in State)] for label in plan.tasks]
    lines = aligned(rows)
    for label, quanta in plan.tasks.items():
        causes = Counter(cause for quantum in quanta for cause in quantum.causes)
        if causes:
            lines += ["", f"{label}: why earlier results don't hold"]
        for cause, n in sorted(causes.items(), key=lambda item: (-item[1], item[0]))[:MOST_CAUSES]:
            example = next(quantum for quantum in quanta if cause in quantum.causes)
            lines.append(f"  {n:>8,}  {cause}   (such as {_data_id(example)})")
        if len(causes) > MOST_CAUSES:
            lines.append(f"            and {len(causes) - MOST_CAUSES:,} other causes: --format json")
    return "\n".join(lines)


def plan_json(graph: QuantumGraph) -> str:
    """List every quantum with its state, and the causes, as JSON."""
    return json.dumps(_plan_of(graph).to_json(), indent=1)


def _plan_of(graph: QuantumGraph) -> Plan:
    """Return a graph's plan; without one, all its quanta are new."""
    if graph.plan is not None:
        return graph.plan
    plan = Plan()
    for task in graph.tasks:
        names = task.dimensions.required
        rows = [
            {d: graph.values[d][code] for d, code in zip(names, codes, strict=True)}
            for codes in task.codes.tolist()
        ]
        plan.tasks[task.label] = [PlannedQuantum(row, State.NEW) for row in rows]
    return plan


def _data_id(quantum: PlannedQuantum) -> str:
    return f"{{{', '.join(f'{d}: {value!r}' for d, value in quantum.data_id.items())}}}"
