"""What a formatter is, and how one is found by name."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

from datastore.artifact import Buffer
from datastore.errors import StorageClassDefinitionError, UnknownFormatterError
from datastore.locations import Source
from datastore.storage_class import StorageClass, built_in, import_name

ENTRY_POINTS = "datastore.formatters"


class Formatter(ABC):
    """Turns objects into the bytes of one format, and back.

    A formatter has no state. It may keep what it needs of heavy libraries inside its methods.
    """

    extension: ClassVar[str]
    """With the dot, as ``.json``."""

    components: ClassVar[frozenset[str]] = frozenset()
    """Those that `read` finds without reading the rest; others are taken from the whole object."""

    @abstractmethod
    def to_bytes(self, obj: Any, storage_class: StorageClass) -> Buffer:
        """Return the content of a file; raise `FormatterError` for a value that the format can't hold."""

    @abstractmethod
    def read(
        self,
        source: Source,
        storage_class: StorageClass,
        *,
        component: str = "",
        parameters: Mapping[str, Any],
    ) -> Any:
        """Return an object, or one of its components.

        Parameters
        ----------
        source : `Source`
            What to read.
        storage_class : `StorageClass`
            Of the whole object, as it was written.
        component : `str`
            One of `components`, or "" for the whole.
        parameters : mapping
            Those of the storage class (of the component) that the caller gave, names checked.
        """

    def check(self, source: Source, storage_class: StorageClass) -> None:
        """Raise unless a file can be read as what it is to be; formats may tell by less than reading all."""
        storage_class.take(self.read(source, storage_class, parameters={}))

    def component_of(self, obj: Any, component: str) -> Any:
        """Return a component of a whole object, for those that `read` doesn't find alone."""
        return take_component(obj, component)


def take_component(obj: Any, component: str) -> Any:
    """Follow a dotted component name: attributes first, then items (mask planes)."""
    for part in component.split("."):
        obj = getattr(obj, part) if hasattr(obj, part) else obj[part]
    return obj


def take_dotted(name: str) -> Any:
    """Import what ``module:Outer.Inner`` names."""
    module, _, qualified = name.partition(":")
    return take_component(importlib.import_module(module), qualified)


@cache
def find_formatter(name: str) -> Formatter:
    """Return the formatter of a built-in name, an entry point's name, or a dotted class name."""
    known: dict[str, str] = built_in()["formatters"]
    if name in known:
        found = import_name(known[name])
    elif "." in name or ":" in name:
        found = import_name(name)
    else:
        from importlib.metadata import entry_points

        points = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
        if name not in points:
            raise UnknownFormatterError(name, (*known, *points))
        found = points[name].load()
    if not (isinstance(found, type) and issubclass(found, Formatter)):
        raise StorageClassDefinitionError(name, "it is not a Formatter class")
    made: Formatter = found()
    return made
