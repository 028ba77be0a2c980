"""What each dataset type of a pipeline is, told by its producer, the repository and its consumers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipetask.butler import DatasetType
from pipetask.errors import (
    InvalidDatasetTypeError,
    PipelineGraphError,
    UnknownComponentError,
    UnknownStorageClassError,
)
from pipetask.pipeline.nodes import Edge, TaskNode

if TYPE_CHECKING:
    from pipetask.butler import StorageClasses


@dataclass(frozen=True, slots=True)
class DatasetTypeNode:
    """A dataset type of a pipeline, the task that makes it (if any) and those that read it."""

    dataset_type: DatasetType
    producer: str | None
    consumers: tuple[str, ...]
    is_init: bool
    is_prerequisite: bool

    @property
    def is_overall_input(self) -> bool:
        """Whether it must exist before the pipeline runs."""
        return self.producer is None and bool(self.consumers)


_OTHER_NAME = "Give it another name, e.g. -c {use.label}:connections.{use.edge.connection}=..."
_OTHER_LABEL = "Give the task another label, which names of its logs and metadata begin with"


@dataclass(frozen=True, slots=True)
class _Use:
    """One connection of one task to a dataset type."""

    label: str
    edge: Edge
    is_init: bool
    is_prerequisite: bool = False

    def __str__(self) -> str:
        return f"connection {self.edge.connection!r} of task {self.label!r}"


def resolve_dataset_types(
    tasks: Mapping[str, TaskNode], registered: Mapping[str, DatasetType], storage_classes: StorageClasses
) -> dict[str, DatasetTypeNode]:
    """Return all dataset types of the tasks, by name, those of connections before the automatic ones.

    The definition comes from the repository, else from the producer, else from the first task that reads the
    whole dataset; all others must agree with it in dimensions, and storage classes must convert.
    """
    producers: dict[str, _Use] = {}
    consumers: dict[str, list[_Use]] = {}
    for label, task in tasks.items():
        for name in sorted({edge.dataset_type for edge in (*task.reads(), *task.writes())}):
            consumers.setdefault(name, [])
        for edge in task.reads():
            use = _Use(
                label, edge, edge.connection in task.init_inputs, edge.connection in task.prerequisite_inputs
            )
            consumers[edge.dataset_type].append(use)
        for edge in task.writes():
            _add_producer(producers, _Use(label, edge, edge.connection in task.init_outputs))
    for label, task in tasks.items():
        for edge, is_init in _automatic_edges(task):
            consumers.setdefault(edge.dataset_type, [])
            _add_producer(producers, _Use(label, edge, is_init))
    check = _Check(registered, storage_classes)
    nodes = {name: check.node(name, producers.get(name), uses) for name, uses in consumers.items()}
    empty = next((task.dimensions.universe.empty for task in tasks.values()), None)
    if empty is not None and "packages" not in nodes:
        packages = DatasetType("packages", empty, "Packages")
        nodes["packages"] = DatasetTypeNode(packages, None, (), is_init=True, is_prerequisite=False)
    return nodes


def _automatic_edges(task: TaskNode) -> list[tuple[Edge, bool]]:
    """Return the datasets that every task writes undeclared, and whether they are init-outputs."""
    empty = task.dimensions.universe.empty
    log = (Edge("log", task.log_dataset, None, task.dimensions, "ButlerLogRecords"), False)
    return [
        *([log] if task.saves_log else []),
        (Edge("metadata", task.metadata_dataset, None, task.dimensions, "TaskMetadata"), False),
        (Edge("config", task.config_dataset, None, empty, "Config"), True),
    ]


def _add_producer(producers: dict[str, _Use], use: _Use) -> None:
    name = use.edge.dataset_type
    if name in producers:
        raise PipelineGraphError(
            f"Dataset type {name!r} has two producers:\n"
            f"  {producers[name].label} ─▶ {name} ◀─ {use.label}\n"
            f"({producers[name]} and {use}); rename one, e.g. "
            f"-c {use.label}:connections.{use.edge.connection}=..."
        )
    producers[name] = use


@dataclass(frozen=True, slots=True)
class _Check:
    """Compares uses of a dataset type with its definition."""

    registered: Mapping[str, DatasetType]
    storage_classes: StorageClasses

    def node(self, name: str, producer: _Use | None, consumers: list[_Use]) -> DatasetTypeNode:
        uses = [*([producer] if producer else []), *consumers]
        for use in uses[1:]:
            if use.is_init is not uses[0].is_init:
                init, other = (use, uses[0]) if use.is_init else (uses[0], use)
                raise PipelineGraphError(
                    f"Dataset type {name!r} belongs to a task as such for {init}, and to quanta for {other}"
                )
        prerequisite = [use for use in consumers if use.is_prerequisite]
        if prerequisite and producer:
            raise PipelineGraphError(
                f"Dataset type {name!r} is a prerequisite for {prerequisite[0]}, and task {producer.label!r} "
                "of the same pipeline makes it: use an Input, or run the two tasks in different pipelines"
            )
        declared = [
            use for use in prerequisite if "/" not in use.edge.connection
        ]  # not as a composite's part
        if declared and len(prerequisite) < len(consumers):
            plain = next(use for use in consumers if not use.is_prerequisite)
            raise PipelineGraphError(
                f"Dataset type {name!r} is a prerequisite for {declared[0]} and an ordinary input for {plain}"
            )
        definition, source = self._definition(name, producer, consumers)
        for use in uses:
            self._compare(use, definition, source, is_output=use is producer)
        labels = tuple(dict.fromkeys(use.label for use in consumers))
        label = producer.label if producer else None
        return DatasetTypeNode(
            definition, label, labels, uses[0].is_init, len(prerequisite) == len(consumers) > 0
        )

    def _definition(self, name: str, producer: _Use | None, consumers: list[_Use]) -> tuple[DatasetType, str]:
        """Return the dataset type, and where its definition comes from."""
        if name in self.registered:
            return self.registered[name], "the repository"
        first = producer or next((use for use in consumers if use.edge.component is None), None)
        if first is None:
            raise PipelineGraphError(
                f"Dataset type {name!r} is neither registered nor made by a task, and {consumers[0]} reads "
                f"only its component {consumers[0].edge.component!r}: register it first"
            )
        edge = first.edge
        is_calibration = any(use.edge.is_calibration for use in (first, *consumers))
        try:
            made = DatasetType(name, edge.dimensions, edge.storage_class, isCalibration=is_calibration)
        except InvalidDatasetTypeError as err:
            raise PipelineGraphError(f"{_capital(first)}: {err}") from err
        return made, str(first)

    def _compare(self, use: _Use, definition: DatasetType, source: str, *, is_output: bool) -> None:
        edge, name = use.edge, definition.name
        if edge.dimensions != definition.dimensions:
            raise PipelineGraphError(
                f"Dataset type {name!r} has dimensions {definition.dimensions} in {source} "
                f"but {edge.dimensions} in {use}",
                hint=(_OTHER_LABEL if name == f"{use.label}_{edge.connection}" else _OTHER_NAME).format(
                    use=use
                ),
            )
        stored, wanted = definition.storageClass, edge.storage_class
        try:
            if edge.component is not None:
                stored = self.storage_classes.component_class(stored, edge.component)
            source_class, target_class = (wanted, stored) if is_output else (stored, wanted)
            self.storage_classes.get(source_class)
            fits = self.storage_classes.can_convert(source_class, target_class)
        except (UnknownStorageClassError, UnknownComponentError) as err:
            raise PipelineGraphError(f"{_capital(use)}: {err}") from err
        if not fits:
            raise PipelineGraphError(
                f"Dataset type {edge.name!r} has storage class {stored!r} in {source} and {wanted!r} in "
                f"{use}; {source_class!r} does not convert to {target_class!r}"
            )


def _capital(use: _Use) -> str:
    return str(use)[0].upper() + str(use)[1:]
