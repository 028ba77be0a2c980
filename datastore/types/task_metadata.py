"""TaskMetadata: a nested mapping of plain values with dotted access."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any


class TaskMetadata(MutableMapping[str, Any]):
    """What a task wants to remember of a quantum: ``metadata["detect.n_sources"] = 12``.

    Values are None, bool, int, float, str, lists of those, or mappings, which become nested.
    Iteration gives the names of this level; ``names()`` all dotted names.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._values: dict[str, Any] = {}
        for name, value in (values or {}).items():
            self[name] = value

    def _parent(self, name: str) -> tuple[TaskMetadata, str]:
        """Return the innermost level that exists or can be made for a dotted name, and the last part."""
        here, (*outer, last) = self, name.split(".")
        for part in outer:
            inner = here._values.setdefault(part, TaskMetadata())
            if not isinstance(inner, TaskMetadata):
                raise KeyError(f"{part!r} of {name!r} is a value, not a level")
            here = inner
        return here, last

    def __getitem__(self, name: str) -> Any:
        value: Any = self
        for part in name.split("."):
            if not isinstance(value, TaskMetadata) or part not in value._values:
                raise KeyError(name)
            value = value._values[part]
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        level, last = self._parent(name) if "." in name else (self, name)
        level._values[last] = value if type(value) in _SCALARS else _plain(value)

    def __delitem__(self, name: str) -> None:
        outer, _, last = name.rpartition(".")
        del (self[outer] if outer else self)._values[last]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"TaskMetadata({self.to_json()})"

    def add(self, name: str, value: Any) -> None:
        """Append to the list under this name; a single value there becomes its first item."""
        if name not in self:
            self[name] = value
            return
        old = self[name]
        self[name] = [*(old if isinstance(old, list) else [old]), value]

    def getArray(self, name: str) -> list[Any]:
        """Return the value as a list, even if it is one."""
        value = self[name]
        return list(value) if isinstance(value, list) else [value]

    def getScalar(self, name: str) -> Any:
        """Return the value, the last one of a list."""
        return self.getArray(name)[-1]

    def names(self) -> list[str]:
        """Return the dotted names of all values, in order."""
        found: list[str] = []
        for name, value in self._values.items():
            if isinstance(value, TaskMetadata):
                found += [f"{name}.{inner}" for inner in value.names()]
            else:
                found.append(name)
        return found

    def to_json(self) -> dict[str, Any]:
        """Return nested plain dictionaries."""
        return {k: v.to_json() if isinstance(v, TaskMetadata) else v for k, v in self._values.items()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> TaskMetadata:
        """Rebuild from `to_json`; names with dots in them are levels."""
        return cls(value)


_SCALARS = frozenset({bool, int, float, str, type(None)})


def _plain(value: Any) -> Any:
    """Return the value as one that JSON keeps: numpy scalars and arrays become Python's own."""
    if isinstance(value, Mapping):
        return TaskMetadata(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"Metadata holds plain values, not {type(value).__name__}: {value!r}")
