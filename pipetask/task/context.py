"""QuantumContext: what a task sees of the data while it runs one quantum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipetask.butler import DatasetRef
from pipetask.errors import InvalidQuantumError, StorageTypeError, TaskOutputError
from pipetask.task.connections import PipelineTaskConnections
from pipetask.task.quantum import (
    AnyRef,
    DeferredDatasetRef,
    InputQuantizedConnection,
    OutputQuantizedConnection,
    Quantum,
)
from pipetask.task.struct import Struct

if TYPE_CHECKING:
    from pipetask.butler import LimitedButler


@dataclass(frozen=True, slots=True)
class ExecutionResources:
    """What a quantum may use: processor cores, and memory [bytes] where a limit is known."""

    num_cores: int = 1
    max_mem: int | None = None


class QuantumContext:
    """Loads the inputs and stores the outputs of one quantum, and nothing else.

    Parameters
    ----------
    butler : `LimitedButler`
        Where the quantum's datasets are.
    quantum : `Quantum`
        The quantum.
    connections : `PipelineTaskConnections`
        The task's configured connections.
    resources : `ExecutionResources`, optional
        What the quantum may use.
    """

    def __init__(
        self,
        butler: LimitedButler,
        quantum: Quantum,
        connections: PipelineTaskConnections,
        resources: ExecutionResources | None = None,
    ) -> None:
        self.quantum = quantum
        self.connections = connections
        self.resources = resources or ExecutionResources()
        self._butler = butler
        self._task = f"Task {quantum.label!r} ({quantum.task_class_name})"
        self._readable = {ref.id for refs in quantum.inputs.values() for ref in refs}
        self._writable = {ref.id for refs in quantum.outputs.values() for ref in refs}

    def get(self, dataset: InputQuantizedConnection | Sequence[AnyRef | None] | AnyRef | None) -> Any:
        """Load datasets; handles for those of ``deferLoad`` connections.

        Parameters
        ----------
        dataset : `InputQuantizedConnection`, sequence of refs, ref, or `None`
            What to load.

        Returns
        -------
        objects
            A dictionary by connection name, a list in the given order, one object, or `None`, respectively.
        """
        if isinstance(dataset, InputQuantizedConnection):
            return {name: self.get(refs) for name, refs in dataset}
        if isinstance(dataset, (list, tuple)):
            return [self.get(ref) for ref in dataset]
        if dataset is None:
            return None
        if isinstance(dataset, DeferredDatasetRef):
            return self._butler.getDeferred(self._declared(dataset.datasetRef, self._readable, "input"))
        if isinstance(dataset, DatasetRef):
            return self._butler.get(self._declared(dataset, self._readable, "input"))
        raise TypeError(f"Cannot get {dataset!r}: neither input refs, nor a list of refs, nor a ref")

    def put(self, values: Any, dataset: OutputQuantizedConnection | Sequence[AnyRef] | AnyRef) -> None:
        """Store what a task made.

        Parameters
        ----------
        values : `Struct`, sequence or object
            A `Struct` with an attribute per output connection if ``dataset`` is a whole connection set; as
            many objects as refs if it is a list; else one object.
        dataset : `OutputQuantizedConnection`, sequence of `DatasetRef`, or `DatasetRef`
            Where to store.
        """
        if isinstance(dataset, OutputQuantizedConnection):
            self._put_struct(values, dataset)
        elif isinstance(dataset, (list, tuple)):
            self._put_list(values, dataset, "")
        elif isinstance(dataset, DatasetRef):
            self._put_one(values, dataset)
        else:
            raise TypeError(f"Cannot put to {dataset!r}: neither output refs, nor a list of refs, nor a ref")

    def _put_struct(self, values: Any, dataset: OutputQuantizedConnection) -> None:
        if not isinstance(values, Struct):
            raise TaskOutputError(
                f"{self._task} returned {_kind(values)}; due is a Struct with {', '.join(dataset.keys())}"
            )
        made = vars(values)
        for name, refs in dataset:
            if name not in made:
                raise TaskOutputError(
                    f"{self._task} returned a Struct without the output {name!r}; "
                    f"it has {', '.join(made) or 'nothing'}"
                )
            if isinstance(refs, list):
                self._put_list(made[name], refs, name)
            else:
                self._put_one(made[name], refs)

    def _put_list(self, values: Any, refs: Sequence[Any], name: str) -> None:
        where = f"output {name!r}" if name else "a list of refs"
        if not isinstance(values, Sequence) or isinstance(values, (str, bytes)):
            raise TaskOutputError(f"{self._task}: {where} takes a list, not {_kind(values)}")
        if len(values) != len(refs):
            raise TaskOutputError(
                f"{self._task}: {where} takes {len(refs)} objects, one per dataset, not {len(values)}"
            )
        for value, ref in zip(values, refs, strict=True):
            self._put_one(value, ref)

    def _put_one(self, value: Any, ref: DatasetRef) -> None:
        if isinstance(value, Struct):
            name = self._connection(ref)
            field = name if hasattr(value, name) else next(iter(vars(value)), "...")
            raise TaskOutputError(
                f"{self._task}: a Struct was put to the one dataset {ref.datasetType.name!r}; "
                f"put its field: butlerQC.put(result.{field}, outputRefs.{name})"
            )
        try:
            self._butler.put(value, self._declared(ref, self._writable, "output"))
        except StorageTypeError as err:
            raise TaskOutputError(
                f"{self._task}: output {self._connection(ref)!r} is stored as {ref.datasetType.name!r}: {err}"
            ) from err

    def _connection(self, ref: DatasetRef) -> str:
        """Return the name of the output connection that a dataset belongs to."""
        named = (name for name, refs in self.quantum.outputs.items() if any(r.id == ref.id for r in refs))
        return next(named, "...")

    def _declared(self, ref: DatasetRef, known: set[Any], role: str) -> DatasetRef:
        if ref.id not in known:
            raise InvalidQuantumError(
                f"{self._task}: {ref.datasetType.name} {ref.dataId} is no {role} of quantum "
                f"{self.quantum.dataId}"
            )
        return ref


def _kind(value: object) -> str:
    return "None" if value is None else f"an object of type {type(value).__name__!r}"


ButlerQuantumContext = QuantumContext
"""The guide's name of `QuantumContext`."""
