"""What a worker is told about a quantum: its number, where its inputs are, and what follows it there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from pipetask.butler import ArtifactRecord


@dataclass(frozen=True, slots=True)
class HandOver:
    """What becomes of the outputs of a quantum in a chain.

    Parameters
    ----------
    passed : `~collections.abc.Mapping` [ `uuid.UUID`, `int` ]
        Outputs that quanta of the same chain read: how many do.
    temporary : `frozenset` [ `uuid.UUID` ]
        Outputs that nobody needs after the run.
    unwritten : `frozenset` [ `uuid.UUID` ]
        Those of them that nobody outside the chain reads.
    saves_inputs : `bool`
        Whether what it was passed is written to files if it fails, since it will be tried again.
    is_first : `bool`
        Whether the chain begins with it.
    """

    passed: Mapping[UUID, int]
    temporary: frozenset[UUID]
    unwritten: frozenset[UUID]
    saves_inputs: bool
    is_first: bool


@dataclass(frozen=True, slots=True)
class QuantumWork:
    """One quantum to run: the `Work` of real executors.

    Parameters
    ----------
    quantum : `int`
        Its number in the graph.
    label : `str`
        Label of its task.
    made : `~collections.abc.Mapping` [ `uuid.UUID`, `~collections.abc.Sequence` [ `ArtifactRecord` ] ]
        Artifacts of the inputs that other quanta were to make. An input without any doesn't exist, unless a
        quantum before it in its chain makes it: there was no work for it, or only other outputs were made.
    is_alone : `bool`
        Whether nothing else may run beside it, because memory was too short for that.
    followers : `tuple` [ `QuantumWork` ]
        Quanta that the same worker runs next.
    needs : `frozenset` [ `int` ]
        Quanta of its chain without which it can't run.
    hand_over : `HandOver`, optional
        What becomes of its outputs, if it is in a chain or makes something temporary.
    """

    quantum: int
    label: str
    made: Mapping[UUID, Sequence[ArtifactRecord]]
    is_alone: bool = False
    followers: tuple[QuantumWork, ...] = ()
    needs: frozenset[int] = field(default=frozenset())
    hand_over: HandOver | None = None
