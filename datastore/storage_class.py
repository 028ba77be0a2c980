"""Storage classes: names, Python types, components, parameters and conversions between them."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from datastore.errors import (
    PackageMissingError,
    ParameterError,
    StorageClassDefinitionError,
    StorageTypeError,
    UnknownComponentError,
    UnknownStorageClassError,
    _nearest,
)

ENTRY_POINTS = "datastore.storage_classes"
KEYS = frozenset({"pytype", "formatter", "components", "parameters", "converters", "coerce", "shared"})


def import_name(dotted: str) -> Any:
    """Return what a dotted name means; the last part may follow a colon."""
    module, _, name = dotted.replace(":", ".").rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as err:
        raise PackageMissingError.of(dotted, err) from err
    except (ImportError, AttributeError, ValueError) as err:
        raise StorageClassDefinitionError(dotted, f"it can't be imported: {err}") from err


@dataclass(frozen=True)
class StorageClass:
    """One storage class, as its definition says; Python types are imported at first use."""

    name: str
    pytype_name: str
    formatter: str
    components: Mapping[str, str] = field(default_factory=dict)
    parameters: frozenset[str] = frozenset()
    converters: Mapping[str, str] = field(default_factory=dict)
    coerce: str = ""
    shared: bool = False

    @property
    def pytype(self) -> type:
        """The Python type of its objects."""
        return _import_type(self.pytype_name)

    @property
    def required(self) -> frozenset[str]:
        """The components without which there is no object: arguments of its class that have no default."""
        return _required_arguments(self.pytype) & self.components.keys()

    def check_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Raise `ParameterError` if a read parameter is not one of this class."""
        for name in parameters:
            if name not in self.parameters:
                allowed = ", ".join(sorted(self.parameters)) or "none"
                nearest = _nearest(name, self.parameters)
                raise ParameterError(
                    f"Storage class {self.name!r} has no parameter {name!r}{nearest}; it has: {allowed}"
                )

    def take(self, obj: Any) -> Any:
        """Return an object as one of this class, converted if need be.

        Raises
        ------
        StorageTypeError
            If it is neither of the Python type nor convertible to it.
        """
        if not isinstance(obj, self.pytype):
            if (convert := self._converter(type(obj))) is None:
                raise StorageTypeError(self.name, self.pytype_name, _type_name(type(obj)))
            obj = convert(obj)
        return import_cached(self.coerce)(obj) if self.coerce else obj

    def takes(self, pytype: type) -> bool:
        """Tell whether objects of a Python type can be taken."""
        return issubclass(pytype, self.pytype) or self._converter(pytype) is not None

    def _converter(self, pytype: type) -> Any:
        for base in pytype.__mro__:
            if (dotted := self.converters.get(_type_name(base))) is not None:
                return import_cached(dotted)
        if "collections.abc.Mapping" in self.converters and issubclass(pytype, Mapping):
            return import_cached(self.converters["collections.abc.Mapping"])
        return None


import_cached = cache(import_name)


@cache
def _required_arguments(pytype: type) -> frozenset[str]:
    try:
        parameters = inspect.signature(pytype).parameters.values()
    except ValueError:  # a class in C
        return frozenset()
    return frozenset(each.name for each in parameters if each.default is each.empty)


@cache
def _import_type(dotted: str) -> type:
    found = import_name(dotted)
    if not isinstance(found, type):
        raise StorageClassDefinitionError(dotted, "it is not a class")
    return found


def _type_name(pytype: type) -> str:
    return f"{_PUBLIC_MODULES.get(pytype.__module__, pytype.__module__)}.{pytype.__qualname__}"


# Where a class says it lives, if that differs from where its users import it from.
_PUBLIC_MODULES = {
    "astropy.nddata.ccddata": "astropy.nddata",
    "astropy.table.table": "astropy.table",
    "pandas.core.frame": "pandas",
}


class StorageClasses:
    """All storage classes of a repository: built in, from its configuration, from plugins.

    Parameters
    ----------
    definitions : mapping, optional
        More definitions, by name, as in ``storage_classes.yaml``; they go before the built-in ones.
    """

    def __init__(self, definitions: Mapping[str, Any] | None = None) -> None:
        self._definitions = {**built_in()["storageClasses"], **(definitions or {})}
        self._made: dict[str, StorageClass] = {}
        self._plugins_loaded = False

    def get(self, name: str) -> StorageClass:
        """Return the storage class of a name."""
        if (found := self._made.get(name)) is not None:
            return found
        if name not in self._definitions:
            self._load_plugins()
        if name not in self._definitions:
            raise UnknownStorageClassError(name, tuple(self._definitions))
        self._made[name] = made = _parse(name, self._definitions[name])
        return made

    def names(self) -> list[str]:
        """Return all names, sorted."""
        self._load_plugins()
        return sorted(self._definitions)

    def defaults(self) -> dict[str, Any]:
        """Return the definitions that are built in or come from plugins, by name."""
        plugins = (entry for definitions in _plugin_definitions() for entry in definitions.items())
        return {**dict(plugins), **built_in()["storageClasses"]}

    def component_class(self, name: str, component: str) -> str:
        """Return the name of the storage class of a component; ``mask.DETECTED`` is a component of one."""
        here = self.get(name)
        for part in component.split("."):
            inner = here.components.get(part) or here.components.get("*")
            if inner is None:
                raise UnknownComponentError(here.name, part, tuple(here.components))
            here = self.get(inner)
        return here.name

    def convert(self, obj: Any, to: str) -> Any:
        """Return an object as one of another storage class; see `StorageClass.take`."""
        return self.get(to).take(obj)

    def can_convert(self, source: str, target: str) -> bool:
        """Tell whether what is stored as one class can be read as another."""
        return source == target or self.get(target).takes(self.get(source).pytype)

    def _load_plugins(self) -> None:
        if self._plugins_loaded:
            return
        self._plugins_loaded = True
        for definitions in _plugin_definitions():
            for name, definition in definitions.items():
                self._definitions.setdefault(name, definition)


def _plugin_definitions() -> Iterator[Mapping[str, Any]]:
    """Return what the entry points name: a mapping of definitions, or a path of a YAML file with them."""
    from importlib.metadata import entry_points

    for point in entry_points(group=ENTRY_POINTS):
        value = point.load()
        yield value if isinstance(value, Mapping) else _load_yaml(Path(value))["storageClasses"]


def _parse(name: str, definition: Mapping[str, Any]) -> StorageClass:
    unknown = set(definition) - KEYS
    if unknown or not {"pytype", "formatter"} <= set(definition):
        reason = f"unknown keys {sorted(unknown)}" if unknown else "it lacks pytype or formatter"
        raise StorageClassDefinitionError(name, reason)
    return StorageClass(
        name,
        definition["pytype"],
        definition["formatter"],
        dict(definition.get("components", {})),
        frozenset(definition.get("parameters", ())),
        dict(definition.get("converters", {})),
        definition.get("coerce", ""),
        bool(definition.get("shared", False)),
    )


@cache
def built_in() -> dict[str, Any]:
    """Return the built-in definitions, parsed once per process."""
    return _load_yaml(Path(__file__).with_name("storage_classes.yaml"))


def _load_yaml(path: Path) -> dict[str, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return dict(yaml.load(path.read_text(), Loader=loader))  # noqa: S506 - a safe loader, in C if there
