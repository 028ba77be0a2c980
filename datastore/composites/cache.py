"""Components that are loaded once per process and shared by all composites that contain them."""

from __future__ import annotations

import copy
import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from threading import RLock
from typing import Any

import numpy as np

from datastore.types.exposure import Exposure
from datastore.types.mask import Mask

DEFAULT_SIZE = 256 * 1024**2
_SMALL = 4096  # what an object without arrays is counted as


class ComponentCache:
    """Objects by key, the least recently used of them forgotten when they get too large together.

    Parameters
    ----------
    size : `int`, optional
        Bytes of arrays that are kept.

    Notes
    -----
    What is kept is shared, so its arrays are locked against writing (`lock`). Safe for threads.
    """

    def __init__(self, size: int = DEFAULT_SIZE) -> None:
        self._limit = size
        self._size = 0
        self._objects: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = RLock()

    def get(self, key: Hashable, load: Callable[[], Any]) -> Any:
        """Return the object of a key, the very same each time; ``load`` makes it if it is not kept."""
        with self._lock:
            if (found := self._objects.get(key)) is not None:
                self._objects.move_to_end(key)
                return found[0]
        obj = lock(load())
        size = _size_of(obj)
        with self._lock:
            if (found := self._objects.get(key)) is not None:  # another thread was faster
                return found[0]
            if size <= self._limit // 2:
                self._objects[key] = obj, size
                self._size += size
                while self._size > self._limit:
                    _, (_, gone) = self._objects.popitem(last=False)
                    self._size -= gone
        return obj

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._objects.clear()
            self._size = 0


def lock(obj: Any) -> Any:
    """Make the arrays of an object read-only, and return it."""
    for array in _arrays(obj):
        array.flags.writeable = False
    return obj


def unlocked(obj: Any) -> Any:
    """Return a copy of an object that may be changed."""
    return obj.copy() if isinstance(obj, Exposure | Mask) else copy.deepcopy(obj)


def _size_of(obj: Any) -> int:
    return sum(array.nbytes for array in _arrays(obj)) or _SMALL


def _arrays(obj: Any) -> list[np.ndarray[Any, Any]]:
    """Return the arrays that an object is made of."""
    if isinstance(obj, np.ndarray):
        return [obj] if obj.base is None or not isinstance(obj.base, np.ndarray) else [obj, obj.base]
    if isinstance(obj, Mask):
        return _arrays(obj.array)
    if isinstance(obj, Exposure):
        return _arrays([getattr(obj, name) for name in Exposure.__slots__])
    if dataclasses.is_dataclass(obj) and not isinstance(obj, type):
        return _arrays([getattr(obj, field.name) for field in dataclasses.fields(obj)])
    if isinstance(obj, Mapping):
        return _arrays(list(obj.values()))
    if isinstance(obj, list | tuple):
        return [array for item in obj for array in _arrays(item)]
    if hasattr(obj, "itercols"):  # an astropy table
        return [array for column in obj.itercols() for array in _arrays(getattr(column, "value", column))]
    return []
