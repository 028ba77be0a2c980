"""PipelineTask: a task that a pipeline can run, and how one is checked and made."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, ClassVar

from pipetask.butler import suggest
from pipetask.errors import TaskDefinitionError, TaskOutputError
from pipetask.task.connections import PipelineTaskConnections
from pipetask.task.context import QuantumContext
from pipetask.task.quantum import InputQuantizedConnection, OutputQuantizedConnection
from pipetask.task.task import Task


class PipelineTask(Task):
    """A task whose inputs and outputs are declared, so that a pipeline can run it.

    Parameters
    ----------
    config : `PipelineTaskConfig`, optional
        The configuration; by default one of ``ConfigClass``.
    initInputs : mapping, optional
        The objects of the `InitInput` connections, by connection name.
    name : `str`, optional
        Name of the task in logs, in a pipeline its label.
    log : `logging.Logger`, optional
        Where to log.
    parentTask : `Task`, optional
        The task that has this one as a subtask.

    Notes
    -----
    Subclasses write ``run``, which takes one argument per input connection and returns a `Struct` with one
    attribute per output connection. What an `InitOutput` connection stores is the attribute of its name after
    construction.
    """

    ConfigClass: ClassVar[Any]  # a PipelineTaskConfig class
    canMultiprocess: ClassVar[bool] = True
    """Whether quanta may run in worker processes; if not, runs with several are refused."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        constructor = cls.__dict__.get("__init__")
        if constructor is not None and "initInput" in inspect.signature(constructor).parameters:
            raise TaskDefinitionError(
                f"class {cls.__qualname__}: its __init__ takes 'initInput'; InitInput connections arrive as "
                "'initInputs', a mapping by connection name"
            )

    def __init__(
        self,
        config: Any = None,  # an instance of ConfigClass
        *,
        initInputs: Mapping[str, Any] | None = None,
        name: str | None = None,
        log: logging.Logger | None = None,
        parentTask: Task | None = None,
    ) -> None:
        super().__init__(config=config, name=name, log=log, parentTask=parentTask)

    run: Any
    """The work itself, with arguments that only the subclass knows."""

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Load the inputs of one quantum, call ``run``, store what it returns; may be overridden.

        Parameters
        ----------
        butlerQC : `QuantumContext`
            Loads and stores.
        inputRefs, outputRefs : `InputQuantizedConnection`, `OutputQuantizedConnection`
            The quantum's datasets by connection name.
        """
        inputs = butlerQC.get(inputRefs)
        with self.timer("run"):
            outputs = self.run(**inputs)
        butlerQC.put(outputs, outputRefs)


def check_task(task_class: type[PipelineTask], connections: PipelineTaskConnections, label: str = "") -> None:
    """Check that a task's constructor and ``run`` take what its configured connections give.

    ``run`` is checked only where ``runQuantum`` is the standard one.

    Raises
    ------
    TaskDefinitionError
        If they don't; says class, argument and connection.
    """
    name = f"{task_class.__module__}.{task_class.__qualname__}"
    where = f"Task {label!r} ({name})" if label else f"Task class {name}"
    accepted = inspect.signature(task_class).parameters
    for argument in ("config", "initInputs", "name", "log"):
        if not _accepts(accepted, argument):
            raise TaskDefinitionError(
                f"{where}: its __init__ does not accept {argument!r}; pass on **kwargs to super().__init__"
            )
    if task_class.runQuantum is not PipelineTask.runQuantum:
        return
    run = getattr(task_class, "run", None)
    if run is None:
        raise TaskDefinitionError(f"{where} has neither run nor runQuantum")
    held = inspect.getattr_static(task_class, "run")
    by_class = isinstance(held, staticmethod | classmethod)  # whose signature has no 'self'
    parameters = dict(list(inspect.signature(run).parameters.items())[0 if by_class else 1 :])
    names = [*connections.inputs, *connections.prerequisiteInputs]
    for name in names:
        if not _accepts(parameters, name):
            raise TaskDefinitionError(
                f"{where}: its run takes no argument for the input connection {name!r}"
                f"{suggest(name, set(parameters) - {name})}"
            )
    for name, parameter in parameters.items():
        variadic = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if parameter.default is parameter.empty and not variadic and name not in names:
            raise TaskDefinitionError(
                f"{where}: its run needs {name!r}, which is no input connection for this configuration"
                f"{suggest(name, names)}; give it a default, or add the connection"
            )


def _accepts(parameters: Mapping[str, inspect.Parameter], name: str) -> bool:
    given = parameters.get(name)
    if given is not None:
        return given.kind in (given.POSITIONAL_OR_KEYWORD, given.KEYWORD_ONLY)
    return any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def make_task(
    task_class: type[PipelineTask],
    config: Any,  # an instance of the class's ConfigClass
    *,
    label: str,
    init_inputs: Mapping[str, Any] | None = None,  # whatever the datasets hold
) -> PipelineTask:
    """Construct the task object of one quantum, with init-inputs that are its own to change."""
    return task_class(config=config, initInputs=deepcopy(dict(init_inputs or {})), name=label)


def init_outputs(task: PipelineTask, connections: PipelineTaskConnections) -> dict[str, Any]:
    """Return the objects of the `InitOutput` connections of a constructed task, by connection name.

    Raises
    ------
    TaskOutputError
        If the task lacks an attribute of that name.
    """
    made: dict[str, Any] = {}
    for name in connections.initOutputs:
        try:
            made[name] = getattr(task, name)
        except AttributeError:
            raise TaskOutputError(
                f"Task {task.getName()!r} ({type(task).__module__}.{type(task).__qualname__}): its __init__ "
                f"set no attribute {name!r}, which the InitOutput connection of that name stores as "
                f"{connections.allConnections[name].name!r}"
            ) from None
    return made
