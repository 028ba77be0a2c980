"""DatasetRef: one dataset, identified by a UUID and by what it is; and where new UUIDs come from."""

from __future__ import annotations

import os
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from .dataset_type import DatasetType
from .dimensions.coordinate import DataCoordinate, DataId

if TYPE_CHECKING:
    import numpy as np

DatasetId: TypeAlias = uuid.UUID
Row: TypeAlias = tuple[Any, ...]
Ids: TypeAlias = "np.ndarray[Any, np.dtype[np.uint8]]"

# A UUID refuses to be changed; its slots do not.
_set_number = uuid.UUID.__dict__["int"].__set__
_set_safety = uuid.UUID.__dict__["is_safe"].__set__
_UNKNOWN = uuid.SafeUUID.unknown

_PARTS = frozenset({"dataId", "datasetType", "id", "run"})

# Namespace and text of deterministic ids are the reference's, so that a raw has one id on both sides.
_RAW_NAMESPACE = uuid.UUID("840b31d9-05cd-5161-b2c8-00d32b280d0f")


class RefSource(ABC):
    """Where refs find what they hold when somebody asks for it."""

    @abstractmethod
    def parts(self, row: Row) -> tuple[DatasetType, DataCoordinate, str, DatasetId]:
        """Return dataset type, data ID, run and id of the ref of a row."""


class DatasetRef:
    """A dataset: its type, data ID and run, and the UUID that stands for them.

    Parameters
    ----------
    datasetType : `DatasetType`
        What kind of dataset it is.
    dataId : `DataCoordinate` or `~collections.abc.Mapping`
        What identifies it among those of its kind.
    run : `str`
        RUN collection that it was put in.
    id : `uuid.UUID`, optional
        A new one by default.

    Notes
    -----
    Equal if dataset type, data ID, run and id are; ordered by name of the dataset type, then by data ID.
    """

    __slots__ = ("_row", "_source", "dataId", "datasetType", "id", "run")

    datasetType: DatasetType
    dataId: DataCoordinate
    run: str
    id: DatasetId
    _source: RefSource  # of one made by `refs_of`, which holds nothing else until it is asked
    _row: Row

    def __init__(
        self, datasetType: DatasetType, dataId: DataId, run: str, *, id: DatasetId | None = None
    ) -> None:
        if not isinstance(dataId, DataCoordinate) or dataId.dimensions is not datasetType.dimensions:
            dataId = DataCoordinate.standardize(dataId, dimensions=datasetType.dimensions)
        self.datasetType = datasetType
        self.dataId = dataId
        self.run = run
        self.id = new_id() if id is None else id

    if not TYPE_CHECKING:  # what has no other attributes

        def __getattr__(self, name: str) -> object:
            if name not in _PARTS:
                raise AttributeError(f"A DatasetRef has no attribute {name!r}")
            self.datasetType, self.dataId, self.run, self.id = self._source.parts(self._row)
            return getattr(self, name)

    @property
    def dimensions(self) -> Any:
        """Dimensions of the dataset type (`DimensionGroup`)."""
        return self.datasetType.dimensions

    def isComponent(self) -> bool:
        """Return whether it is a component of another dataset."""
        return self.datasetType.isComponent()

    def makeComponentRef(self, name: str, storageClass: str) -> DatasetRef:
        """Return the component of this dataset that has the given name."""
        return self._like(self.datasetType.makeComponentDatasetType(name, storageClass))

    def makeCompositeRef(self, storageClass: str) -> DatasetRef:
        """Return the dataset that this is a component of."""
        return self._like(self.datasetType.makeCompositeDatasetType(storageClass))

    def overrideStorageClass(self, storageClass: str) -> DatasetRef:
        """Return the same dataset, to be read as another storage class."""
        return self._like(self.datasetType.overrideStorageClass(storageClass))

    def expanded(self, dataId: DataCoordinate) -> DatasetRef:
        """Return the same dataset with an equal data ID that knows more."""
        return DatasetRef(self.datasetType, dataId, self.run, id=self.id)

    def _like(self, datasetType: DatasetType) -> DatasetRef:
        return DatasetRef(datasetType, self.dataId, self.run, id=self.id)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return _ref, (self.datasetType, self.dataId, self.run, self.id)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DatasetRef):
            return NotImplemented
        return (self.id, self.datasetType, self.dataId, self.run) == (
            other.id,
            other.datasetType,
            other.dataId,
            other.run,
        )

    def __hash__(self) -> int:
        return hash((self.id, self.datasetType.name))

    def __lt__(self, other: DatasetRef) -> bool:
        return (self.datasetType.name, self.dataId) < (other.datasetType.name, other.dataId)

    def __str__(self) -> str:
        return f"{self.datasetType.name}@{self.dataId} (run={self.run}, id={self.id})"

    def __repr__(self) -> str:
        return f"DatasetRef({self.datasetType.name!r}, {self.dataId}, run={self.run!r}, id={self.id})"


