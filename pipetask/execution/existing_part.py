"""Inputs checked again before a quantum runs: what others were to make may not be there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from pipetask.butler import ArtifactRecord
from pipetask.errors import NoWorkFound
from pipetask.task.adjust import adjust, overrides_adjust_quantum
from pipetask.task.composites import are_made_of, existing
from pipetask.task.quantum import Quantum

if TYPE_CHECKING:
    from pipetask.task.connections import PipelineTaskConnections


def existing_part(
    unit: Quantum, records: Mapping[UUID, Sequence[ArtifactRecord]], connections: PipelineTaskConnections
) -> Quantum:
    """Take inputs without artifacts out of a quantum, and let ``adjustQuantum`` see what is left.

    Raises
    ------
    NoWorkFound
        If that is too little.
    """
    if not are_made_of(unit.outputs, records.keys()):
        raise NoWorkFound("A part of the composite to be made, which is never written, is not there.")
    there = {name: [existing(ref, records.keys()) for ref in refs] for name, refs in unit.inputs.items()}
    inputs = {name: [ref for ref in refs if ref is not None] for name, refs in there.items()}
    if inputs == unit.inputs and not overrides_adjust_quantum(connections):
        return unit
    inputs, outputs = adjust(connections, inputs, unit.outputs, unit.label, unit.dataId)
    return replace(unit, inputs=inputs, outputs=outputs)
