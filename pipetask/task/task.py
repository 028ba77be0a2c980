"""Task: a configured piece of work, with subtasks, log and metadata."""

from __future__ import annotations

import logging
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar

from pipetask.butler import TaskMetadata
from pipetask.errors import ConfigOverrideError, TaskDefinitionError
from pipetask.task.log import TaskLog


class Task:
    """A configured piece of work; subclasses set ``ConfigClass`` and write ``run``.

    Parameters
    ----------
    config : `Config`, optional
        The configuration; by default one of ``ConfigClass``, or the part of the parent's that is
        called ``name``.
    name : `str`, optional
        Name of the task in logs; by default ``_DefaultName`` or the name of the class.
    parentTask : `Task`, optional
        The task that has this one as a subtask.
    log : `logging.Logger`, optional
        Where to log; by default the logger called like the task.

    Attributes
    ----------
    config : `Config`
        The configuration.
    log : `TaskLog`
        The task's logger, which has ``verbose`` and ``trace``, too.
    metadata : `TaskMetadata`
        What the task wants to tell about its work; stored with each quantum.
    """

    ConfigClass: ClassVar[Any]  # a Config class
    config: Any  # an instance of it
    log: TaskLog
    metadata: TaskMetadata
    _DefaultName: ClassVar[str] = ""

    def __init__(
        self,
        config: Any = None,  # an instance of ConfigClass
        name: str | None = None,
        parentTask: Task | None = None,
        log: logging.Logger | TaskLog | None = None,
    ) -> None:
        cls = type(self)
        self._name = name or cls._DefaultName or cls.__name__
        self._fullName: str = f"{parentTask._fullName}.{self._name}" if parentTask else self._name
        if config is None:
            config = getattr(parentTask.config, self._name) if parentTask else self._default_config()
        if not config._frozen:  # frozen ones were validated when they were frozen
            config.validate()
        self.config = config
        if log is None:
            log = parentTask.log.getChild(self._name) if parentTask else logging.getLogger(self._fullName)
        self.log = TaskLog(log) if isinstance(log, logging.Logger) else log
        self.metadata = TaskMetadata()
        self._subtasks: list[Task] = []

    def _default_config(self) -> Any:
        config_class = getattr(type(self), "ConfigClass", None)
        if config_class is None:
            raise TaskDefinitionError(f"class {type(self).__qualname__}: a task class sets ConfigClass")
        return config_class()

    def getName(self) -> str:
        """Return the task's own name."""
        return self._name

    def getFullName(self) -> str:
        """Return the name with those of the parents before it, joined by dots."""
        return self._fullName

    def makeSubtask(self, name: str, **kwargs: Any) -> None:
        """Construct the task that the field ``name`` of the configuration selects, as attribute ``name``.

        Parameters
        ----------
        name : `str`
            Name of a ``ConfigurableField`` (or registry field) of the configuration.
        **kwargs
            Passed to the subtask's constructor.
        """
        if name not in self.config._fields:
            raise TaskDefinitionError(
                f"Task {self._fullName}: subtask {name!r} is no field of {type(self.config).__qualname__}"
            )
        chosen = getattr(self.config, name)
        if chosen is None:
            raise ConfigOverrideError(f"Task {self._fullName}: no subtask is selected in config.{name}")
        subtask = chosen.apply(name=name, parentTask=self, **kwargs)
        self._subtasks.append(subtask)
        setattr(self, name, subtask)

    @classmethod
    def makeField(cls, doc: str) -> Any:
        """Return a ``ConfigurableField`` that selects this class as a subtask."""
        from lsst.pex.config import ConfigurableField

        return ConfigurableField(doc=doc, target=cls)

    def getFullMetadata(self) -> TaskMetadata:
        """Return the metadata of this task and of all subtasks, each under its full name (dots as colons)."""
        full = TaskMetadata()
        pending: list[Task] = [self]
        while pending:
            task = pending.pop(0)
            full[task._fullName.replace(".", ":")] = task.metadata
            pending.extend(task._subtasks)
        return full

    @contextmanager
    def timer(self, name: str, logLevel: int = logging.DEBUG) -> Iterator[None]:
        """Record start, end, CPU time and peak memory of a block in the metadata, as ``<name>StartUtc``, ….

        CPU times are in seconds of this process, the peak resident set in bytes.
        """
        metadata = self.metadata
        metadata[f"{name}StartUtc"] = datetime.now(UTC).isoformat()
        metadata[f"{name}StartCpuTime"] = time.process_time()
        begin = time.perf_counter()
        try:
            yield
        finally:
            metadata[f"{name}EndCpuTime"] = time.process_time()
            metadata[f"{name}EndUtc"] = datetime.now(UTC).isoformat()
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            metadata[f"{name}EndMaxResidentSetSize"] = peak * 1024
            if self.log.isEnabledFor(logLevel):
                self.log.log(logLevel, "%s took %.4f s", name, time.perf_counter() - begin)
