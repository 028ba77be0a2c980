"""Which composites a task can read and make through its connections; what a graph can't do is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipetask.errors import PipelineGraphError
from pipetask.pipeline.nodes import Edge, PartEdge, TaskNode

if TYPE_CHECKING:
    from pipetask.butler import DatasetType
    from pipetask.butler.composites.definition import Part


def check_prerequisite(task: TaskNode, edge: Edge, whole: DatasetType) -> None:
    """Refuse a prerequisite that is not one composite of the quantum's own data ID."""
    if edge.lookup_function is not None:
        raise PipelineGraphError(
            f"{where(task, edge)} has a lookupFunction, and {whole.name!r} is a composite, whose parts "
            "are searched as its definition says: leave the function out, or name the parts"
        )
    if lacking := [name for name in whole.dimensions.required if name not in task.dimensions.names]:
        raise PipelineGraphError(
            f"{where(task, edge)}: a prerequisite that is a composite has the data ID of the quantum, "
            f"and {whole.name!r} has {', '.join(lacking)} besides: declare it as an Input"
        )


def check_identified(task: TaskNode, edge: Edge, whole: DatasetType, part: Part, kind: DatasetType) -> None:
    """Refuse a single part that the composite's data ID does not tell from others."""
    known = {*whole.dimensions.names, *part.data_id}
    if lacking := [name for name in kind.dimensions.required if name not in known]:
        raise PipelineGraphError(
            f"{of_part(task, edge, part)} has data IDs with {', '.join(lacking)}, which the composite's "
            "don't have: let its definition say 'subset', or pin values with 'dataId'"
        )


def check_looked_up(
    task: TaskNode, edge: Edge, part: Part, makers: Mapping[str, str], *, is_nested: bool
) -> None:
    """Refuse a part that is found one by one where it is made, or made of parts."""
    source = part.data_ids_from.partition(".")[0]
    if is_nested:
        raise PipelineGraphError(
            f"{of_part(task, edge, part)} is a composite itself, and searched in its own way: not "
            "possible in a graph; read it through a connection of its own"
        )
    if source in makers:
        raise PipelineGraphError(
            f"{of_part(task, edge, part)} is named by {part.data_ids_from!r}, which must exist before a "
            f"graph can be built, and task {makers[source]!r} of the same pipeline makes "
            f"{source!r}: run the two in different pipelines, one after the other"
        )
    if part.data_ids_from and edge.multiple:
        raise PipelineGraphError(
            f"{of_part(task, edge, part)} is named by {part.data_ids_from!r}, for one composite at a "
            "time: not with multiple=True"
        )


def check_not_made(
    task: TaskNode, edge: Edge, part: Part, makers: Mapping[str, str], *, is_prerequisite: bool
) -> None:
    """Refuse a part that must exist before a graph, and that a task of the pipeline makes."""
    name = part.dataset_type.partition(".")[0]
    if name not in makers:
        return
    why, remedy = f"is searched in its own way ({part})", ""
    if is_prerequisite:
        why, remedy = "belongs to a prerequisite", "declare an Input, or "
    elif not (part.data_id or part.collections or part.unique or part.data_ids_from):
        why = "is a calibration, chosen by its validity"
    raise PipelineGraphError(
        f"{of_part(task, edge, part)} {why}, so it must exist before a graph can be built, and task "
        f"{makers[name]!r} of the same pipeline makes it: {remedy}run the two in different "
        "pipelines, one after the other"
    )


def check_told_apart(task: TaskNode, edge: Edge, whole: DatasetType, parts: list[PartEdge]) -> None:
    """Refuse several composites in a quantum if their parts don't tell them apart."""
    known = set(task.dimensions.names).union(*(part.dimensions.names for part in parts))
    lacking = set(whole.dimensions.required) - known
    of_parts = {name for part in parts for name in part.dimensions.required}
    implied = of_parts.intersection(whole.dimensions.implied)
    if implied:
        raise PipelineGraphError(
            f"{where(task, edge)} takes several {whole.name!r}, whose data IDs only imply the "
            f"{', '.join(sorted(implied))} of a part: take one per quantum"
        )
    if lacking:
        raise PipelineGraphError(
            f"{where(task, edge)} takes several {whole.name!r}, whose parts have no "
            f"{', '.join(sorted(lacking))}: leave these out of the composite's dimensions"
        )


def where(task: TaskNode, edge: Edge) -> str:
    """Name a connection, for messages."""
    return f"connection {edge.connection!r} of task {task.label!r}"


def of_part(task: TaskNode, edge: Edge, part: Part) -> str:
    """Name a part of a composite and the connection, for messages."""
    return (
        f"Part {part.name!r} of composite {edge.dataset_type!r} ({where(task, edge)}; {part.dataset_type!r})"
    )
