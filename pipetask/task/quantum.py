"""Quantum: one unit of work; and its datasets by connection, as tasks see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pipetask.butler import CompositeRef, DataCoordinate, DatasetRef, DatasetType, suggest
from pipetask.errors import ScalarError
from pipetask.task.connection_types import BaseConnection
from pipetask.task.connections import PipelineTaskConnections


@dataclass(slots=True)
class Quantum:
    """One unit of work of a task.

    Parameters
    ----------
    label : `str`
        The task's label in its pipeline.
    task_class_name : `str`
        Dotted name of the task class.
    dataId : `DataCoordinate`
        Identifies the quantum among those of its task.
    inputs, outputs : `dict` [ `str`, `list` [ `DatasetRef` ] ]
        Datasets by connection name; ``inputs`` has the prerequisites too.
    initInputs : `dict` [ `str`, `DatasetRef` ]
        Datasets for the task's constructor, by connection name.
    id : `uuid.UUID`
        Identifies the quantum everywhere.
    metadata_ref, log_ref : `DatasetRef`, optional
        Where the task's metadata and log go.
    """

    label: str
    task_class_name: str
    dataId: DataCoordinate
    inputs: dict[str, list[DatasetRef]]
    outputs: dict[str, list[DatasetRef]]
    initInputs: dict[str, DatasetRef] = field(default_factory=dict)
    id: UUID | None = None
    metadata_ref: DatasetRef | None = None
    log_ref: DatasetRef | None = None


@dataclass(frozen=True, slots=True)
class DeferredDatasetRef:
    """A dataset of a ``deferLoad`` connection: `QuantumContext.get` gives a handle for it."""

    datasetRef: DatasetRef

    @property
    def dataId(self) -> DataCoordinate:
        """Data ID of the dataset."""
        return self.datasetRef.dataId

    @property
    def datasetType(self) -> DatasetType:
        """Type of the dataset."""
        return self.datasetRef.datasetType

    @property
    def run(self) -> str:
        """Name of the run that holds the dataset."""
        return self.datasetRef.run

    @property
    def id(self) -> UUID:
        """Id of the dataset."""
        return self.datasetRef.id


AnyRef = DatasetRef | DeferredDatasetRef
"""What a quantized connection holds one or a list of."""


class QuantizedConnection:
    """The datasets of one quantum: an attribute per connection, a list of refs where it is ``multiple``.

    Iteration gives (name, refs). Attributes of existing connections can be set and deleted.

    Parameters
    ----------
    refs : mapping
        One ref or a list of them by connection name.
    absent : mapping of `str` to `str`, optional
        Connections without an attribute, and why.
    """

    __slots__ = ("_absent", "_refs")

    def __init__(
        self, refs: Mapping[str, Any], absent: Mapping[str, str] | None = None
    ) -> None:  # a ref or a list of refs
        object.__setattr__(self, "_refs", dict(refs))
        object.__setattr__(self, "_absent", absent or {})

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(list(self._refs.items()))

    def __len__(self) -> int:
        return len(self._refs)

    def __contains__(self, name: object) -> bool:
        return name in self._refs

    def keys(self) -> tuple[str, ...]:
        """Return the names of the connections."""
        return tuple(self._refs)

    def __getitem__(self, name: str) -> Any:  # a ref or a list of refs; makes dict(...) work
        return self._refs[name]

    def __getattr__(self, name: str) -> Any:  # a ref or a list of refs
        if name.startswith("__"):  # probes of copy and pickle
            raise AttributeError(name)
        try:
            return self._refs[name]
        except KeyError:
            raise AttributeError(self._why_absent(name)) from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._refs and name not in self._absent:
            raise AttributeError(self._why_absent(name))
        self._refs[name] = value

    def __delattr__(self, name: str) -> None:
        if name not in self._refs:
            raise AttributeError(self._why_absent(name))
        del self._refs[name]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self._refs.items())})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._refs, self._absent)

    def _why_absent(self, name: str) -> str:
        why = self._absent.get(name)
        return f"Connection {name!r} {why}" if why else f"No connection {name!r}{suggest(name, self._refs)}"


class InputQuantizedConnection(QuantizedConnection):
    """The inputs and prerequisite inputs of one quantum."""

    __slots__ = ()


class OutputQuantizedConnection(QuantizedConnection):
    """The outputs of one quantum."""

    __slots__ = ()


def quantize_inputs(connections: PipelineTaskConnections, quantum: Quantum) -> InputQuantizedConnection:
    """Return the inputs of a quantum as its task sees them.

    Lists are ordered by data ID; refs have the component and storage class of their connection.
    """
    return quantized_inputs(connections, quantum.inputs, quantum.label)


def quantize_outputs(connections: PipelineTaskConnections, quantum: Quantum) -> OutputQuantizedConnection:
    """Return the outputs of a quantum as its task sees them; lists are ordered by data ID."""
    refs: dict[str, Any] = {}
    absent = dict(connections.removed)
    for name in connections.outputs:
        _place(
            refs, absent, name, connections.allConnections[name], quantum.outputs.get(name, ()), quantum.label
        )
    return OutputQuantizedConnection(refs, absent)


def quantized_inputs(
    connections: PipelineTaskConnections, inputs: Mapping[str, Sequence[DatasetRef]], label: str
) -> InputQuantizedConnection:
    """Return refs by connection name in the form that a task sees; as `quantize_inputs`, from refs alone."""
    refs: dict[str, Any] = {}
    absent = dict(connections.removed)
    for name in (*connections.inputs, *connections.prerequisiteInputs):
        connection: Any = connections.allConnections[name]  # an Input or a PrerequisiteInput
        seen: list[Any] = as_declared(connection, inputs.get(name, ()))
        if connection.deferLoad:
            seen = [DeferredDatasetRef(ref) for ref in seen]
        _place(refs, absent, name, connection, seen, label)
    return InputQuantizedConnection(refs, absent)


def _place(
    refs: dict[str, Any],
    absent: dict[str, str],
    name: str,
    connection: BaseConnection,
    found: Sequence[AnyRef],
    label: str,
) -> None:
    if connection.multiple:
        refs[name] = sorted(found, key=_by_data_id)
    elif len(found) == 1:
        refs[name] = found[0]
    elif not found:
        absent[name] = f"of task {label!r} has no dataset in this quantum"
    else:
        raise too_many(label, name, connection, len(found))


def _by_data_id(ref: AnyRef) -> tuple[Any, ...]:  # ints and strings, alike within one connection
    return ref.dataId.values_tuple


def too_many(label: str, name: str, connection: BaseConnection, found: int) -> ScalarError:
    """Return the error of ``found`` datasets for a connection that takes one."""
    return ScalarError(
        f"Task {label!r}: connection {name!r} takes one {connection.name!r} per quantum, and {found} match; "
        "declare it with multiple=True, or add the dimensions that tell them apart to the task"
    )


def as_declared(connection: BaseConnection, refs: Sequence[DatasetRef]) -> list[DatasetRef]:
    """Give refs the component and storage class that the connection declares."""
    if not refs:
        return []
    if isinstance(refs[0], CompositeRef):
        return [_composite_as_declared(connection, ref) for ref in refs]
    stored = refs[0].datasetType
    if stored.name == connection.name and stored.storageClass == connection.storageClass:
        return list(refs)
    if stored.name == connection.name:
        seen = DatasetType(
            stored.name, stored.dimensions, connection.storageClass, isCalibration=stored.isCalibration()
        )
    else:
        component = connection.name.partition(".")[2]
        seen = stored.makeComponentDatasetType(component, connection.storageClass)
    return [DatasetRef(seen, ref.dataId, ref.run, id=ref.id) for ref in refs]


def _composite_as_declared(connection: BaseConnection, ref: DatasetRef) -> DatasetRef:
    """Give a composite the component and storage class of a connection; it keeps its parts."""
    component = connection.name.partition(".")[2]
    if component and not ref.isComponent():
        return ref.makeComponentRef(component, connection.storageClass)
    if ref.datasetType.storageClass == connection.storageClass:
        return ref
    return ref.overrideStorageClass(connection.storageClass)
