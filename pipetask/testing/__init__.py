"""Aids for the tests of task authors: one quantum in memory, handles of objects, mock pipelines."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipetask.mocks.pipeline import Failure as Failure
    from pipetask.mocks.pipeline import mock_pipeline as mock_pipeline
    from pipetask.testing.handle import InMemoryDatasetHandle as InMemoryDatasetHandle
    from pipetask.testing.quantum import At as At
    from pipetask.testing.quantum import QuantumResult as QuantumResult
    from pipetask.testing.quantum import at as at
    from pipetask.testing.quantum import check_connections as check_connections
    from pipetask.testing.quantum import run_quantum as run_quantum

_HOME = {
    "At": "pipetask.testing.quantum",
    "Failure": "pipetask.mocks.pipeline",
    "InMemoryDatasetHandle": "pipetask.testing.handle",
    "QuantumResult": "pipetask.testing.quantum",
    "at": "pipetask.testing.quantum",
    "check_connections": "pipetask.testing.quantum",
    "mock_pipeline": "pipetask.mocks.pipeline",
    "run_quantum": "pipetask.testing.quantum",
}

__all__ = sorted(_HOME)  # noqa: PLE0605  (the table above is the one list of names)


def __getattr__(name: str) -> Any:  # the names have many types
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value
