"""TaskNode and Edge: a configured task and its connections, with dimensions resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from pipetask.butler import suggest
from pipetask.errors import PipelineGraphError, PipetaskError, TaskDefinitionError, described
from pipetask.task.connection_types import BaseConnection
from pipetask.task.connections import PipelineTaskConnections
from pipetask.task.pipeline_task import PipelineTask, check_task

if TYPE_CHECKING:
    from pipetask.butler import Composite, DatasetType, DimensionGroup, DimensionUniverse
    from pipetask.butler.composites.definition import Part


@dataclass(frozen=True, slots=True)
class Edge:
    """One connection of a configured task.

    Parameters
    ----------
    connection : `str`
        Name of the connection.
    dataset_type : `str`
        Name of the dataset type, without component.
    component : `str` or `None`
        The component that the task reads (``wcs`` of ``calexp.wcs``).
    dimensions : `DimensionGroup`
        Dimensions of the dataset type, as the connection declares them; empty for init connections.
    storage_class : `str`
        What the task receives or makes.
    multiple, deferLoad, minimum, is_calibration, lookup_function
        As in the connection; ``minimum`` is 0 for outputs.
    defers_constraint : `bool`, optional
        Whether the dataset need not exist for a data ID to be considered (``deferGraphConstraint``).
    """

    connection: str
    dataset_type: str
    component: str | None
    dimensions: DimensionGroup
    storage_class: str
    multiple: bool = False
    deferLoad: bool = False
    minimum: int = 1
    is_calibration: bool = False
    lookup_function: Callable[..., Any] | None = None
    defers_constraint: bool = False

    @property
    def name(self) -> str:
        """Name of the dataset type, with the component."""
        return f"{self.dataset_type}.{self.component}" if self.component else self.dataset_type


@dataclass(frozen=True, slots=True)
class PartEdge:
    """A part of a composite that a task reads or writes.

    Parameters
    ----------
    name : `str`
        Of the part's edge among those of the task: ``"<connection>/<part>"``.
    part : `Part`
        Its definition.
    dimensions : `DimensionGroup`
        Of its dataset type.
    looked_up : `bool`, optional
        Whether its definition says how it is searched, so that it must exist before the graph.
    """

    name: str
    part: Part
    dimensions: DimensionGroup
    looked_up: bool = False


@dataclass(frozen=True, slots=True)
class CompositeEdge:
    """A connection to a composite, for which the edges of its parts stand.

    Parameters
    ----------
    edge : `Edge`
        The connection as declared; of a composite inside another one, ``"<connection>/<part>"``.
    composite : `Composite`
        The definition.
    whole : `DatasetType`
        The composite's own, as registered.
    parts : `tuple` [ `PartEdge` ]
        The parts that have edges: those of which the component asked for is made; of an output, those that
        are single datasets.
    is_output : `bool`, optional
        Whether the task makes it.
    is_prerequisite : `bool`, optional
        Whether it must exist before the graph, as all its parts then must.
    """

    edge: Edge
    composite: Composite
    whole: DatasetType
    parts: tuple[PartEdge, ...]
    is_output: bool = False
    is_prerequisite: bool = False


@dataclass(frozen=True, slots=True)
class TaskNode:
    """A task of a pipeline: class, frozen configuration, and connections by role and name."""

    label: str
    task_class: type[PipelineTask]
    task_class_name: str
    config: Any  # an instance of the class's ConfigClass
    connections: PipelineTaskConnections
    dimensions: DimensionGroup
    init_inputs: dict[str, Edge]
    init_outputs: dict[str, Edge]
    inputs: dict[str, Edge]
    prerequisite_inputs: dict[str, Edge]
    outputs: dict[str, Edge]
    spatial_bounds: tuple[str, ...] = ()
    """Connections whose data IDs' regions count as the quantum's, for prerequisites by sky pixel."""
    temporal_bounds: tuple[str, ...] = ()
    """Connections whose data IDs' times count as the quantum's, for calibrations."""
    composites: Mapping[str, CompositeEdge] = field(default_factory=dict)
    """Composites by name of the connection, those that are parts before what they are parts of. Their parts
    are among ``inputs``, ``prerequisite_inputs`` and ``outputs``, under names with a slash."""

    @property
    def saves_log(self) -> bool:
        """Whether the quanta's logs are stored."""
        return bool(self.config.saveLogOutput)

    @property
    def log_dataset(self) -> str:
        """Name of the dataset type of the quanta's logs."""
        return f"{self.label}_log"

    @property
    def metadata_dataset(self) -> str:
        """Name of the dataset type of the quanta's metadata."""
        return f"{self.label}_metadata"

    @property
    def config_dataset(self) -> str:
        """Name of the dataset type of the configuration."""
        return f"{self.label}_config"

    def reads(self) -> Iterator[Edge]:
        """Iterate over all that the task reads: init-inputs, inputs, prerequisites."""
        return chain(self.init_inputs.values(), self.inputs.values(), self.prerequisite_inputs.values())

    def writes(self) -> Iterator[Edge]:
        """Iterate over all that the task's connections write: init-outputs, outputs."""
        return chain(self.init_outputs.values(), self.outputs.values())


