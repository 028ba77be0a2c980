"""DatasetList: the objects of several datasets in order, each read when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

from registry.dataset_ref import DatasetRef
from registry.dimensions.coordinate import DataCoordinate


class DatasetList(Sequence[Any]):
    """Objects of datasets in the order of their data IDs; every access reads anew, nothing is kept.

    Parameters
    ----------
    refs : sequence of `DatasetRef`
        The datasets.
    read : callable
        Returns the object of one.

    Attributes
    ----------
    refs : `tuple` [`DatasetRef`]
        The datasets.
    """

    def __init__(self, refs: Sequence[DatasetRef], read: Callable[[DatasetRef], Any]) -> None:
        self.refs = tuple(refs)
        self._read = read

    @property
    def dataIds(self) -> list[DataCoordinate]:
        """Data IDs of the datasets."""
        return [ref.dataId for ref in self.refs]

    def __len__(self) -> int:
        return len(self.refs)

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> DatasetList: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return DatasetList(self.refs[index], self._read)
        return self._read(self.refs[index])

    def __repr__(self) -> str:
        return f"DatasetList({len(self.refs)} datasets)"
