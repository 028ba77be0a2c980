"""Show a pipeline as text: its graph in several languages, tasks, subsets, inputs and configurations."""

import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from io import StringIO
from typing import TYPE_CHECKING, Any

from lsst.pex.config import Config, ConfigurableInstance

from pipetask.errors import PipelineDocumentError
from pipetask.pipeline.draw.content import content
from pipetask.pipeline.draw.dot import draw_dot
from pipetask.pipeline.draw.mermaid import draw_mermaid
from pipetask.pipeline.draw.svg import draw_svg
from pipetask.pipeline.draw.text import draw_text
from pipetask.reports.pipeline_page import pipeline_page

if TYPE_CHECKING:
    from pipetask.pipeline.pipeline import Pipeline
    from pipetask.pipeline.pipeline_graph import PipelineGraph, TaskNode

TAKES_VALUE = ("config", "history", "dump-config")
ITEMS = (
    "pipeline",
    "pipeline-graph",
    "task-graph",
    "mermaid",
    "dot",
    "svg",
    "html",
    "tasks",
    "subsets",
    "inputs",
    *TAKES_VALUE,
)


def pipeline_text(pipeline: "Pipeline", graph: "PipelineGraph", item: str, value: str = "") -> str:
    """Return one view of a pipeline.

    Parameters
    ----------
    pipeline : `Pipeline`
        The pipeline.
    graph : `PipelineGraph`
        Its graph.
    item : `str`
        One of `ITEMS`.
    value : `str`, optional
        For ``config`` and ``history`` ``[LABEL::]PATTERN``, the field names to show, without regard to case
        unless ``:NOIGNORECASE`` follows; for ``dump-config`` a label.
    """
    if item in TAKES_VALUE:
        return "\n\n".join(_configurations(graph, item, value))
    views: dict[str, Callable[[], str]] = {
        "pipeline": pipeline.to_yaml,
        "pipeline-graph": lambda: draw_text(content(graph)),
        "task-graph": lambda: draw_text(content(graph, dataset_types=False)),
        "mermaid": lambda: draw_mermaid(content(graph)),
        "dot": lambda: draw_dot(content(graph)),
        "svg": lambda: draw_svg(content(graph), graph.description),
        "html": lambda: pipeline_page(graph),
        "tasks": lambda: "\n".join(line for task in graph.tasks.values() for line in _task(task)),
        "subsets": lambda: _subsets(pipeline),
        "inputs": lambda: _inputs(graph),
    }
    return views[item]()


def _task(task: "TaskNode") -> Iterator[str]:
    yield f"{task.label}: {task.task_class_name} {{{', '.join(task.dimensions.required)}}}"
    for name, field in task.config.items():
        if isinstance(field, ConfigurableInstance):
            yield f"  {name}: {field.target.__module__}.{field.target.__qualname__}"


def _subsets(pipeline: "Pipeline") -> str:
    lines = []
    for name, subset in pipeline.subsets.items():
        lines.append(f"{name}: {', '.join(subset.labels)}")
        if subset.description:
            lines.append(f"  {subset.description}")
    return "\n".join(lines) or "The pipeline has no subsets."


def _inputs(graph: "PipelineGraph") -> str:
    lines = []
    for name, node in graph.overall_inputs().items():
        kind = "prerequisite of" if node.is_prerequisite else "input of"
        dataset_type = node.dataset_type
        dimensions = ", ".join(dataset_type.dimensions.required)
        lines.append(
            f"{name}: {{{dimensions}}} {dataset_type.storageClass}, {kind} {', '.join(node.consumers)}"
        )
    return "\n".join(lines) or "The pipeline reads nothing."


def _configurations(graph: "PipelineGraph", item: str, value: str) -> Iterator[str]:
    label, pattern = (value, "*") if item == "dump-config" else _label_and_pattern(value)
    if label and label not in graph.tasks:
        raise PipelineDocumentError(
            f"--show {item}={value}: the pipeline has no task {label!r} (it has {', '.join(graph.tasks)})"
        )
    matches = _matcher(pattern)
    found = False
    for task in [graph.tasks[label]] if label else graph.tasks.values():
        if item == "history":
            lines = list(_history(task.config, matches))
        else:
            lines = list(_fields(task.config, matches, complete=item == "dump-config"))
        if lines:
            found = True
            yield "\n".join([f"### {task.label}: {task.task_class_name}", *lines])
    if not found:
        raise PipelineDocumentError(f"--show {item}={value}: no config field is called like {pattern!r}")


def _label_and_pattern(value: str) -> tuple[str, str]:
    label, separator, pattern = value.rpartition("::")
    return (label, pattern or "*") if separator else ("", value or "*")


def _matcher(pattern: str) -> Callable[[str], bool]:
    exact = pattern.removesuffix(":NOIGNORECASE")
    if exact != pattern:
        return lambda name: fnmatchcase(name, exact)
    return lambda name: fnmatchcase(name.casefold(), pattern.casefold())


_ASSIGNMENT = re.compile(r"config\.(?P<field>[^=]*)=")


def _fields(config: Any, matches: Callable[[str], bool], *, complete: bool) -> Iterator[str]:
    """Yield the matching statements of the configuration as Python, each after its comment."""
    text = StringIO()
    config.saveToStream(text)
    for paragraph in text.getvalue().split("\n\n"):
        statement = _ASSIGNMENT.search("\n".join(s for s in paragraph.splitlines() if not s.startswith("#")))
        if complete or (statement and matches(statement["field"])):
            yield from paragraph.strip("\n").splitlines()


def _history(config: Any, matches: Callable[[str], bool]) -> Iterator[str]:
    """Yield each matching field, with the values it had, first to last, and where each was set."""
    for name, holder, field in _walk(config):
        if not matches(name):
            continue
        yield name
        for value, frames, _ in holder.history.get(field, ()):
            where = frames[-1]
            line = f":{where.lineno}" if where.lineno else ""
            yield f"  {value!r} from {where.filename}{line}"


def _walk(config: Any, prefix: str = "") -> Iterator[tuple[str, Any, str]]:
    """Yield full name, configuration and own name of each field, those of parts too."""
    items: Mapping[str, Any] = config.toDict()
    for field in items:
        value = getattr(config, field)
        value = getattr(value, "value", value)  # what a configurable or registry field has selected
        if isinstance(value, Config):
            yield from _walk(value, f"{prefix}{field}.")
        else:
            yield f"{prefix}{field}", config, field
