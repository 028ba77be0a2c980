"""Declare tasks, join their inputs into quanta, run them in parallel and know what was made from what.

The public names of the task API, each loaded at first use. With ``PIPETASK_LSST_COMPAT=1`` in the
environment, modules of the reference's two packages have stand-ins, see `pipetask.compat`.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipetask.butler import Background as Background
    from pipetask.butler import BackgroundMesh as BackgroundMesh
    from pipetask.butler import Box as Box
    from pipetask.butler import Butler as Butler
    from pipetask.butler import DataCoordinate as DataCoordinate
    from pipetask.butler import DatasetRef as DatasetRef
    from pipetask.butler import DatasetType as DatasetType
    from pipetask.butler import DeferredDatasetHandle as DeferredDatasetHandle
    from pipetask.butler import DimensionUniverse as DimensionUniverse
    from pipetask.butler import Exposure as Exposure
    from pipetask.butler import Mask as Mask
    from pipetask.butler import PhotoCalib as PhotoCalib
    from pipetask.butler import Psf as Psf
    from pipetask.butler import TaskMetadata as TaskMetadata
    from pipetask.butler import Timespan as Timespan
    from pipetask.butler import VisitInfo as VisitInfo
    from pipetask.errors import AlgorithmError as AlgorithmError
    from pipetask.errors import AnnotatedPartialOutputsError as AnnotatedPartialOutputsError
    from pipetask.errors import NoWorkFound as NoWorkFound
    from pipetask.errors import PipetaskError as PipetaskError
    from pipetask.errors import RepeatableQuantumError as RepeatableQuantumError
    from pipetask.errors import TaskError as TaskError
    from pipetask.errors import UnprocessableDataError as UnprocessableDataError
    from pipetask.errors import UpstreamFailureNoWorkFound as UpstreamFailureNoWorkFound
    from pipetask.graph.builder import QuantumGraphBuilder as QuantumGraphBuilder
    from pipetask.graph.quantum_graph import QuantumGraph as QuantumGraph
    from pipetask.pipeline.pipeline import Pipeline as Pipeline
    from pipetask.pipeline.pipeline_graph import PipelineGraph as PipelineGraph
    from pipetask.task import connection_types as connectionTypes  # noqa: F401, N812
    from pipetask.task.config import Config as Config
    from pipetask.task.config import PipelineTaskConfig as PipelineTaskConfig
    from pipetask.task.connections import PipelineTaskConnections as PipelineTaskConnections
    from pipetask.task.context import ButlerQuantumContext as ButlerQuantumContext
    from pipetask.task.context import ExecutionResources as ExecutionResources
    from pipetask.task.context import QuantumContext as QuantumContext
    from pipetask.task.pipeline_task import PipelineTask as PipelineTask
    from pipetask.task.quantum import DeferredDatasetRef as DeferredDatasetRef
    from pipetask.task.quantum import InputQuantizedConnection as InputQuantizedConnection
    from pipetask.task.quantum import OutputQuantizedConnection as OutputQuantizedConnection
    from pipetask.task.quantum import Quantum as Quantum
    from pipetask.task.struct import Struct as Struct
    from pipetask.task.task import Task as Task
    from pipetask.task.timing import timeMethod as timeMethod

_HOME = {
    "AlgorithmError": "pipetask.errors",
    "AnnotatedPartialOutputsError": "pipetask.errors",
    "Butler": "pipetask.butler",
    "VisitInfo": "pipetask.butler",
    "Psf": "pipetask.butler",
    "PhotoCalib": "pipetask.butler",
    "Mask": "pipetask.butler",
    "Exposure": "pipetask.butler",
    "Box": "pipetask.butler",
    "BackgroundMesh": "pipetask.butler",
    "Background": "pipetask.butler",
    "ButlerQuantumContext": "pipetask.task.context",
    "Config": "pipetask.task.config",
    "DataCoordinate": "pipetask.butler",
    "DatasetRef": "pipetask.butler",
    "DatasetType": "pipetask.butler",
    "DeferredDatasetHandle": "pipetask.butler",
    "DeferredDatasetRef": "pipetask.task.quantum",
    "DimensionUniverse": "pipetask.butler",
    "ExecutionResources": "pipetask.task.context",
    "InputQuantizedConnection": "pipetask.task.quantum",
    "NoWorkFound": "pipetask.errors",
    "OutputQuantizedConnection": "pipetask.task.quantum",
    "Pipeline": "pipetask.pipeline.pipeline",
    "PipelineGraph": "pipetask.pipeline.pipeline_graph",
    "PipelineTask": "pipetask.task.pipeline_task",
    "PipelineTaskConfig": "pipetask.task.config",
    "PipelineTaskConnections": "pipetask.task.connections",
    "PipetaskError": "pipetask.errors",
    "Quantum": "pipetask.task.quantum",
    "QuantumContext": "pipetask.task.context",
    "QuantumGraph": "pipetask.graph.quantum_graph",
    "QuantumGraphBuilder": "pipetask.graph.builder",
    "RepeatableQuantumError": "pipetask.errors",
    "Struct": "pipetask.task.struct",
    "Task": "pipetask.task.task",
    "TaskError": "pipetask.errors",
    "TaskMetadata": "pipetask.butler",
    "Timespan": "pipetask.butler",
    "UnprocessableDataError": "pipetask.errors",
    "UpstreamFailureNoWorkFound": "pipetask.errors",
    "timeMethod": "pipetask.task.timing",
}

__all__ = sorted([*_HOME, "connectionTypes"])  # noqa: PLE0605  (the table above is the one list of names)


def __getattr__(name: str) -> Any:  # the names have many types
    if name == "connectionTypes":
        value = import_module("pipetask.task.connection_types")
    elif name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


if os.environ.get("PIPETASK_LSST_COMPAT") == "1":
    import_module("pipetask.compat").install()
