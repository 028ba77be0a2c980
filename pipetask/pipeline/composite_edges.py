"""Composites that tasks read and write: edges of their parts take the place of one of the whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipetask.errors import PipelineGraphError, UnknownComponentError, UnknownStorageClassError
from pipetask.pipeline.composite_checks import (
    check_identified,
    check_looked_up,
    check_not_made,
    check_prerequisite,
    check_told_apart,
    of_part,
    where,
)
from pipetask.pipeline.nodes import CompositeEdge, Edge, PartEdge, TaskNode

if TYPE_CHECKING:
    from pipetask.butler import Composite, DatasetType, StorageClasses
    from pipetask.butler.composites.definition import Part


def with_parts(
    tasks: Mapping[str, TaskNode],
    composites: Mapping[str, Composite],
    registered: Mapping[str, DatasetType],
    storage_classes: StorageClasses,
) -> dict[str, TaskNode]:
    """Replace the edges to composites by edges to their parts; `TaskNode.composites` remembers them.

    Parameters
    ----------
    tasks : mapping
        The tasks by label.
    composites : mapping
        The repository's definitions by name of the dataset type.
    registered : mapping
        The dataset types that the repository has, by name.
    storage_classes : `StorageClasses`
        What storage class names mean.

    Raises
    ------
    PipelineGraphError
        If a task uses a composite in a way that a graph can't.
    """
    if not composites:
        return dict(tasks)
    expansion = _Expansion(tasks, composites, registered, storage_classes)
    return {label: expansion.of(task) for label, task in tasks.items()}


@dataclass(slots=True)
class _Expanded:
    """The edges of one task while composites are being replaced."""

    task: TaskNode
    inputs: dict[str, Edge]
    prerequisites: dict[str, Edge]
    outputs: dict[str, Edge]
    composites: dict[str, CompositeEdge]


class _Expansion:
    """Replaces composites, with what is known of the dataset types of a pipeline."""

    def __init__(
        self,
        tasks: Mapping[str, TaskNode],
        composites: Mapping[str, Composite],
        registered: Mapping[str, DatasetType],
        storage_classes: StorageClasses,
    ) -> None:
        self._composites = composites
        self._registered = registered
        self._classes = storage_classes
        self._makers: dict[str, Edge] = {}
        self._maker_labels: dict[str, str] = {}
        for label, task in tasks.items():
            for edge in task.outputs.values():
                for name, made in self._written(edge):
                    self._makers.setdefault(name, made)
                    self._maker_labels.setdefault(name, label)

    def of(self, task: TaskNode) -> TaskNode:
        """Return a task with the parts of its composites."""
        for role, edges in (("init-input", task.init_inputs), ("init-output", task.init_outputs)):
            for edge in edges.values():
                if edge.dataset_type in self._composites:
                    raise PipelineGraphError(
                        f"{where(task, edge)}: {edge.dataset_type!r} is a composite, which can't be an "
                        f"{role}: a task is constructed with datasets that a run has once, whole. Name its "
                        "parts, or take the composite for each quantum, as a PrerequisiteInput"
                    )
        if not any(edge.dataset_type in self._composites for edge in (*task.reads(), *task.writes())):
            return task
        made = _Expanded(task, {}, {}, {}, {})
        for edge in task.prerequisite_inputs.values():
            if edge.dataset_type in self._composites:
                check_prerequisite(task, edge, self._whole(task, edge, self._composites[edge.dataset_type]))
                self._read(made, edge, is_prerequisite=True)
            else:
                made.prerequisites[edge.connection] = edge
        for edge in task.inputs.values():
            if edge.dataset_type in self._composites:
                self._read(made, edge)
            else:
                made.inputs[edge.connection] = edge
        for edge in task.outputs.values():
            if edge.dataset_type in self._composites:
                self._write(made, edge)
            else:
                made.outputs[edge.connection] = edge
        return replace(
            task,
            inputs=made.inputs,
            prerequisite_inputs=made.prerequisites,
            outputs=made.outputs,
            composites=made.composites,
        )

    def _read(self, made: _Expanded, edge: Edge, *, is_prerequisite: bool = False) -> None:
        """Add the edges of a composite that a task reads, those of composites among its parts first."""
        composite, whole = self._checked(made.task, edge, is_output=False)
        parts = []
        for part in composite.needed_for(edge.component):
            parts.append(self._read_part(made, edge, whole, part, is_prerequisite=is_prerequisite))
        if edge.multiple:
            check_told_apart(made.task, edge, whole, parts)
        made.composites[edge.connection] = CompositeEdge(
            edge, composite, whole, tuple(parts), is_prerequisite=is_prerequisite
        )

    def _read_part(
        self, made: _Expanded, edge: Edge, whole: DatasetType, part: Part, *, is_prerequisite: bool
    ) -> PartEdge:
        """Add the edge of a part that must be there, or those of its parts."""
        kind = self._type_of_part(made.task, edge, part)
        if not part.many:
            check_identified(made.task, edge, whole, part, kind)
        has_own_search = bool(part.data_id or part.collections or part.unique or part.data_ids_from)
        looked_up = has_own_search or is_prerequisite or kind.isCalibration()
        if has_own_search:
            is_nested = part.dataset_type.partition(".")[0] in self._composites
            check_looked_up(made.task, edge, part, self._maker_labels, is_nested=is_nested)
        if looked_up:
            check_not_made(made.task, edge, part, self._maker_labels, is_prerequisite=is_prerequisite)
        part_edge = self._part_edge(edge, part, kind)
        if part_edge.dataset_type in self._composites:
            self._read(made, part_edge, is_prerequisite=is_prerequisite)
        elif looked_up:
            made.prerequisites[part_edge.connection] = part_edge
        else:
            made.inputs[part_edge.connection] = part_edge
        return PartEdge(part_edge.connection, part, kind.dimensions, looked_up)

    def _write(self, made: _Expanded, edge: Edge) -> None:
        """Add the edges of a composite that a task makes: the parts written, and those it refers to."""
        composite, whole = self._checked(made.task, edge, is_output=True)
        parts = []
        for part in composite.parts:
            if part.many:
                continue
            if not part.is_written:
                parts.append(self._read_part(made, edge, whole, part, is_prerequisite=False))
                continue
            kind = self._type_of_part(made.task, edge, part)
            part_edge = self._part_edge(edge, part, kind)
            parts.append(PartEdge(part_edge.connection, part, kind.dimensions))
            if part.data_id:
                raise PipelineGraphError(
                    f"{of_part(made.task, edge, part)} would be written under a pinned data ID, and a graph "
                    "predicts what a task makes from the data IDs of quanta: give it to an Output of its own"
                )
            if part_edge.dataset_type in self._composites:
                self._write_nested(made, edge, part, part_edge)
                continue
            lacking = set(made.task.dimensions.required) - set(kind.dimensions.names)
            if lacking and not part.write_once:
                raise PipelineGraphError(
                    f"{of_part(made.task, edge, part)} has no {', '.join(sorted(lacking))}, so that several "
                    f"quanta would write it: let the definition say 'writeOnce' or 'inputOnly'"
                )
            made.outputs[part_edge.connection] = part_edge
        made.composites[edge.connection] = CompositeEdge(edge, composite, whole, tuple(parts), is_output=True)

    def _write_nested(self, made: _Expanded, edge: Edge, part: Part, part_edge: Edge) -> None:
        """Add the edges of a composite that is a written part of another one."""
        if part.write_once:
            raise PipelineGraphError(
                f"{of_part(made.task, edge, part)} is a composite, of which each quantum writes what it "
                "has: let the definition of that one say 'writeOnce' of its parts"
            )
        self._write(made, part_edge)

    def _checked(self, task: TaskNode, edge: Edge, *, is_output: bool) -> tuple[Composite, DatasetType]:
        """Return the definition and dataset type of a composite that a connection fits to."""
        composite = self._composites[edge.dataset_type]
        whole = self._whole(task, edge, composite)
        if edge.dimensions != whole.dimensions:
            raise PipelineGraphError(
                f"Composite {whole.name!r} has dimensions {whole.dimensions} in its definition but "
                f"{edge.dimensions} in {where(task, edge)}"
            )
        stored = whole.storageClass
        try:
            if edge.component is not None:
                stored = self._component_class(task, edge, composite)
            source, target = (edge.storage_class, stored) if is_output else (stored, edge.storage_class)
            self._classes.get(source)
            fits = self._classes.can_convert(source, target)
        except (UnknownStorageClassError, UnknownComponentError) as err:
            raise PipelineGraphError(f"{where(task, edge)}: {err}") from err
        if not fits:
            raise PipelineGraphError(
                f"Composite {edge.name!r} has storage class {stored!r} in its definition and "
                f"{edge.storage_class!r} in {where(task, edge)}; {source!r} does not convert to {target!r}"
            )
        return composite, whole

    def _whole(self, task: TaskNode, edge: Edge, composite: Composite) -> DatasetType:
        """Return the dataset type of a composite: the repository's, or what will be registered."""
        from pipetask.butler import ANY_OBJECT, DatasetType

        if composite.name in self._registered:
            return self._registered[composite.name]
        if composite.dimensions is None:
            raise PipelineGraphError(
                f"Composite {composite.name!r} ({where(task, edge)}) is not registered, and its definition "
                "has no 'dimensions': add them, or register it first (butler register-composite)"
            )
        dimensions = edge.dimensions.universe.conform(composite.dimensions)
        return DatasetType(composite.name, dimensions, composite.storage_class or ANY_OBJECT)

    def _component_class(self, task: TaskNode, edge: Edge, composite: Composite) -> str:
        from pipetask.butler import component_class

        assert edge.component is not None
        return component_class(
            composite,
            edge.component,
            self._classes,
            lambda part: self._part_edge(edge, part, self._type_of_part(task, edge, part)).storage_class,
        )

    def _type_of_part(self, task: TaskNode, edge: Edge, part: Part) -> DatasetType:
        """Return the dataset type of a part: the repository's, or as a task of the pipeline makes it."""
        from pipetask.butler import DatasetType

        name = part.dataset_type.partition(".")[0]
        if name in self._composites:
            return self._whole(task, edge, self._composites[name])
        if name in self._registered:
            return self._registered[name]
        if name in self._makers:
            made = self._makers[name]
            return DatasetType(name, made.dimensions, made.storage_class)
        raise PipelineGraphError(
            f"{of_part(task, edge, part)} is of dataset type {name!r}, which is neither registered nor made "
            "by a task: register it first (butler register-dataset-type)"
        )

    def _part_edge(self, edge: Edge, part: Part, kind: DatasetType) -> Edge:
        """Make the edge of a part; how many there must be is counted for the whole."""
        name, _, component = part.dataset_type.partition(".")
        storage_class = kind.storageClass
        if component and name in self._composites:
            from pipetask.butler import component_class

            storage_class = component_class(
                self._composites[name],
                component,
                self._classes,
                lambda inner: self._registered[inner.dataset_type.partition(".")[0]].storageClass,
            )
        elif component:
            storage_class = self._classes.component_class(storage_class, component)
        return Edge(
            f"{edge.connection}/{part.name}",
            name,
            component or None,
            kind.dimensions,
            storage_class,
            multiple=True,
            minimum=0,
            defers_constraint=edge.defers_constraint or (part.many and not part.minimum),
        )

    def _written(self, edge: Edge) -> Iterator[tuple[str, Edge]]:
        """Yield the names of the dataset types that an output edge writes, each with an edge like it."""
        composite = self._composites.get(edge.dataset_type)
        if composite is None:
            yield edge.dataset_type, edge
            return
        for part in composite.parts:
            if part.is_written:
                yield part.dataset_type, edge
