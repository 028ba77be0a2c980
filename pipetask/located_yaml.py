"""Reading YAML into plain values that know their lines; no tags, no repeated keys, bounded size."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import yaml

from pipetask.errors import PipetaskError
from registry.suggest import suggest

_MAX_VALUES = 100_000  # far above any pipeline; stops documents whose aliases multiply
_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "int", "float", "bool", "null")}
_MAX_DEPTH = 100
_MERGE = "tag:yaml.org,2002:merge"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class Place(NamedTuple):
    """Where something was written: a file, and a line counted from 1 (0: the whole file)."""

    file: str
    line: int
    raises: type[PipetaskError] = PipetaskError  # what is raised about this kind of document

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Node(NamedTuple):
    """A YAML value and its place; mappings are dictionaries of nodes, sequences lists of nodes."""

    value: Any  # a scalar, a dictionary of nodes by key, or a list of nodes
    place: Place

    def plain(self) -> Any:  # YAML holds any type
        """Return the value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def error(self, message: str) -> PipetaskError:
        """Return an error that says where this value is."""
        return self.place.raises(f"{self.place}: {message}")

    def mapping(self, what: str, known: Iterable[str] | None = None) -> dict[str, Node]:
        """Return the value as a mapping with string keys, all of them ``known`` ones if those are given."""
        if not isinstance(self.value, dict):
            raise self.error(f"{what} must be a mapping, not {self.plain()!r}")
        for key, node in self.value.items():
            if not isinstance(key, str):
                raise node.error(f"a key of {what} must be a string, not {key!r}")
            if known is not None and key not in known:
                raise node.error(
                    f"unknown key {key!r} in {what} (known: {', '.join(known)}){suggest(key, known)}"
                )
        return self.value

    def text(self, what: str) -> str:
        """Return the value as a string."""
        if not isinstance(self.value, str):
            raise self.error(f"{what} must be a string, not {self.plain()!r}")
        return self.value

    def items(self) -> list[Node]:
        """Return the nodes of a sequence; of anything else, the node itself."""
        return self.value if isinstance(self.value, list) else [self]

    def texts(self, what: str) -> list[str]:
        """Return the value as strings; one string counts as a list of one."""
        return [node.text(what) for node in self.items()]


def parse(text: str, file: str, raises: type[PipetaskError]) -> Node:
    """Read a YAML document.

    Parameters
    ----------
    text : `str`
        The document.
    file : `str`
        What to call it in messages.
    raises : `type`
        Class of the error if it is no YAML, has a key twice in a mapping, a tag that makes Python objects, or
        is too large; and of what `Node.error` returns.
    """
    kind = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader = kind(text)
    try:
        _check_depth(yaml.parse(text, kind), file, raises)
        root = loader.get_single_node()
        if root is None:
            raise raises(f"{file}: the document is empty")
        return _Reader(loader, file, raises).read(root)
    except yaml.MarkedYAMLError as err:
        line = err.problem_mark.line + 1 if err.problem_mark else 0
        raise raises(f"{Place(file, line)}: {err.problem or err}") from err
    except yaml.reader.ReaderError as err:
        line = text.encode()[: err.position].count(b"\n") + 1
        raise raises(f"{Place(file, line)}: no valid YAML: {err.reason}") from err
    finally:
        loader.dispose()


def _check_depth(events: Iterable[Any], file: str, raises: type[PipetaskError]) -> None:
    """Refuse values in values without end: building them takes as much of the stack, which is limited."""
    depth = 0
    for event in events:  # of PyYAML's parser
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            place = Place(file, event.start_mark.line + 1)
            raise raises(f"{place}: values are nested more than {_MAX_DEPTH} deep")


class _Reader:
    """Turns the parser's nodes into ours."""

    def __init__(self, loader: Any, file: str, raises: type[PipetaskError]) -> None:
        self._loader = loader  # one of PyYAML's two safe loaders
        self._file = file
        self._raises = raises
        self._count = 0
        self._sizes: dict[int, int] = {}
        self._open: set[int] = set()

    def read(self, node: Any) -> Node:  # a yaml.Node
        place = Place(self._file, node.start_mark.line + 1, self._raises)
        self._count += 1
        if self._count > _MAX_VALUES:
            raise self._raises(f"{place}: the document has more than {_MAX_VALUES} values")
        if node.tag not in _PLAIN_TAGS | {_TIMESTAMP}:
            raise self._raises(f"{place}: the tag {node.tag!r} is not allowed: plain values only")
        if id(node) in self._open:
            raise self._raises(f"{place}: an alias refers to what it is part of")
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return Node(self._read_mapping(node), place)
            if isinstance(node, yaml.SequenceNode):
                return Node([self.read(item) for item in node.value], place)
            if node.tag == _TIMESTAMP:
                return Node(node.value, place)  # pipelines have no dates: it is meant as text
            return Node(self._scalar(node), place)
        finally:
            self._open.discard(id(node))

    def _read_mapping(self, node: Any) -> dict[Any, Node]:
        own: dict[Any, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:
                continue
            key = self._key(key_node)
            line = key_node.start_mark.line + 1
            if key in own:
                raise self._raises(
                    f"{Place(self._file, line)}: {key!r} is here twice, first in line {own[key]}"
                )
            own[key] = line
        if self._merged_size(node) > _MAX_VALUES:  # before they are: merge keys multiply as aliases do
            place = Place(self._file, node.start_mark.line + 1)
            raise self._raises(f"{place}: the document has more than {_MAX_VALUES} values")
        self._loader.flatten_mapping(node)
        read = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            inner = self.read(value_node)
            read[key] = Node(inner.value, Place(self._file, key_node.start_mark.line + 1, self._raises))
        return read

    def _merged_size(self, node: Any) -> int:  # a yaml.Node
        """Return how many entries a mapping, or a list of mappings, has with those of its merge keys."""
        if isinstance(node, yaml.SequenceNode):
            return sum(map(self._merged_size, node.value))
        if not isinstance(node, yaml.MappingNode):
            return 0
        if id(node) not in self._sizes:
            self._sizes[id(node)] = 0  # of one that is merged into itself
            merged = [value for key, value in node.value if key.tag == _MERGE]
            self._sizes[id(node)] = len(node.value) + sum(map(self._merged_size, merged))
        return self._sizes[id(node)]

    def _key(self, node: Any) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            line = node.start_mark.line + 1
            raise self._raises(f"{Place(self._file, line)}: a key must be a plain string")
        return self._scalar(node)

    def _scalar(self, node: Any) -> Any:  # of a plain type
        try:
            return self._loader.construct_object(node)
        except ValueError as err:  # a number of thousands of digits
            place = Place(self._file, node.start_mark.line + 1)
            raise self._raises(f"{place}: {node.value[:20]!r}… cannot be read as a value: {err}") from err
