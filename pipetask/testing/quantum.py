"""One quantum in memory, without a repository; and whether a task fits its connections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from pipetask.butler import (
    DataCoordinate,
    DatasetRef,
    DatasetType,
    DeferredDatasetHandle,
    DimensionUniverse,
    StorageClasses,
    part_of,
    suggest,
)
from pipetask.errors import DataIdError, InvalidQuantumError, StorageTypeError
from pipetask.pipeline.nodes import Edge, TaskNode, make_task_node
from pipetask.pipeline.overrides import validated
from pipetask.task.adjust import adjust
from pipetask.task.connections import PipelineTaskConnections
from pipetask.task.context import QuantumContext
from pipetask.task.pipeline_task import PipelineTask, init_outputs, make_task
from pipetask.task.quantum import Quantum, quantize_inputs, quantize_outputs
from pipetask.task.struct import Struct

if TYPE_CHECKING:
    from pipetask.butler import LimitedButler


@dataclass(frozen=True, slots=True)
class At:
    """An object and what its data ID has beside or instead of the quantum's."""

    obj: Any  # whatever the dataset holds
    data_id: Mapping[str, Any]


def at(obj: Any, **data_id: Any) -> At:  # any object; data ID values are numbers or texts
    """Say which data ID an input object has, where it isn't the quantum's: ``at(catalog, detector=3)``."""
    return At(obj, data_id)


@dataclass(frozen=True, slots=True)
class QuantumResult:
    """What a task made of one quantum.

    Parameters
    ----------
    outputs : `Struct`
        One object per output connection that was put; for ``multiple`` ones a list in the order of data IDs.
    init_outputs : `dict`
        Objects of the `InitOutput` connections by name.
    task : `PipelineTask`
        The task object, after its work.
    """

    outputs: Struct
    init_outputs: dict[str, Any]
    task: PipelineTask


def check_connections(task_class: type[PipelineTask], config: Any = None) -> PipelineTaskConnections:
    """Check that a configured task fits its connections: constructor, ``run``, dimensions, storage classes.

    Parameters
    ----------
    task_class : `type`
        The task class.
    config : `PipelineTaskConfig`, optional
        Its configuration; by default an unchanged one. Not modified.

    Returns
    -------
    connections : `PipelineTaskConnections`
        The configured connections.

    Raises
    ------
    TaskDefinitionError, ConnectionsError, PipelineGraphError, UnknownStorageClassError
        If it doesn't; says class, argument and connection.
    """
    return _checked(task_class, config).connections