def refs_of(source: RefSource, rows: Iterable[Row]) -> list[DatasetRef]:
    """Return the refs of rows, which turn these into objects when somebody asks for them."""
    made = []
    new = object.__new__
    for row in rows:
        ref = new(DatasetRef)
        ref._source = source
        ref._row = row
        made.append(ref)
    return made


def uuid_of(id: bytes) -> DatasetId:
    """Return a UUID without the checks of its constructor, which take as long as all else of a ref."""
    made = object.__new__(uuid.UUID)
    _set_number(made, int.from_bytes(id, "big"))
    _set_safety(made, _UNKNOWN)
    return made


def _ref(datasetType: DatasetType, dataId: DataCoordinate, run: str, id: DatasetId) -> DatasetRef:
    return DatasetRef(datasetType, dataId, run, id=id)


class _Clock:
    """Milliseconds and a counter that never go back within a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._millisecond = 0
        self._next = 0

    def take(self, n: int) -> tuple[int, int]:
        """Reserve ``n`` consecutive counts; return the millisecond and the first of them."""
        with self._lock:
            now = time.time_ns() // 1_000_000
            if now <= self._millisecond and self._next + n <= 2**32:
                now = self._millisecond
            else:
                now = max(now, self._millisecond + 1)
                self._next = int.from_bytes(os.urandom(4), "big") >> 2
            first = self._next
            self._millisecond, self._next = now, first + n
            return now, first


_CLOCK = _Clock()


def new_ids(n: int) -> Ids:
    """Return new UUIDs, version 7, in ascending order.

    Parameters
    ----------
    n : `int`
        How many; below 2³¹.

    Returns
    -------
    ids : `numpy.ndarray`, shape (n, 16), uint8
        The bytes of the UUIDs, owned by the caller. Later calls of the same process give greater ones.

    Notes
    -----
    Laid out as RFC 9562 allows: 48 bits of milliseconds, a counter of 12 + 20 bits that starts at random
    in each millisecond, 42 random bits.
    """
    import numpy as np

    millisecond, first = _CLOCK.take(n)
    counter = np.arange(first, first + n, dtype=np.uint64)
    random = np.frombuffer(os.urandom(8 * n), dtype=np.uint64)
    words = np.empty((n, 2), dtype=">u8")
    words[:, 0] = np.uint64(millisecond << 16 | 0x7000) | counter >> np.uint64(20)
    low = (counter & np.uint64(0xFFFFF)) << np.uint64(42) | random >> np.uint64(22)
    words[:, 1] = low | np.uint64(1 << 63)
    return words.view(np.uint8)


def new_id() -> DatasetId:
    """Return a new UUID, version 7, greater than those before it in this process."""
    # As `new_ids` lays them out, without the arrays: a tenth of the time for one.
    millisecond, counter = _CLOCK.take(1)
    high = millisecond << 16 | 0x7000 | counter >> 20
    low = 1 << 63 | (counter & 0xFFFFF) << 42 | int.from_bytes(os.urandom(6), "big") >> 6
    return uuid.UUID(int=high << 64 | low)


def raw_id(dataset_type_name: str, dataId: DataCoordinate, run: str) -> DatasetId:
    """Return the UUID, version 5, that follows from what the dataset is: ingesting again changes nothing."""
    items = [("dataset_type", dataset_type_name), ("run", run), *sorted(dataId.required.items())]
    return uuid.uuid5(_RAW_NAMESPACE, ",".join(f"{name}={value}" for name, value in items))
