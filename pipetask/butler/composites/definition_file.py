"""Definition files of composites: YAML, checked line by line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pipetask.butler.composites.definition import ALL, Composite, Part
from pipetask.errors import CompositeDefinitionError
from pipetask.located_yaml import Node, Place, parse

PART_KEYS = (
    "datasetType",
    "collections",
    "inputOnly",
    "writeOnce",
    "subset",
    "dataId",
    "dataIdsFrom",
    "minimum",
    "match",
)
COMPOSITE_KEYS = (
    "python",
    "storageClass",
    "dimensions",
    "base",
    "extends",
    "components",
    "assembler",
    "disassembler",
)


class LocatedComposite(NamedTuple):
    """A definition, where it is written, and where each of its parts and keys is."""

    composite: Composite
    place: Place
    parts: Mapping[str, Place]
    keys: Mapping[str, Place]


def read_definitions(path: str | Path, registered: Mapping[str, Composite] | None = None) -> list[Composite]:
    """Read a definition file.

    Parameters
    ----------
    path : path
        A YAML file: under ``composites``, definitions by name.
    registered : mapping, optional
        Definitions by name that those of the file may extend besides each other.

    Raises
    ------
    CompositeDefinitionError
        If it cannot be understood; says the line.
    """
    return [each.composite for each in located_definitions(path, registered)]


def located_definitions(
    path: str | Path, registered: Mapping[str, Composite] | None = None
) -> list[LocatedComposite]:
    """Read a definition file, with the lines; see `read_definitions`."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise CompositeDefinitionError(f"{str(path)!r} cannot be read: {err}") from err
    return _located(text, str(path), registered)


def parse_definitions(
    text: str, file: str, registered: Mapping[str, Composite] | None = None
) -> list[Composite]:
    """Return the definitions of a YAML document, called ``file`` in messages; see `read_definitions`."""
    return [each.composite for each in _located(text, file, registered)]


def _located(text: str, file: str, registered: Mapping[str, Composite] | None) -> list[LocatedComposite]:
    root = parse(text, file, CompositeDefinitionError)
    top = root.mapping("a file of composites", ("composites",))
    if "composites" not in top:
        raise root.error("a file of composites has the key 'composites'")
    nodes = top["composites"].mapping("composites")
    reader = _Reader(nodes, registered or {})
    return [
        LocatedComposite(
            reader.read(name),
            node.place,
            _part_places(node),
            {key: each.place for key, each in node.value.items()},
        )
        for name, node in nodes.items()
    ]


def _part_places(node: Node) -> dict[str, Place]:
    """Return where the parts of a composite are written, but those that it has from another one."""
    written = dict(node.value["components"].value) if "components" in node.value else {}
    if "base" in node.value:
        written.setdefault(node.value["base"].value, node.value["base"])
    return {name: each.place for name, each in written.items()}


class _Reader:
    """Definitions of one document, which may extend each other in any order."""

    def __init__(self, nodes: Mapping[str, Node], registered: Mapping[str, Composite]) -> None:
        self._nodes = nodes
        self._registered = registered
        self._made: dict[str, Composite] = {}
        self._open: list[str] = []

    def read(self, name: str) -> Composite:
        if name not in self._made:
            if name in self._open:
                chain = " -> ".join((*self._open[self._open.index(name) :], name))
                raise (
                    self._nodes[name]
                    .value["extends"]
                    .error(f"composites extend each other in a circle: {chain}")
                )
            self._open.append(name)
            self._made[name] = self._parse(name, self._nodes[name])
            self._open.pop()
        return self._made[name]

    def _parse(self, name: str, node: Node) -> Composite:
        entry = node.mapping(f"composite {name!r}", COMPOSITE_KEYS)
        inherited = self._extended(entry["extends"]) if "extends" in entry else None
        components = entry["components"].mapping(f"components of {name!r}") if "components" in entry else {}
        parts = {part.name: part for part in inherited.parts} if inherited else {}
        for component, value in components.items():
            parts[component] = _part(component, value)
        texts = {
            key: _name(entry[key], f"{key!r} of composite {name!r}") if key in entry else default
            for key, default in _inherited_texts(inherited).items()
        }
        if "python" in entry or "storageClass" in entry:
            texts |= {key: "" for key in ("python", "storageClass") if key not in entry}
        base = texts["base"]
        if base and base not in parts:
            parts = {base: Part(base, base, input_only=True), **parts}
        if not parts:
            raise node.error(f"composite {name!r} has no components")
        if not texts["python"] and not texts["storageClass"]:
            raise node.error(f"composite {name!r} needs one of 'python' and 'storageClass'")
        if texts["python"] and texts["storageClass"]:
            raise entry["python"].error(
                f"composite {name!r} has 'python' and 'storageClass': give one of them"
            )
        if texts["disassembler"] and not texts["assembler"]:
            raise entry.get("disassembler", node).error(
                f"composite {name!r} has a disassembler and no assembler"
            )
        dimensions = inherited.dimensions if inherited else None
        if "dimensions" in entry:
            dimensions = tuple(
                _name(each, f"dimensions of composite {name!r}") for each in entry["dimensions"].items()
            )
        return Composite(
            name,
            tuple(parts.values()),
            dimensions,
            texts["storageClass"],
            texts["python"],
            base,
            texts["assembler"],
            texts["disassembler"],
        )

    def _extended(self, node: Node) -> Composite:
        name = _name(node, "'extends'")
        if name in self._nodes:
            return self.read(name)
        if name not in self._registered:
            known = ", ".join((*self._nodes, *self._registered))
            raise node.error(f"there is no composite {name!r} to extend (known: {known})")
        return self._registered[name]


