"""DatasetType: the name, dimensions and storage class that a kind of dataset has in common."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import final

from .arguments import checked
from .dimensions.group import DimensionGroup
from .dimensions.universe import DimensionUniverse
from .errors import InvalidDatasetTypeError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


@final
class DatasetType:
    """A kind of dataset.

    Parameters
    ----------
    name : `str`
        Letters, digits and underscores; ``composite.component`` names a component.
    dimensions : `DimensionGroup` or names
        What its data IDs are made of.
    storageClass : `str`
        Name of the storage class.
    universe : `DimensionUniverse`, optional
        Needed where ``dimensions`` are names.
    parentStorageClass : `str`, optional
        Of a component: name of the storage class of the whole. It does not count in comparisons.
    isCalibration : `bool`, optional
        Whether datasets may be given validity ranges in calibration collections.
    """

    __slots__ = ("_is_calibration", "dimensions", "name", "parentStorageClass", "storageClass_name")

    def __init__(
        self,
        name: str,
        dimensions: DimensionGroup | Iterable[str],
        storageClass: str,
        *,
        universe: DimensionUniverse | None = None,
        parentStorageClass: str | None = None,
        isCalibration: bool = False,
    ) -> None:
        checked(storageClass, str, "name of a storage class")
        if not _NAME.fullmatch(checked(name, str, "name of a dataset type")):
            raise InvalidDatasetTypeError(
                f"{name!r} cannot name a dataset type: use letters, digits and underscores, "
                "not a digit first, and a dot before a component."
            )
        if not isinstance(dimensions, DimensionGroup):
            if universe is None:
                raise TypeError(f"Dimensions of dataset type {name!r} given as names need a universe.")
            dimensions = universe.conform(dimensions)
        self.name = name
        self.dimensions = dimensions
        self.storageClass_name = storageClass
        self.parentStorageClass = parentStorageClass
        self._is_calibration = isCalibration

    @property
    def storageClass(self) -> str:
        """Name of the storage class."""
        return self.storageClass_name

    def isCalibration(self) -> bool:
        """Return whether its datasets may be given validity ranges in calibration collections."""
        return self._is_calibration

    def nameAndComponent(self) -> tuple[str, str | None]:
        """Return the name of the composite (or its own), and of the component if it is one."""
        parent, _, component = self.name.partition(".")
        return parent, component or None

    def component(self) -> str | None:
        """Return the name of the component, or `None`."""
        return self.nameAndComponent()[1]

    def isComponent(self) -> bool:
        """Return whether it is a component of another dataset type."""
        return "." in self.name

    def makeComponentDatasetType(self, component: str, storageClass: str) -> DatasetType:
        """Return the dataset type of one of its components."""
        name = f"{self.name}.{component}"
        return self._like(name, storageClass, parentStorageClass=self.storageClass_name)

    def makeCompositeDatasetType(self, storageClass: str) -> DatasetType:
        """Return the dataset type that it is a component of."""
        if not self.isComponent():
            raise InvalidDatasetTypeError(f"Dataset type {self.name!r} is not a component.")
        return self._like(self.nameAndComponent()[0], storageClass)

    def overrideStorageClass(self, storageClass: str) -> DatasetType:
        """Return the same dataset type with another storage class."""
        if storageClass == self.storageClass_name:
            return self
        return self._like(self.name, storageClass, parentStorageClass=self.parentStorageClass)

    def _like(self, name: str, storageClass: str, *, parentStorageClass: str | None = None) -> DatasetType:
        return DatasetType(
            name,
            self.dimensions,
            storageClass,
            parentStorageClass=parentStorageClass,
            isCalibration=self._is_calibration,
        )

    def _identity(self) -> tuple[str, DimensionGroup, str, bool]:
        return self.name, self.dimensions, self.storageClass_name, self._is_calibration

    def __eq__(self, other: object) -> bool:
        return self._identity() == other._identity() if isinstance(other, DatasetType) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def __lt__(self, other: DatasetType) -> bool:
        return self.name < other.name

    def __repr__(self) -> str:
        calibration = ", isCalibration=True" if self._is_calibration else ""
        return f"DatasetType({self.name!r}, {self.dimensions!s}, {self.storageClass_name}{calibration})"
