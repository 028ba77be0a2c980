"""Definitions of composites: what a YAML file says, checked line by line, and the form that is stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pipetask.errors import CompositeDefinitionError
from pipetask.located_yaml import Node, parse

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
ALL = -1
"""Value of `Part.minimum` that means: as many as there are dimension records."""


@dataclass(frozen=True)
class Part:
    """What one component of a composite is, and where it is found.

    Parameters
    ----------
    name : `str`
        Component of the composite; dotted for components of components (``mask.DETECTED``).
    dataset_type : `str`
        Dataset type that it is a dataset of, or a component of one (``calexp.wcs``).
    collections : `tuple` [`str`], optional
        Where it is searched; by default where the composite is.
    input_only : `bool`, optional
        Never written by a put of the composite.
    write_once : `bool`, optional
        Written by the first put; later ones must have an equal value.
    subset : `bool`, optional
        All matching datasets, as a list ordered by data ID.
    data_id : mapping, optional
        Values that are pinned, whatever the composite's data ID.
    data_ids_from : `str`, optional
        Component of a dataset (``deepCoadd.inputs``), a table of the data IDs or ids of the datasets.
    minimum : `int`, optional
        How many there must be at least; `ALL` means one for each dimension record.
    unique : `bool`, optional
        Different datasets in the collections searched are an error, instead of the first one being taken.
    """

    name: str
    dataset_type: str
    collections: tuple[str, ...] = ()
    input_only: bool = False
    write_once: bool = False
    subset: bool = False
    data_id: Mapping[str, Any] = field(default_factory=dict)
    data_ids_from: str = ""
    minimum: int = 1
    unique: bool = False

    def __str__(self) -> str:
        """Say where it is from, as a user would."""
        pinned = [f"{name}={value}" for name, value in self.data_id.items()]
        details = [
            *pinned,
            *(["all"] if self.subset else []),
            *([f"named by {self.data_ids_from}"] if self.data_ids_from else []),
            *([f"in {', '.join(self.collections)}"] if self.collections else []),
            *(["unique"] if self.unique else []),
            *(["input only"] if self.input_only else []),
            *(["written once"] if self.write_once else []),
        ]
        return self.dataset_type + (f" ({'; '.join(details)})" if details else "")

    @property
    def many(self) -> bool:
        """Whether it is a list of datasets."""
        return self.subset or bool(self.data_ids_from)


@dataclass(frozen=True)
class Composite:
    """A dataset type whose datasets are made of parts.

    Parameters
    ----------
    name : `str`
        Of the dataset type.
    parts : `tuple` [`Part`]
        In the order in which the definition has them.
    dimensions : `tuple` [`str`], optional
        Of its data IDs; empty means those of its parts.
    storage_class, python : `str`, optional
        Name of the storage class, or of the Python class, of the whole.
    base : `str`, optional
        Name of the part that the others are laid over.
    assembler, disassembler : `str`, optional
        Dotted names of functions.
    """

    name: str
    parts: tuple[Part, ...]
    dimensions: tuple[str, ...] | None = None
    storage_class: str = ""
    python: str = ""
    base: str = ""
    assembler: str = ""
    disassembler: str = ""

    def part(self, name: str) -> Part | None:
        """Return the part of a name, or `None`."""
        return next((part for part in self.parts if part.name == name), None)

    @property
    def base_part(self) -> Part | None:
        """The part that the others are laid over."""
        return self.part(self.base) if self.base else None

    def to_json(self) -> str:
        """Return the stored form; equal definitions have equal texts."""
        return json.dumps(asdict(self), sort_keys=True)

    @cached_property
    def digest(self) -> str:
        """What identifies the definition, in hexadecimal."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str) -> Composite:
        """Return what `to_json` wrote."""
        values = json.loads(text)
        parts = tuple(
            Part(**{**part, "collections": tuple(part["collections"])}) for part in values.pop("parts")
        )
        dimensions = values.pop("dimensions")
        return cls(parts=parts, dimensions=None if dimensions is None else tuple(dimensions), **values)


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
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise CompositeDefinitionError(f"{str(path)!r} cannot be read: {err}") from err
    return parse_definitions(text, str(path), registered)


def parse_definitions(
    text: str, file: str, registered: Mapping[str, Composite] | None = None
) -> list[Composite]:
    """Return the definitions of a YAML document, called ``file`` in messages; see `read_definitions`."""
    root = parse(text, file, CompositeDefinitionError)
    top = root.mapping("a file of composites", ("composites",))
    if "composites" not in top:
        raise root.error("a file of composites has the key 'composites'")
    nodes = top["composites"].mapping("composites")
    reader = _Reader(nodes, registered or {})
    return [reader.read(name) for name in nodes]


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
                raise self._nodes[name].error(f"composites extend each other in a circle: {chain}")
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
            key: entry[key].text(f"{key!r} of composite {name!r}") if key in entry else default
            for key, default in _inherited_texts(inherited).items()
        }
        if "python" in entry or "storageClass" in entry:
            texts |= {key: "" for key in ("python", "storageClass") if key not in entry}
        base = texts["base"]
        if base and base not in parts:
            parts = {base: Part(base, base, input_only=True), **parts}
        if not parts:
            raise node.error(f"composite {name!r} has no components")
        if bool(texts["python"]) == bool(texts["storageClass"]):
            raise node.error(f"composite {name!r} needs one of 'python' and 'storageClass'")
        if texts["disassembler"] and not texts["assembler"]:
            raise node.error(f"composite {name!r} has a disassembler and no assembler")
        dimensions = inherited.dimensions if inherited else None
        if "dimensions" in entry:
            dimensions = tuple(entry["dimensions"].texts(f"dimensions of composite {name!r}"))
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
        name = node.text("'extends'")
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
        return Part(name, node.value)
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
        entry["datasetType"].text(f"'datasetType' of {what}"),
        tuple(entry["collections"].texts(f"'collections' of {what}")) if "collections" in entry else (),
        flags.get("inputOnly", False),
        flags.get("writeOnce", False),
        flags.get("subset", False),
        {key: value.plain() for key, value in pinned.items()},
        entry["dataIdsFrom"].text(f"'dataIdsFrom' of {what}") if "dataIdsFrom" in entry else "",
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
