"""From a pipeline to one of mock tasks, which is a pipeline like any other."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from io import StringIO
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from pipetask.butler import DataCoordinate, InvalidQueryError, holds, suggest
from pipetask.errors import ConfigOverrideError
from pipetask.mocks.names import mock_name
from pipetask.mocks.task import AdjustingMockTask, MockTask, exception_class
from pipetask.pipeline.document import Document, Override, Step, Subset, TaskEntry, Temporary
from pipetask.pipeline.pipeline import Pipeline
from pipetask.task.adjust import overrides_adjust_quantum

if TYPE_CHECKING:
    from pipetask.pipeline.nodes import TaskNode
    from pipetask.pipeline.pipeline_graph import PipelineGraph


@dataclass(frozen=True, slots=True)
class Failure:
    """Quanta that a mock pipeline lets fail.

    Parameters
    ----------
    label : `str`
        Label of the task in the original pipeline.
    where : `str`
        Condition on the data ID, in the language of queries.
    exception : `str`, optional
        Dotted name of the exception; built-in ones need no module.
    """

    label: str
    where: str
    exception: str = "ValueError"

    @staticmethod
    def parse(text: str) -> Failure:
        """Read ``LABEL:EXCEPTION:WHERE``; without an exception, it is a `ValueError`."""
        label, exception, where = ([part.strip() for part in text.split(":", 2)] + ["", ""])[:3]
        if not (label and where):
            raise ConfigOverrideError(
                f'A mock failure is LABEL:EXCEPTION:WHERE, as in "isr:ValueError:detector = 3", not {text!r}'
            )
        return Failure(label, where, exception or "ValueError")


def mock_pipeline(
    pipeline: Pipeline,
    *,
    graph: PipelineGraph | None = None,
    mocked_inputs: Collection[str] = (),
    failures: Iterable[Failure] = (),
) -> Pipeline:
    """Return a pipeline of mock tasks: with the same quanta, and no work to do.

    Labels and dataset types are those of the original with ``_mock_`` in front. Overall inputs stay what they
    are, and are not loaded.

    Parameters
    ----------
    pipeline : `Pipeline`
        The original.
    graph : `PipelineGraph`, optional
        Its graph; by default one of the built-in universe and storage classes.
    mocked_inputs : collection of `str`, optional
        Overall inputs of which mocks are to be read, made by an earlier run of mocks.
    failures : iterable of `Failure`, optional
        What is to fail.

    Raises
    ------
    ConfigOverrideError
        If a failure names an unknown task or exception, or a condition that data IDs of the task can't tell.
    """
    graph = graph or pipeline.to_graph()
    failing: dict[str, list[Failure]] = {}
    for failure in failures:
        _check(failure, graph)
        failing.setdefault(failure.label, []).append(failure)
    tasks = {
        mock_name(label): _entry(task, graph, mocked_inputs, failing.get(label, []))
        for label, task in graph.tasks.items()
    }
    original = pipeline.document
    subsets = {
        name: Subset(tuple(map(mock_name, subset.labels)), subset.description)
        for name, subset in original.subsets.items()
    }
    file = PurePath(original.file)
    return Pipeline(
        Document(
            f"Mock of: {original.description}",
            tasks,
            instrument=original.instrument,
            subsets=subsets,
            steps=tuple(Step(step.label, step.dimensions) for step in original.steps),
            temporary=tuple(Temporary(mock_name(name)) for name in sorted(graph.temporary)),
            file=str(file.with_stem(f"{file.stem}_mock")) if file.stem else original.file,
        )
    )


def _entry(
    task: TaskNode, graph: PipelineGraph, mocked_inputs: Collection[str], failures: list[Failure]
) -> TaskEntry:
    cls = AdjustingMockTask if overrides_adjust_quantum(task.connections) else MockTask
    config: Any = cls.ConfigClass()
    config.original.retarget(task.task_class)
    config.original = _thawed(task)
    config.saveLogOutput = task.config.saveLogOutput
    nodes = {edge.dataset_type: graph.dataset_types[edge.dataset_type] for edge in task.reads()}
    read = [name for name, node in nodes.items() if node.producer or name in mocked_inputs]
    automatic = [name for name in read if nodes[name].dataset_type.storageClass in _OF_EVERY_TASK]
    config.renamed = automatic
    config.mocked = [name for name in read if name not in automatic]
    config.failWhere = [failure.where for failure in failures]
    config.failException = [failure.exception for failure in failures]
    text = StringIO()
    config.saveToStream(text)
    return TaskEntry(f"{cls.__module__}.{cls.__name__}", (Override("python", "", text.getvalue()),))


_OF_EVERY_TASK = ("TaskMetadata", "ButlerLogRecords", "Config")
"""Storage classes of what every task makes, a mock too."""


def _thawed(task: TaskNode) -> Any:
    """Return an equal configuration that isn't frozen."""
    text = StringIO()
    task.config.saveToStream(text)
    config = task.task_class.ConfigClass()
    config.loadFromString(text.getvalue())
    return config


def _check(failure: Failure, graph: PipelineGraph) -> None:
    task = graph.tasks.get(failure.label)
    if task is None:
        raise ConfigOverrideError(
            f"A mock failure is wanted of {failure.label!r}, which is no task of the pipeline (it has "
            f"{', '.join(graph.tasks)}){suggest(failure.label, graph.tasks)}"
        )
    exception_class(failure.exception)
    keys = [task.dimensions.universe[name].key for name in task.dimensions.keys]
    values = tuple(1 if key is not None and key.type == "int" else "" for key in keys)
    try:
        holds(failure.where, DataCoordinate.from_full(task.dimensions, values))
    except InvalidQueryError as err:
        raise ConfigOverrideError(f"The condition of a mock failure of {failure.label!r}: {err}") from err
