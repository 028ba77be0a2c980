"""Calling ``adjustQuantum`` in either of its forms, and the rules on the number of datasets."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any

from pipetask.butler import DataCoordinate, DatasetRef, suggest
from pipetask.errors import InvalidQuantumError, MissingPrerequisiteError, NoWorkFound, described
from pipetask.task.connection_types import BaseInput, PrerequisiteInput
from pipetask.task.connections import PipelineTaskConnections
from pipetask.task.quantum import (
    DeferredDatasetRef,
    InputQuantizedConnection,
    QuantizedConnection,
    as_declared,
    quantized_inputs,
    too_many,
)

Refs = dict[str, list[DatasetRef]]


def overrides_adjust_quantum(connections: PipelineTaskConnections) -> bool:
    """Whether the class of ``connections`` has an ``adjustQuantum`` of its own."""
    return type(connections).adjustQuantum is not PipelineTaskConnections.adjustQuantum


def adjust(
    connections: PipelineTaskConnections, inputs: Refs, outputs: Refs, label: str, data_id: DataCoordinate
) -> tuple[Refs, Refs]:
    """Let ``adjustQuantum`` change a quantum, then apply the rules on the number of datasets.

    Parameters
    ----------
    connections : `PipelineTaskConnections`
        The task's configured connections.
    inputs, outputs : `dict` [ `str`, `list` [ `DatasetRef` ] ]
        Datasets by connection name (prerequisites among the inputs). Not modified.
    label : `str`
        The task's label.
    data_id : `DataCoordinate`
        The quantum's data ID.

    Returns
    -------
    inputs, outputs : `dict` [ `str`, `list` [ `DatasetRef` ] ]
        What is left; never a dataset that was not there before.

    Raises
    ------
    NoWorkFound
        If the hook says so, or an `Input` has fewer datasets than its ``minimum``: the quantum is dropped.
    MissingPrerequisiteError
        If a `PrerequisiteInput` has fewer datasets than its ``minimum``.
    ScalarError
        If a connection that takes one dataset has several.
    InvalidQuantumError
        If the hook fails or returns something else than its form asks for.
    """
    if overrides_adjust_quantum(connections):
        try:
            inputs, outputs = call_hook(connections, inputs, outputs, label, data_id)
        except InvalidQuantumError as err:
            raise InvalidQuantumError(f"Task {label!r}, {data_id}: adjustQuantum {err}") from err
        except Exception as err:
            raise InvalidQuantumError(
                f"Task {label!r}, {data_id}: adjustQuantum failed: {described(err)}"
            ) from err
    check_counts(connections, inputs, outputs, label, data_id)
    return inputs, outputs


def check_counts(
    connections: PipelineTaskConnections,
    inputs: Mapping[str, Collection[DatasetRef]],
    outputs: Mapping[str, Collection[DatasetRef]],
    label: str,
    data_id: DataCoordinate,
) -> None:
    """Apply ``minimum`` and the single-dataset rule to one quantum; raises as `adjust`."""
    for name in (*connections.inputs, *connections.prerequisiteInputs):
        connection: Any = connections.allConnections[name]  # an Input or a PrerequisiteInput
        found = len(inputs.get(name, ()))
        if found < connection.minimum:
            raise _too_few(connection, name, found, label, data_id)
        if found > 1 and not connection.multiple:
            raise too_many(label, name, connection, found)
    for name in connections.outputs:
        found = len(outputs.get(name, ()))
        if found > 1 and not connections.allConnections[name].multiple:
            raise too_many(label, name, connections.allConnections[name], found)


def _too_few(
    connection: BaseInput, name: str, found: int, label: str, data_id: DataCoordinate
) -> BaseException:
    message = (
        f"Task {label!r}, {data_id}: connection {name!r} needs at least {connection.minimum} "
        f"{connection.name!r}, found {found}"
    )
    return (
        MissingPrerequisiteError(message)
        if isinstance(connection, PrerequisiteInput)
        else NoWorkFound(message)
    )


def call_hook(
    connections: PipelineTaskConnections, inputs: Refs, outputs: Refs, label: str, data_id: DataCoordinate
) -> tuple[Refs, Refs]:
    """Call ``adjustQuantum`` in its form; return all datasets by connection name, the unchanged ones too."""
    if _takes_one_argument(type(connections).adjustQuantum):
        given = quantized_inputs(connections, inputs, label)
        returned = connections.adjustQuantum(given)
        if not isinstance(returned, InputQuantizedConnection):
            raise InvalidQuantumError(
                f"returned {returned!r} instead of the InputQuantizedConnection that it was given"
            )
        return _only_known(inputs, {name: _listed(returned, name) for name in inputs}), outputs
    given_inputs, given_outputs = (
        {
            name: (
                connections.allConnections[name],
                tuple(as_declared(connections.allConnections[name], refs)),
            )
            for name, refs in group.items()
        }
        for group in (inputs, outputs)
    )
    returned = connections.adjustQuantum(given_inputs, given_outputs, label, data_id)
    if not (isinstance(returned, tuple) and len(returned) == 2):
        raise InvalidQuantumError(
            f"returned {returned!r} instead of two mappings: changed inputs, changed outputs"
        )
    changed_inputs, changed_outputs = returned
    return _with_changes(inputs, changed_inputs), _with_changes(outputs, changed_outputs)


@cache
def _takes_one_argument(hook: Any) -> bool:
    """Whether ``adjustQuantum`` has the guide's form: one argument besides ``self``."""
    parameters = inspect.signature(hook).parameters.values()
    required = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(required) == 2 and not any(p.kind is p.VAR_POSITIONAL for p in parameters)


def _listed(quantized: QuantizedConnection, name: str) -> list[Any]:
    refs = getattr(quantized, name, None)
    if refs is None:
        return []
    return list(refs) if isinstance(refs, Iterable) else [refs]


def _with_changes(before: Refs, changes: Mapping[str, tuple[Any, Iterable[Any]]]) -> Refs:
    for name in changes:
        if name not in before:
            raise InvalidQuantumError(f"returned the unknown connection {name!r}{suggest(name, before)}")
    return before | _only_known(before, {name: list(refs) for name, (_, refs) in changes.items()})


def _only_known(before: Refs, after: Mapping[str, list[Any]]) -> Refs:
    """Return ``after`` as the refs that were there before; a dataset that was not is an error."""
    result: Refs = {}
    for name, refs in after.items():
        known = {ref.id: ref for ref in before[name]}
        kept = [ref.datasetRef if isinstance(ref, DeferredDatasetRef) else ref for ref in refs]
        for ref in kept:
            if getattr(ref, "id", None) not in known:
                raise InvalidQuantumError(f"put {ref!r} into connection {name!r}, where it was not before")
        result[name] = [known[ref.id] for ref in kept]
    return result
