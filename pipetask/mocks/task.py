"""MockTask: stands for another task, with its connections; checks its inputs and writes placeholders."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

from lsst.pex.config import Config, ConfigurableField, ListField

from pipetask.butler import DataCoordinate, DatasetRef, holds
from pipetask.errors import ConfigOverrideError, InvalidQuantumError
from pipetask.mocks.names import PREFIX, STORAGE_CLASS, mock_name
from pipetask.task.adjust import call_hook
from pipetask.task.config import PipelineTaskConfig
from pipetask.task.connection_types import BaseConnection, BaseInput
from pipetask.task.connections import PipelineTaskConnections
from pipetask.task.context import QuantumContext
from pipetask.task.pipeline_task import PipelineTask
from pipetask.task.quantum import (
    DeferredDatasetRef,
    InputQuantizedConnection,
    OutputQuantizedConnection,
    QuantizedConnection,
)
from pipetask.task.task import Task


class MockConnections(PipelineTaskConnections, dimensions=()):
    """The connections of the original task, with the names of mocks; what is real is not loaded."""

    def __init__(self, *, config: Any = None) -> None:
        super().__init__(config=config)
        original = config.original
        self._real = original.target.ConfigClass.ConnectionsClass(config=original.value)
        self.dimensions = self._real.dimensions
        for name, connection in self._real.allConnections.items():
            setattr(self, name, self._mocked(connection))

    def getSpatialBoundsConnections(self) -> Iterable[str]:
        """Return those of the original."""
        return list(self._real.getSpatialBoundsConnections())

    def getTemporalBoundsConnections(self) -> Iterable[str]:
        """Return those of the original."""
        return list(self._real.getTemporalBoundsConnections())

    def _mocked(self, connection: BaseConnection) -> BaseConnection:
        parent = connection.name.partition(".")[0]
        if parent in self.config.renamed:
            return replace(connection, name=mock_name(parent))
        if type(connection).role in ("outputs", "initOutputs") or parent in self.config.mocked:
            mock = replace(connection, name=mock_name(parent), storageClass=STORAGE_CLASS)
            return replace(mock, deferLoad=False) if isinstance(mock, BaseInput) else mock
        return replace(connection, deferLoad=True) if isinstance(connection, BaseInput) else connection


class AdjustingMockConnections(MockConnections, dimensions=()):
    """Those of a task that has an ``adjustQuantum`` of its own."""

    def adjustQuantum(self, inputs: Any, outputs: Any = None, label: str = "", data_id: Any = None) -> Any:
        """Let the original's ``adjustQuantum`` do it."""
        self._real.allConnections = self.allConnections
        found, due = ({name: list(refs) for name, (_, refs) in group.items()} for group in (inputs, outputs))
        adjusted = call_hook(self._real, found, due, label, data_id)
        return tuple(
            {name: (self.allConnections[name], refs) for name, refs in group.items()} for group in adjusted
        )


class MockConfig(PipelineTaskConfig, pipelineConnections=MockConnections):
    """What a mock stands for, and when it fails."""

    original = ConfigurableField(doc="The task that is mocked.", target=Task, ConfigClass=Config)
    mocked = ListField(doc="Dataset types of inputs that are mocks.", dtype=str, default=[])
    renamed = ListField(doc="Dataset types of inputs that a mock pipeline really has.", dtype=str, default=[])
    failWhere = ListField(doc="Conditions on the data ID for which it fails.", dtype=str, default=[])
    failException = ListField(doc="Exception of each of them, by dotted name.", dtype=str, default=[])


class AdjustingMockConfig(MockConfig, pipelineConnections=AdjustingMockConnections):
    """That of a task that has an ``adjustQuantum`` of its own."""


class MockTask(PipelineTask):
    """Does what a pipeline sees of the original task, and none of its work."""

    ConfigClass = MockConfig

    def __init__(
        self, config: Any = None, *, initInputs: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(config, initInputs=initInputs, **kwargs)
        connections = self.config.ConnectionsClass(config=self.config)
        for name, value in (initInputs or {}).items():
            connection = connections.allConnections[name]
            if connection.name.startswith(PREFIX):
                _check_placeholder(value, connection.name, f"init-input {name!r} of {self.getName()!r}")
        for name in connections.initOutputs:
            setattr(self, name, {"mock": connections.allConnections[name].name, "task": self.getName()})

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Fail if that is wanted; check that each mock that is read is the one that is due; write mocks."""
        label, data_id = butlerQC.quantum.label, butlerQC.quantum.dataId
        for where, exception in zip(self.config.failWhere, self.config.failException, strict=True):
            if holds(where, data_id):
                raise exception_class(exception)(f"Mock failure of {label!r} for {data_id}")
        for name, ref in _each(inputRefs):
            value = butlerQC.get(ref)
            if not isinstance(ref, DeferredDatasetRef) and ref.datasetType.storageClass == STORAGE_CLASS:
                _check_placeholder(value, ref.datasetType.name, f"input {name!r} of {label!r}", ref)
        read = {name: [str(ref.id) for _, ref in refs] for name, refs in _by_name(inputRefs).items()}
        for _, ref in _each(outputRefs):
            made = _identity(ref)
            butlerQC.put(made | {"task": label, "quantum": _plain(data_id), "read": read}, ref)


class AdjustingMockTask(MockTask):
    """One whose original has an ``adjustQuantum`` of its own."""

    ConfigClass = AdjustingMockConfig


def exception_class(dotted: str) -> type[BaseException]:
    """Return the exception of a dotted name; built-in ones need no module.

    Raises
    ------
    ConfigOverrideError
        If there is none of that name.
    """
    module, _, name = dotted.rpartition(".")
    try:
        found = getattr(import_module(module) if module else builtins, name)
    except (ImportError, AttributeError, ValueError) as err:
        raise ConfigOverrideError(f"A mock can't fail with {dotted!r}, which isn't there: {err}") from err
    if not (isinstance(found, type) and issubclass(found, BaseException)):
        raise ConfigOverrideError(f"A mock can't fail with {dotted!r}, which is no exception")
    return found


def _each(quantized: QuantizedConnection) -> Iterator[tuple[str, Any]]:
    for name, refs in quantized:
        for ref in refs if isinstance(refs, list) else [refs]:
            yield name, ref


def _by_name(quantized: QuantizedConnection) -> dict[str, list[tuple[str, Any]]]:
    found: dict[str, list[tuple[str, Any]]] = {}
    for name, ref in _each(quantized):
        found.setdefault(name, []).append((name, ref))
    return found


def _plain(data_id: DataCoordinate) -> dict[str, Any]:
    return dict(data_id.required)


def _identity(ref: DatasetRef) -> dict[str, Any]:
    return {"mock": ref.datasetType.name, "dataId": _plain(ref.dataId), "run": ref.run, "id": str(ref.id)}


def _check_placeholder(value: Any, name: str, where: str, ref: DatasetRef | None = None) -> None:
    due = {"mock": name} if ref is None else _identity(ref)
    if not isinstance(value, Mapping) or {key: value.get(key) for key in due} != due:
        raise InvalidQuantumError(f"The {where} is not the mock {due}, but {value!r}")