def _inherited_texts(inherited: Composite | None) -> dict[str, str]:
    if inherited is None:
        return dict.fromkeys(("python", "storageClass", "base", "assembler", "disassembler"), "")
    return {
        "python": inherited.python,
        "storageClass": inherited.storage_class,
        "base": inherited.base,
        "assembler": inherited.assembler,
        "disassembler": inherited.disassembler,
    }


def _part(name: str, node: Node) -> Part:
    """Return a part: a mapping, or the name of a dataset type alone."""
    what = f"component {name!r}"
    if isinstance(node.value, str):
        return Part(name, _name(node, what))
    entry = node.mapping(what, PART_KEYS)
    if "datasetType" not in entry:
        raise node.error(f"{what} has no 'datasetType'")
    flags = {
        key: _flag(entry[key], what, key) for key in ("inputOnly", "writeOnce", "subset") if key in entry
    }
    if flags.get("inputOnly") and flags.get("writeOnce"):
        raise node.error(f"{what} is inputOnly, never written, and writeOnce at the same time")
    if "match" in entry and entry["match"].plain() != "unique":
        raise entry["match"].error(f"'match' of {what} can be 'unique', not {entry['match'].plain()!r}")
    pinned = entry["dataId"].mapping(f"'dataId' of {what}") if "dataId" in entry else {}
    part = Part(
        name,
        _name(entry["datasetType"], f"'datasetType' of {what}"),
        tuple(_name(each, f"'collections' of {what}") for each in entry["collections"].items())
        if "collections" in entry
        else (),
        flags.get("inputOnly", False),
        flags.get("writeOnce", False),
        flags.get("subset", False),
        {key: value.plain() for key, value in pinned.items()},
        _name(entry["dataIdsFrom"], f"'dataIdsFrom' of {what}") if "dataIdsFrom" in entry else "",
        _minimum(entry["minimum"], what) if "minimum" in entry else 1,
        "match" in entry,
    )
    if part.data_ids_from and "." not in part.data_ids_from:
        raise entry["dataIdsFrom"].error(
            f"'dataIdsFrom' of {what} is a component, as deepCoadd.inputs is one"
        )
    if "minimum" in entry and not part.many:
        raise entry["minimum"].error(f"'minimum' of {what} needs 'subset' or 'dataIdsFrom'")
    return part


def _name(node: Node, what: str) -> str:
    """Return a text that is not empty."""
    if not (text := node.text(what)):
        raise node.error(f"{what} is empty; leave it out, or give a name")
    return text


def _flag(node: Node, what: str, key: str) -> bool:
    if not isinstance(node.value, bool):
        raise node.error(f"{key!r} of {what} is true or false, not {node.plain()!r}")
    return node.value


def _minimum(node: Node, what: str) -> int:
    if node.value == "all":
        return ALL
    if isinstance(node.value, bool) or not isinstance(node.value, int) or node.value < 0:
        raise node.error(f"'minimum' of {what} is 'all' or a number, not {node.plain()!r}")
    return node.value
