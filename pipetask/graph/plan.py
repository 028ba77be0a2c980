"""What a graph will do and why: which quanta are new, which results are used again, which no longer hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypeAlias

CauseKind: TypeAlias = Literal["code", "config", "input", "calibration", "upstream", "output"]


class State(StrEnum):
    """What becomes of a quantum."""

    NEW = "new"
    """It was never done in the collections that were searched."""
    REUSED = "reused"
    """An earlier one had the same code, configuration and inputs: its outputs are taken."""
    INVALID = "invalid"
    """There is an earlier one, but something that its outputs depend on has changed: it runs again."""


@dataclass(frozen=True, slots=True, order=True)
class Cause:
    """Why the results of an earlier quantum don't hold.

    Parameters
    ----------
    kind
        ``code``, ``config``, ``input``, ``calibration``, ``upstream`` (an input will be made anew) or
        ``output`` (something that it made is gone).
    text
        What exactly: the field of the configuration with its old and new value, the connection.
    """

    kind: CauseKind
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


@dataclass(frozen=True, slots=True)
class PlannedQuantum:
    """One quantum: its data ID (values of the required dimensions), what becomes of it, why, and from where.

    Parameters
    ----------
    data_id
        Values of the required dimensions.
    state
        What becomes of it.
    causes
        Why not reused, of one that is invalid.
    run
        The run whose results are taken, or are nearest to be; empty if there is none.
    """

    data_id: dict[str, Any]  # strings and integers
    state: State
    causes: tuple[Cause, ...] = ()
    run: str = ""


@dataclass(slots=True)
class Plan:
    """What becomes of all quanta, by label of their task."""

    tasks: dict[str, list[PlannedQuantum]] = field(default_factory=dict)

    def count(self, label: str, state: State) -> int:
        """Count the quanta of a task in some state."""
        return sum(quantum.state is state for quantum in self.tasks.get(label, ()))

    def n_reused(self) -> dict[str, int]:
        """Count the quanta whose results are taken, by label; tasks without any are left out."""
        counts = {label: self.count(label, State.REUSED) for label in self.tasks}
        return {label: count for label, count in counts.items() if count}

    def to_json(self) -> list[dict[str, Any]]:
        """List all quanta in plain values."""
        return [
            {
                "task": label,
                "data_id": quantum.data_id,
                "state": str(quantum.state),
                "run": quantum.run,
                "causes": [{"kind": cause.kind, "text": cause.text} for cause in quantum.causes],
            }
            for label, quanta in self.tasks.items()
            for quantum in quanta
        ]
