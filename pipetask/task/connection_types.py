"""The five kinds of connection between a task and its datasets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

__all__ = ["BaseConnection", "InitInput", "InitOutput", "Input", "Output", "PrerequisiteInput"]


@dataclass(frozen=True, slots=True)
class BaseConnection:
    """What every connection declares.

    Parameters
    ----------
    name : `str`
        Dataset type name; may contain templates (``"{outputName}_schema"``) and a component
        (``"calexp.wcs"``).
    storageClass : `str`
        Name of the storage class of the object that the task receives or makes.
    doc : `str`, optional
        What the dataset is.
    multiple : `bool`, optional
        Whether the task takes a list, even of one, ordered by data ID.
    dimensions : iterable of `str`, optional
        Dimensions of the dataset type.
    deprecated : `str`, optional
        Why the connection will go, and what to do instead; said to whoever configures its name.
    """

    name: str
    storageClass: str
    doc: str = ""
    multiple: bool = False
    dimensions: Iterable[str] = field(default=(), kw_only=True)
    deprecated: str | None = field(default=None, kw_only=True)

    role: ClassVar[str] = ""
    """Name of the set of a connections object that holds connections of this kind; empty for bases."""

    def fault(self) -> str:
        """Return what cannot work in this declaration, or an empty string."""
        given: dict[str, object] = {"name": self.name, "storageClass": self.storageClass}
        for what, value in given.items():
            if not isinstance(value, str):
                return f"{what} is {value!r}; it takes a string"
        dimensions: object = self.dimensions
        if isinstance(dimensions, str):
            return f"dimensions must be names in a tuple, not the string {dimensions!r}"
        if not (isinstance(dimensions, Iterable) and all(isinstance(name, str) for name in dimensions)):
            return f"dimensions must be names in a tuple, not {dimensions!r}"
        return "" if self.name else "the dataset type name is empty"

    @property
    def kind(self) -> str:
        """The name of the connection type."""
        return type(self).__name__


@dataclass(frozen=True, slots=True)
class _InitConnection(BaseConnection):
    """A dataset that belongs to the task as such, not to a quantum."""

    def fault(self) -> str:
        """Return what cannot work in this declaration, or an empty string."""
        fault = BaseConnection.fault(self)
        if not fault and tuple(self.dimensions):
            return f"an {self.kind} has no dimensions: it belongs to the task, not to a quantum"
        return fault


@dataclass(frozen=True, slots=True)
class InitInput(_InitConnection):
    """A dataset that the task's constructor receives, in the mapping ``initInputs``."""

    role: ClassVar[str] = "initInputs"


@dataclass(frozen=True, slots=True)
class InitOutput(_InitConnection):
    """A dataset that the constructed task holds, as an attribute of the connection's name."""

    role: ClassVar[str] = "initOutputs"


@dataclass(frozen=True, slots=True)
class _QuantumConnection(BaseConnection):
    """A dataset of a quantum.

    Parameters
    ----------
    isCalibration : `bool`, optional
        Whether the dataset type is found by validity range, in calibration collections.
    """

    isCalibration: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class BaseInput(_QuantumConnection):
    """What `Input` and `PrerequisiteInput` share.

    Parameters
    ----------
    deferLoad : `bool`, optional
        Whether the task receives handles, whose ``get`` loads the dataset or a part of it.
    minimum : `int`, optional
        Fewest datasets that a quantum needs.
    """

    deferLoad: bool = field(default=False, kw_only=True)
    minimum: int = field(default=1, kw_only=True)

    def fault(self) -> str:
        """Return what cannot work in this declaration, or an empty string."""
        minimum: object = self.minimum  # whatever a class body gives
        if not isinstance(minimum, int):
            return f"minimum is {self.minimum!r}; it counts datasets, and is a whole number"
        if self.minimum < 0:
            return f"minimum is {self.minimum}; it counts datasets"
        if self.minimum > 1 and not self.multiple:
            return f"minimum={self.minimum} needs multiple=True"
        return BaseConnection.fault(self)


@dataclass(frozen=True, slots=True)
class Input(BaseInput):
    """A dataset that exists, or that another task of the pipeline makes; below ``minimum``: no quantum.

    Parameters
    ----------
    deferGraphConstraint : `bool`, optional
        Consider data IDs that lack the dataset, too, if no task of the pipeline makes it: faster where others
        imply it, and needed where it lies beyond the sky overlaps that others have.
    deferBinding : `bool`, optional
        Leave the dataset to a graph builder of one's own; there is none here, so that such a connection is an
        error when it is used.
    """

    deferGraphConstraint: bool = field(default=False, kw_only=True)
    deferBinding: bool = field(default=False, kw_only=True)

    role: ClassVar[str] = "inputs"

    def fault(self) -> str:
        """Return what cannot work in this declaration, or an empty string."""
        if self.minimum == 0:
            return (
                "an Input needs minimum >= 1, since its datasets decide which quanta exist; "
                "use PrerequisiteInput(minimum=0) for one that may be missing"
            )
        return BaseInput.fault(self)


@dataclass(frozen=True, slots=True)
class PrerequisiteInput(BaseInput):
    """A dataset that comes from outside any pipeline; fewer than ``minimum``: an error.

    Parameters
    ----------
    lookupFunction : callable, optional
        ``(dataset_type, registry, data_id, collections) -> iterable of DatasetRef``: finds the datasets of
        one quantum instead of the usual search.
    """

    lookupFunction: Callable[[Any, Any, Any, Sequence[str]], Iterable[Any]] | None = field(
        default=None, kw_only=True
    )  # written by users, for refs and registries that they hardly annotate

    role: ClassVar[str] = "prerequisiteInputs"

    def fault(self) -> str:
        """Return what cannot work in this declaration, or an empty string."""
        function: object = self.lookupFunction
        if function is not None and not callable(function):
            return f"lookupFunction is {function!r}, which is no function"
        return BaseInput.fault(self)


@dataclass(frozen=True, slots=True)
class Output(_QuantumConnection):
    """A dataset that the task makes."""

    role: ClassVar[str] = "outputs"