def configured_connections(label: str, cls: type[PipelineTask], config: Any) -> PipelineTaskConnections:
    """Make the connections of a configured task.

    Raises
    ------
    TaskDefinitionError
        If the code of the connections class fails.
    """
    kind = cls.ConfigClass.ConnectionsClass
    try:
        made: PipelineTaskConnections = kind(config=config)
    except PipetaskError:
        raise
    except Exception as err:
        raise TaskDefinitionError(
            f"Task {label!r} ({cls.__module__}.{cls.__qualname__}): __init__ of {kind.__qualname__} failed: "
            f"{described(err)}"
        ) from err
    return made


def make_task_node(label: str, cls: type[PipelineTask], config: Any, universe: DimensionUniverse) -> TaskNode:
    """Make the connections of a configured task, check the task against them, resolve dimensions."""
    connections = configured_connections(label, cls, config)
    check_task(cls, connections, label)
    roles = {
        role: {
            name: _edge(label, name, connections.allConnections[name], universe)
            for name in getattr(connections, role)
        }
        for role in ("initInputs", "initOutputs", "inputs", "prerequisiteInputs", "outputs")
    }
    for name, edge in (roles["outputs"] | roles["initOutputs"]).items():
        if edge.component is not None:
            raise PipelineGraphError(
                f"Task {label!r}: output connection {name!r} writes the component {edge.name!r}: not possible"
            )
    return TaskNode(
        label=label,
        task_class=cls,
        task_class_name=f"{cls.__module__}.{cls.__qualname__}",
        config=config,
        connections=connections,
        dimensions=conform(universe, connections.dimensions, f"Task {label!r}"),
        init_inputs=roles["initInputs"],
        init_outputs=roles["initOutputs"],
        inputs=roles["inputs"],
        prerequisite_inputs=roles["prerequisiteInputs"],
        outputs=roles["outputs"],
        spatial_bounds=_bounds(label, connections, "getSpatialBoundsConnections", roles),
        temporal_bounds=_bounds(label, connections, "getTemporalBoundsConnections", roles),
    )


def _bounds(
    label: str, connections: PipelineTaskConnections, hook: str, roles: Mapping[str, Mapping[str, Edge]]
) -> tuple[str, ...]:
    """Return what a hook names: inputs and outputs with a region, or a time."""
    known = {**roles["inputs"], **roles["outputs"]}
    names = tuple(getattr(connections, hook)())
    where = f"Task {label!r}: {hook} of {type(connections).__name__}"
    for name in names:
        if name not in known:
            raise PipelineGraphError(
                f"{where} names {name!r}, which is no Input or Output of this configuration"
                f"{suggest(name, known)}"
            )
        dimensions = known[name].dimensions
        if not (dimensions.spatial if "Spatial" in hook else dimensions.temporal):
            what = "region" if "Spatial" in hook else "time"
            raise PipelineGraphError(f"{where} names {name!r}, whose data IDs {dimensions} have no {what}")
    return names


def _edge(label: str, name: str, connection: BaseConnection, universe: DimensionUniverse) -> Edge:
    if getattr(connection, "deferBinding", False):
        raise PipelineGraphError(
            f"Task {label!r}: connection {name!r} has deferBinding=True, for a graph builder that binds it; "
            "there is none here. Take it out in __init__, or declare a PrerequisiteInput"
        )
    parent, _, component = connection.name.partition(".")
    return Edge(
        connection=name,
        dataset_type=parent,
        component=component or None,
        dimensions=conform(universe, connection.dimensions, f"Task {label!r}, connection {name!r}"),
        storage_class=connection.storageClass,
        multiple=connection.multiple,
        deferLoad=getattr(connection, "deferLoad", False),
        minimum=getattr(connection, "minimum", 0),
        is_calibration=getattr(connection, "isCalibration", False),
        lookup_function=getattr(connection, "lookupFunction", None),
        defers_constraint=getattr(connection, "deferGraphConstraint", False),
    )


def conform(universe: DimensionUniverse, names: Any, where: str) -> DimensionGroup:
    """Return the group of some dimensions; an error that begins with ``where`` if one is unknown."""
    from pipetask.errors import UnknownDimensionError

    try:
        return universe.conform(names)
    except UnknownDimensionError as err:
        raise PipelineGraphError(f"{where}: {err}") from err