def run_quantum(
    task_class: type[PipelineTask],
    config: Any = None,
    *,
    data_id: Mapping[str, Any],
    inputs: Mapping[str, Any] | None = None,
    init_inputs: Mapping[str, Any] | None = None,
    outputs: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> QuantumResult:
    """Run a task on one quantum, all datasets in memory, as a pipeline would.

    Parameters
    ----------
    task_class : `type`
        The task class.
    config : `PipelineTaskConfig`, optional
        Its configuration; by default an unchanged one. Not modified.
    data_id : mapping
        Data ID of the quantum.
    inputs : mapping, optional
        Objects by connection name, a list of them where it is ``multiple``; with `at` where the data ID is
        not the quantum's. Prerequisites too.
    init_inputs : mapping, optional
        Objects of the `InitInput` connections by name.
    outputs : mapping, optional
        By connection name, the data IDs to be made, as far as they aren't the quantum's.

    Raises
    ------
    NoWorkFound, MissingPrerequisiteError, ScalarError
        If the inputs are too few or too many, or ``adjustQuantum`` says so.
    InvalidQuantumError
        If inputs, init-inputs or outputs do not fit the connections: names, types, data IDs.
    """
    node = _checked(task_class, config)
    own_id = DataCoordinate.standardize(dict(data_id), dimensions=node.dimensions)
    memory = _Memory()
    edges = {**node.inputs, **node.prerequisite_inputs}
    _only_known(node, "input", edges, inputs or {})
    _only_known(node, "init-input", node.init_inputs, init_inputs or {})
    _only_known(node, "output", node.outputs, outputs or {})
    given, due = {}, {}
    for name, value in (inputs or {}).items():
        with _about(node, "input", edges[name]):
            given[name] = [memory.add(edges[name], own_id, item) for item in _as_list(edges[name], value)]
    for name, edge in node.outputs.items():
        with _about(node, "output", edge):
            due[name] = [_ref(edge, own_id, more) for more in (outputs or {}).get(name, [{}])]
    first = {}
    for name, edge in node.init_inputs.items():
        with _about(node, "init-input", edge):
            first[name] = memory.init_input(edge, init_inputs or {})
    empty: dict[str, list[DatasetRef]] = {name: [] for name in edges}
    found, made = adjust(node.connections, empty | given, due, node.label, own_id)
    quantum = Quantum(node.label, node.task_class_name, own_id, found, made)
    task = make_task(task_class, node.config, label=node.label, init_inputs=first)
    context = QuantumContext(cast("LimitedButler", memory), quantum, node.connections)
    task.runQuantum(
        context, quantize_inputs(node.connections, quantum), quantize_outputs(node.connections, quantum)
    )
    results = {}
    for name, refs in quantize_outputs(node.connections, quantum):
        if isinstance(refs, list):
            results[name] = [memory.objects[ref.id] for ref in refs if ref.id in memory.objects]
        elif refs.id in memory.objects:
            results[name] = memory.objects[refs.id]
    return QuantumResult(Struct(**results), init_outputs(task, node.connections), task)


def _checked(task_class: type[PipelineTask], config: Any) -> TaskNode:
    label = task_class._DefaultName or task_class.__name__
    config = validated(task_class.ConfigClass() if config is None else deepcopy(config), label)
    node = make_task_node(label, task_class, config, DimensionUniverse.default())
    known = StorageClasses()
    for edge in (*node.reads(), *node.writes()):
        known.get(edge.storage_class)
    return node


def _only_known(node: TaskNode, kind: str, edges: Mapping[str, Edge], given: Mapping[str, Any]) -> None:
    for name in given:
        if name not in edges:
            raise InvalidQuantumError(
                f"Task {node.label!r} has no {kind} connection {name!r} in this configuration (it has "
                f"{', '.join(edges) or 'none'}){suggest(name, edges)}"
            )


@contextmanager
def _about(node: TaskNode, kind: str, edge: Edge) -> Iterator[None]:
    """Say of an error in what was given which connection it is about."""
    try:
        yield
    except (StorageTypeError, DataIdError, InvalidQuantumError) as err:
        raise InvalidQuantumError(
            f"Task {node.label!r}, {kind} {edge.connection!r} (dataset type {edge.name!r}): {err}"
        ) from err


def _as_list(edge: Edge, value: Any) -> list[Any]:
    if not edge.multiple:
        return [value]
    if not isinstance(value, (list, tuple)):
        raise InvalidQuantumError(
            "the connection is multiple: give a list of objects, each with its data ID, as in "
            f"[at(obj, detector=1)], not {type(value).__name__!r}"
        )
    return list(value)


def _ref(edge: Edge, quantum: DataCoordinate, more: Mapping[str, Any]) -> DatasetRef:
    """Make the ref of a dataset that a quantum reads or makes, with what its data ID has beside that."""
    data_id = DataCoordinate.standardize({**quantum.required, **more}, dimensions=edge.dimensions)
    for name, value in quantum.required.items():
        if edge.lookup_function is None and data_id.required.get(name, value) != value:
            raise InvalidQuantumError(
                f"{name} {data_id[name]!r} of the dataset is not that of the quantum, {value!r}"
            )
    return DatasetRef(DatasetType(edge.name, edge.dimensions, edge.storage_class), data_id, "memory")


@dataclass(slots=True)
class _Memory:
    """What a task needs of a butler, over a dictionary of objects by dataset id."""

    objects: dict[UUID, Any] = field(default_factory=dict)
    storage_classes: StorageClasses = field(default_factory=StorageClasses)

    def add(self, edge: Edge, quantum: DataCoordinate, item: Any) -> DatasetRef:
        """Keep an input."""
        obj, more = (item.obj, item.data_id) if isinstance(item, At) else (item, {})
        ref = _ref(edge, quantum, more)
        self.put(obj, ref)
        return ref

    def init_input(self, edge: Edge, given: Mapping[str, Any]) -> Any:
        """Return an init-input as one of its storage class."""
        if edge.connection not in given:
            raise InvalidQuantumError(f"it is missing; give init_inputs={{{edge.connection!r}: ...}}")
        return self.storage_classes.convert(given[edge.connection], edge.storage_class)

    def get(self, ref: DatasetRef) -> Any:
        """Return an object."""
        return self.objects[ref.id]

    def getDeferred(self, ref: DatasetRef) -> DeferredDatasetHandle:
        """Return a handle for an object."""
        return DeferredDatasetHandle(self, ref)

    def read(
        self,
        ref: DatasetRef,
        *,
        component: str | None,
        parameters: Mapping[str, Any] | None,
        storageClass: str | None,
    ) -> Any:
        """Return an object, a component of it, or what parameters select, as a handle asks for it."""
        kind = ref.datasetType.storageClass
        obj = part_of(
            self.objects[ref.id], kind, self.storage_classes, component=component, parameters=parameters
        )
        return self.storage_classes.convert(obj, storageClass) if storageClass else obj

    def put(self, obj: Any, ref: DatasetRef) -> None:
        """Keep an object as one of its storage class."""
        self.objects[ref.id] = self.storage_classes.convert(obj, ref.datasetType.storageClass)
