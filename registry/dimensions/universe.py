"""DimensionUniverse: all dimensions and relations that a repository knows, read from one YAML file."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, final

from registry.errors import InvalidArgumentError, InvalidUniverseError, UnknownDimensionError
from registry.suggest import suggest

from .element import Column, DimensionElement
from .group import DimensionGroup

_SKYPIX = re.compile(r"([a-z]+)(\d|[1-9]\d)")


@final
class DimensionUniverse:
    """All dimension elements, their dependencies and families.

    Made by `default` or `from_yaml`; the same definition always gives the same object.

    Attributes
    ----------
    namespace : `str`
        Family of universes that this is one of.
    version : `int`
        Its number there.
    aliases : `dict` [`str`, `str`]
        Other names that are accepted for dimensions.
    elements : `tuple` [`DimensionElement`]
        All dimensions and relations, those that others depend on first, without sky pixels.
    overlap_pairs : `tuple` [`tuple` [`str`, `str`]]
        Every two spatial elements of different families.
    """

    def __init__(self, definition: dict[str, Any]) -> None:
        self._definition = definition
        self.namespace: str = definition["namespace"]
        self.version: int = definition["version"]
        self.aliases: dict[str, str] = definition.get("aliases", {})
        self._skypix: dict[str, int] = definition.get("skypix", {})
        self._families: dict[str, dict[str, list[str]]] = {
            kind: definition.get(kind, {}) for kind in ("spatial", "temporal")
        }
        self._groups: dict[tuple[str, ...], DimensionGroup] = {}
        self._rank: dict[str, tuple[object, ...]] = {}
        self._elements: dict[str, DimensionElement] = {}
        for name in definition["elements"]:
            self._define(name, ())
        self.elements = tuple(self._elements[name] for name in self.sort(self._elements))
        self.relations = tuple(element for element in self.elements if not element.is_dimension)
        families = list(self._families["spatial"].values())
        self.overlap_pairs = tuple(
            (a, b)
            for i, family in enumerate(families)
            for others in families[i + 1 :]
            for a in family
            for b in others
        )

    @staticmethod
    @cache
    def default() -> DimensionUniverse:
        """Return the universe that comes with this package."""
        text = files("registry.dimensions").joinpath("universe.yaml").read_text(encoding="utf-8")
        return DimensionUniverse.from_yaml(text)

    @staticmethod
    @cache
    def from_yaml(text: str) -> DimensionUniverse:
        """Return the universe that a YAML document defines, or raise `InvalidUniverseError`."""
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            definition = yaml.load(text, Loader=loader)  # noqa: S506  # both loaders are safe ones
        except yaml.YAMLError as err:
            raise InvalidUniverseError(f"Not a dimension universe, since it is not YAML: {err}") from err
        if not isinstance(definition, dict):
            raise InvalidUniverseError("A dimension universe is a mapping with namespace, version, elements.")
        return _intern(json.dumps(definition))

    @staticmethod
    def from_file(path: str | os.PathLike[str]) -> DimensionUniverse:
        """Return the universe that a user's file defines, in this package's form or in the reference's.

        Raises
        ------
        InvalidUniverseError
            If the file does not define one, with a line for each fault that says where in the file it is.
        """
        from registry.dimensions.universe_file import read_definition

        return _intern(json.dumps(read_definition(path)))

    def check(self) -> None:
        """Raise `InvalidUniverseError`, with a line for each fault, if no registry could be made with it."""
        from registry.dimensions.validation import faults

        if found := faults(self._definition):
            lines = "".join(f"\n  {fault.sentence}" for fault in found)
            raise InvalidUniverseError(f"Universe {self.namespace!r} cannot be used:{lines}")

    def to_yaml(self) -> str:
        """Return a document from which `from_yaml` makes this universe."""
        import yaml

        return yaml.safe_dump(self._definition, sort_keys=False, allow_unicode=True)

    @property
    def dimensions(self) -> tuple[DimensionElement, ...]:
        """All dimensions, without sky pixels."""
        return tuple(element for element in self.elements if element.is_dimension)

    @property
    def governors(self) -> tuple[str, ...]:
        """Names of the dimensions that rule others."""
        return tuple(element.name for element in self.elements if element.governor)

    @property
    def empty(self) -> DimensionGroup:
        """The group without dimensions."""
        return self.conform(())

    def resolve(self, name: str) -> str:
        """Return the proper name of what may be an alias."""
        return self.aliases.get(name, name)

    def __getitem__(self, name: str) -> DimensionElement:
        if not isinstance(name, str):
            raise UnknownDimensionError(f"{name!r} is no name of a dimension: it is a {type(name).__name__}")
        element = self._elements.get(name) or self._elements.get(self.resolve(name)) or self._sky_pixel(name)
        if element is None:
            known = [*self._elements, *self.aliases]
            hint = suggest(name, known) or f"; there are: {', '.join(known)}"
            raise UnknownDimensionError(f"No dimension {name!r}{hint}")
        return element

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (
            self.resolve(name) in self._elements or self._sky_pixel(name) is not None
        )

    def conform(self, names: Iterable[str] | DimensionGroup) -> DimensionGroup:
        """Return the group of the named dimensions and all that these require or imply."""
        if isinstance(names, DimensionGroup):
            return names if names.universe is self else self.conform(names.required)
        if isinstance(names, str) or not isinstance(names, Iterable):
            raise InvalidArgumentError(f"Dimensions are a collection of names; {names!r} is none.")
        key = tuple(names)
        if key not in self._groups:
            closed = self._close(key)
            full = self.sort(closed)
            self._groups[key] = self._groups.setdefault(full, DimensionGroup(self, closed))
        return self._groups[key]

    def sort(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the names in the universe's order: by depth of dependencies, then by name."""
        return tuple(sorted(names, key=self._rank_of))

    def most_specific(self, elements: Iterable[str], kind: str) -> tuple[str, ...]:
        """Return the first element of each ``spatial`` or ``temporal`` family that is among ``elements``."""
        elements = tuple(elements)
        found = [
            next(name for name in family if name in elements)
            for family in self._families[kind].values()
            if not set(family).isdisjoint(elements)
        ]
        if kind == "spatial":
            finest = {e.skypix[0]: e.name for e in map(self.__getitem__, elements) if e.skypix}
            found += finest.values()
        return self.sort(found)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return _intern, (json.dumps(self._definition),)

    def __repr__(self) -> str:
        return f"DimensionUniverse({self.namespace!r}, version {self.version})"

    def _close(self, names: Iterable[str]) -> frozenset[str]:
        closed: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            element = self[name]
            if not element.is_dimension:
                parts = ", ".join(element.required)
                raise UnknownDimensionError(f"{name!r} relates dimensions, but is none itself; name {parts}")
            if element.name not in closed:
                closed.add(element.name)
                waiting += element.required + element.implied
        return frozenset(closed)

    def _rank_of(self, name: str) -> tuple[object, ...]:
        if name not in self._rank:
            element = self[name]
            others = [other for other in element.required + element.implied if other != name]
            depth = 1 + max((self._depth(other) for other in others), default=-1)
            self._rank[name] = (depth, element.skypix or (name, 0))
        return self._rank[name]

    def _depth(self, name: str) -> int:
        depth = self._rank_of(name)[0]
        assert isinstance(depth, int)
        return depth

    def _sky_pixel(self, name: str) -> DimensionElement | None:
        match = _SKYPIX.fullmatch(name)
        if not match or int(match[2]) > self._skypix.get(match[1], -1):
            return None
        system, level = match[1], int(match[2])
        element = DimensionElement(
            name=name,
            universe=self,
            doc=f"A pixel of the sky: {system}, level {level}.",
            required=(name,),
            implied=(),
            key=Column(name, "int", nullable=False),
            key_name="id",
            spatial=system,
            skypix=(system, level),
        )
        return self._elements.setdefault(name, element)

    def _define(self, name: str, above: tuple[str, ...]) -> None:
        """Make an element after those it depends on; ``above`` are those that wait for it."""
        if name in self._elements:
            return
        if name in above:
            raise InvalidUniverseError(f"Dimensions depend on each other: {' -> '.join((*above, name))}.")
        try:
            entry = self._definition["elements"][name]
        except KeyError:
            where = f", which {above[-1]!r} depends on" if above else ""
            raise InvalidUniverseError(f"Dimension {name!r}{where}, is not defined.") from None
        requires, implies = entry.get("requires", []), entry.get("implies", [])
        for other in (*requires, *implies):
            self._define(other, (*above, name))
        keys = [_column(name, key) for key in entry.get("keys", [])]
        closed = {each for other in requires for each in self._elements[other].required}
        required = self.sort(closed) + ((name,) if keys else ())
        self._elements[name] = DimensionElement(
            name=name,
            universe=self,
            doc=entry.get("doc", ""),
            required=required,
            implied=self.sort(implies),
            key=Column(name, keys[0].type, nullable=False, length=keys[0].length, doc=keys[0].doc)
            if keys
            else None,
            key_name=keys[0].name if keys else "",
            alternate_keys=tuple(keys[1:]),
            metadata=tuple(_column(name, column) for column in entry.get("metadata", [])),
            spatial=self._family(name, "spatial"),
            temporal=self._family(name, "temporal"),
            governor=entry.get("governor", False),
            always_join=entry.get("always_join", False),
            populated_by=entry.get("populated_by"),
            view_of=entry.get("view_of"),
        )

    def _family(self, name: str, kind: str) -> str | None:
        return next((family for family, names in self._families[kind].items() if name in names), None)


@cache
def _intern(definition: str) -> DimensionUniverse:
    try:
        return DimensionUniverse(json.loads(definition))
    except (KeyError, TypeError, AttributeError) as err:
        raise InvalidUniverseError(f"Not a dimension universe: {type(err).__name__} {err}.") from err


def _column(element: str, entry: Mapping[str, Any]) -> Column:
    column = Column(**entry)
    if column.type not in ("string", "int", "float", "bool", "hash"):
        raise InvalidUniverseError(f"Column {element}.{column.name} has the unknown type {column.type!r}.")
    return column
