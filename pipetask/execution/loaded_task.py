"""A task as a worker holds it: its class with configuration, connections and init-inputs, loaded once."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

from pipetask.butler import DatasetRef
from pipetask.errors import InvalidQuantumError, described
from pipetask.task.code_version import code_version
from pipetask.task.pipeline_task import make_task

if TYPE_CHECKING:
    from pipetask.graph.quantum_graph import QuantumGraph
    from pipetask.task.connections import PipelineTaskConnections
    from pipetask.task.pipeline_task import PipelineTask


@dataclass(frozen=True, slots=True)
class TaskSetup:
    """What all quanta of a task have in common.

    Parameters
    ----------
    task_class_name : `str`
        Dotted name of the class.
    config : `str`
        Its configuration, as a Python override file.
    init_inputs : `~collections.abc.Mapping` [ `str`, `DatasetRef` ]
        What its constructor is given, by connection name.
    """

    task_class_name: str
    config: str
    init_inputs: Mapping[str, DatasetRef]


@dataclass(frozen=True, slots=True)
class LoadedTask:
    """A task's class, frozen configuration, connections and init-inputs, ready to construct from.

    One serves all quanta of a process: the configuration is frozen, and `make_task` copies the init-inputs.
    """

    label: str
    task_class: type[PipelineTask]
    config: Any  # an instance of the class's ConfigClass
    connections: PipelineTaskConnections
    init_inputs: Mapping[str, Any]  # whatever the datasets hold
    code: str

    @classmethod
    def load(cls, label: str, setup: TaskSetup, init_inputs: Mapping[str, Any]) -> Self:
        """Import the class and make its configuration.

        Raises
        ------
        InvalidQuantumError
            If that fails, with what to check.
        """
        try:
            module, _, name = setup.task_class_name.rpartition(".")
            task_class = getattr(import_module(module), name)
            config = task_class.ConfigClass()
            config.loadFromString(setup.config)
            config.validate()
            config.freeze()
            connections = task_class.ConfigClass.ConnectionsClass(config=config)
        except Exception as err:  # a user's module and configuration may raise anything
            raise InvalidQuantumError(
                f"Task {label!r}: can't load {setup.task_class_name} with its configuration: "
                f"{described(err)}. Is the package with this class installed in {sys.prefix}?"
            ) from err
        return cls(label, task_class, config, connections, init_inputs, code_version(setup.task_class_name))

    def make(self) -> PipelineTask:
        """Construct a new task object."""
        return make_task(self.task_class, self.config, label=self.label, init_inputs=self.init_inputs)


def task_setups(graph: QuantumGraph) -> dict[str, TaskSetup]:
    """Return what the quanta of each task have in common, by label."""
    return {
        task.label: TaskSetup(task.task_class_name, task.config, graph.init_inputs.get(task.label, {}))
        for task in graph.tasks
    }
