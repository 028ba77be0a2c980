"""YAML that remembers its lines, so that a message about a value can say where it stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from pipetask.butler import suggest
from pipetask.errors import CameraDescriptionError

Path = tuple[str | int, ...]


class Section:
    """A mapping of a YAML document from which values are taken by name; what is left over is an error.

    Parameters
    ----------
    values : `dict`
        The mapping.
    path : `tuple`
        Where it stands in the document.
    lines : `dict`
        Line of each path of the document.
    source : `str`
        What the document is called in messages.
    """

    def __init__(self, values: dict[str, Any], path: Path, lines: dict[Path, int], source: str) -> None:
        self.values = values
        self.path = path
        self._lines = lines
        self._source = source
        self._taken: set[str] = set()

    @classmethod
    def parse(cls, text: str, source: str) -> Section:
        """Read a document whose top is a mapping."""
        lines: dict[Path, int] = {}
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            _collect_lines(node, (), lines, source)
            values = yaml.safe_load(text)
        except yaml.MarkedYAMLError as err:
            where = f", line {err.problem_mark.line + 1}" if err.problem_mark else ""
            raise CameraDescriptionError(f"{source}{where} is not valid YAML: {err.problem}.") from err
        except yaml.YAMLError as err:
            raise CameraDescriptionError(
                f"{source} is not valid YAML: {' '.join(str(err).split())}."
            ) from err
        except RecursionError:
            raise CameraDescriptionError(f"{source} refers to itself with an alias (*name).") from None
        if not isinstance(values, dict):
            raise CameraDescriptionError(f"{source} must be a mapping of keys to values at its top.")
        return cls(values, (), lines, source)

    def take(self, key: str, types: type | tuple[type, ...], default: Any = None) -> Any:
        """Return the value of ``key``, checked to be of one of ``types``; ``default`` if it is not there."""
        self._taken.add(key)
        value = self.values.get(key)
        if value is None:
            return default
        kinds = types if isinstance(types, tuple) else (types,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            wanted = " or ".join(kind.__name__ for kind in kinds)
            raise self.error(f"{key!r} must be {wanted}, not {value!r}", key)
        return value

    def need(self, key: str, types: type | tuple[type, ...]) -> Any:
        """Return the value of ``key``, which must be there."""
        value = self.take(key, types)
        if value is None:
            raise self.error(f"key {key!r} is missing")
        return value

    def section(self, key: str) -> Section:
        """Return the mapping under ``key`` (empty if it is not there)."""
        return Section(self.take(key, dict, {}), (*self.path, key), self._lines, self._source)

    def items(self, key: str) -> list[Section]:
        """Return the mappings of the list under ``key``."""
        found = []
        for position, item in enumerate(self.take(key, list, [])):
            if not isinstance(item, dict):
                raise self.error(f"item {position + 1} of {key!r} must be a mapping, not {item!r}", key)
            found.append(Section(item, (*self.path, key, position), self._lines, self._source))
        return found

    def finish(self, known: Iterable[str] = ()) -> None:
        """Raise unless every key has been taken."""
        known = {*known, *self._taken}
        for key in self.values:
            if key not in known:
                raise self.error(f"unknown key {key!r}{suggest(str(key), known)}", key)

    def error(self, message: str, key: str | None = None) -> CameraDescriptionError:
        """Return an error that says the line of ``key``, or of this section."""
        path = self.path if key is None else (*self.path, key)
        where = ".".join(map(str, self.path))
        return CameraDescriptionError(
            f"{self._source}, line {self._lines.get(path, 1)}: {message}{f' (in {where})' if where else ''}."
        )


def _collect_lines(node: yaml.Node | None, path: Path, lines: dict[Path, int], source: str) -> None:
    if node is None:
        return
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                raise CameraDescriptionError(f"{source}, line {line}: key {key.value!r} is there twice.")
            seen.add(key.value)
            lines[(*path, key.value)] = line
            _collect_lines(value, (*path, key.value), lines, source)
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            _collect_lines(value, (*path, position), lines, source)
