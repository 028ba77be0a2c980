"""How many data IDs each step of graph building kept for each task, which it dropped, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from pipetask.graph.codes import Codebooks
    from pipetask.graph.project import DataIds

JOINED: Final = "data IDs joined"
QUERIED: Final = "after the data query"
INPUTS: Final = "with existing inputs"
PREREQUISITES: Final = "with enough inputs and prerequisites"
ADJUSTED: Final = "after adjustQuantum"
TO_RUN: Final = "not skipped"

MAX_EXAMPLES: Final = 3
"""How many of the dropped data IDs each step shows."""

STEPS: Final = (JOINED, QUERIED, INPUTS, PREREQUISITES, ADJUSTED, TO_RUN)


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did for one task.

    Parameters
    ----------
    name
        Which step it was, one of `STEPS`.
    kept
        How many data IDs are left after it.
    dropped
        How many it dropped.
    examples
        A few of the dropped ones, with the reason where each has its own.
    """

    name: str
    kept: int
    dropped: int = 0
    examples: tuple[str, ...] = ()


@dataclass(slots=True)
class Funnel:
    """The steps of all tasks.

    Parameters
    ----------
    tasks
        What each step did, by label; a step that was not looked at is absent.
    causes
        Sentences that say why the graph, or a part of it, is empty; the first names the cause.
    """

    tasks: dict[str, list[Step]] = field(default_factory=dict)
    causes: list[str] = field(default_factory=list)

    def add(self, label: str, name: str, kept: int, dropped: int = 0, examples: tuple[str, ...] = ()) -> None:
        """Note what a step did for a task."""
        self.tasks.setdefault(label, []).append(Step(name, kept, dropped, examples))

    def add_difference(
        self, label: str, name: str, before: DataIds, after: DataIds, codebooks: Codebooks
    ) -> None:
        """Note what a step left of the data IDs before it, with examples of what it dropped."""
        dropped = np.flatnonzero(after.find(before.columns(), len(before), codebooks) < 0)
        examples = tuple(before.text(int(row), codebooks) for row in dropped[:MAX_EXAMPLES])
        self.add(label, name, len(after), int(dropped.size), examples)

    def kept(self, label: str, name: str) -> int | None:
        """Tell how many data IDs of a task a step left; `None` if it was not looked at."""
        return next((step.kept for step in self.tasks.get(label, ()) if step.name == name), None)

    def explain(self) -> str:
        """Tell the whole story as text: causes first, then the steps of each task."""
        lines = [*self.causes, *([""] if self.causes else [])]
        for label, steps in self.tasks.items():
            lines.append(label)
            for step in sorted(steps, key=lambda step: STEPS.index(step.name)):
                dropped = f"   (dropped {step.dropped:,})" if step.dropped else ""
                lines.append(f"  {step.kept:>12,}  {step.name}{dropped}")
                lines += [f"                - {example}" for example in step.examples]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Express it in plain lists and mappings."""
        return {
            "causes": self.causes,
            "tasks": {label: [asdict(step) for step in steps] for label, steps in self.tasks.items()},
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Funnel:
        """Make it from what `to_json` gave."""
        tasks = {
            label: [Step(**{**step, "examples": tuple(step["examples"])}) for step in steps]
            for label, steps in plain["tasks"].items()
        }
        return cls(tasks, list(plain["causes"]))
