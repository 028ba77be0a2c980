"""PipelineTaskConnections: what a task reads and writes, checked when the class is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableSet
from dataclasses import replace
from string import Formatter
from typing import Any

from pipetask.butler import suggest
from pipetask.errors import ConnectionsError
from pipetask.task.connection_types import BaseConnection

ROLES = ("initInputs", "initOutputs", "inputs", "prerequisiteInputs", "outputs")
"""The five sets of connection names, each named like the `role` of the connections in it."""


class ConnectionNames(MutableSet[str]):
    """An ordered set of connection names, editable while the connections object is constructed.

    Parameters
    ----------
    owner : `str`
        What the set is, for messages: ``"inputs of ApertureTaskConnections"``.
    names : iterable of `str`
        The names.
    """

    def __init__(self, owner: str, names: Iterable[str]) -> None:
        self._owner = owner
        self._names = dict.fromkeys(names)
        self._frozen = False

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"{{{', '.join(map(repr, self._names))}}}"

    @classmethod
    def _from_iterable(cls, it: Iterable[str]) -> set[str]:  # type: ignore[override]
        return set(it)

    def add(self, value: str) -> None:
        """Add a name."""
        self._check_editable()
        self._names[value] = None

    def discard(self, value: str) -> None:
        """Remove a name if it is there."""
        self._check_editable()
        self._names.pop(value, None)

    def remove(self, value: str) -> None:
        """Remove a name; an unknown one is an error that suggests the nearest."""
        if value not in self._names:
            raise ConnectionsError(f"No {value!r} among the {self._owner}{suggest(value, self._names)}")
        self.discard(value)

    def update(self, *names: Iterable[str]) -> None:
        """Add all names of the iterables."""
        for several in names:
            for name in several:
                self.add(name)

    def freeze(self) -> None:
        """Refuse changes from now on."""
        self._frozen = True

    def _check_editable(self) -> None:
        if self._frozen:
            raise ConnectionsError(f"The {self._owner} can be changed only in its __init__")


class ConnectionsMeta(type):
    """Collects the connections of a class, and frames the construction of its objects."""

    declared: dict[str, BaseConnection]
    """Connections by name as the class declares them, inherited ones first."""

    defaultTemplates: dict[str, str]
    deprecatedTemplates: dict[str, str]
    """Why templates will go, by name."""

    dimensions: frozenset[str]

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],  # a class body
        *,
        dimensions: Iterable[str] | None = None,
        defaultTemplates: Mapping[str, str] | None = None,
        deprecatedTemplates: Mapping[str, str] | None = None,
    ) -> ConnectionsMeta:
        """Make the class, and check what it declares."""
        parents = [base for base in bases if isinstance(base, ConnectionsMeta)]
        declared = {k: c for parent in reversed(parents) for k, c in parent.declared.items()}
        body = dict(namespace)
        for key, value in namespace.items():
            if isinstance(value, BaseConnection):
                declared[key] = body.pop(key)
            elif isinstance(value, type) and issubclass(value, BaseConnection):
                raise ConnectionsError(
                    f"class {name}: {key!r} is the type {value.__name__}; write {value.__name__}(name=..., "
                    "storageClass=...)"
                )
            elif value is None and key in declared:  # a subclass does without an inherited connection
                del declared[key], body[key]
        cls = super().__new__(mcs, name, bases, body)
        cls.declared = declared
        inherited = {k: v for parent in reversed(parents) for k, v in parent.defaultTemplates.items()}
        cls.defaultTemplates = {**inherited, **(defaultTemplates or {})}
        deprecated = {k: v for parent in reversed(parents) for k, v in parent.deprecatedTemplates.items()}
        cls.deprecatedTemplates = {**deprecated, **(deprecatedTemplates or {})}
        if parents:
            cls.dimensions = _class_dimensions(name, dimensions, parents)
            _check_declaration(cls)
        return cls

    def __getattr__(cls, name: str) -> Any:  # a connection, for mypy whatever the class body says
        try:
            return cls.__dict__["declared"][name]
        except KeyError:
            raise AttributeError(f"class {cls.__name__!r} has no attribute {name!r}") from None

    def __call__(cls, *, config: Any = None) -> Any:  # any Config; an instance of cls
        """Make an object: what the class declares, then the class's ``__init__``, then the checks."""
        blank: Any = object.__new__  # typed for plain classes only
        made = blank(cls)
        made._begin(config)
        made.__init__(config=config)
        made._finish()
        return made


def _class_dimensions(
    name: str, given: Iterable[str] | None, parents: list[ConnectionsMeta]
) -> frozenset[str]:
    if isinstance(given, str):
        raise ConnectionsError(f"class {name}: dimensions must be names in a tuple, not the string {given!r}")
    if given is None:
        given = next((parent.dimensions for parent in parents if "dimensions" in vars(parent)), None)
    if given is None:
        raise ConnectionsError(
            f"class {name}: a connections class says which dimensions identify a quantum: "
            f"class {name}(PipelineTaskConnections, dimensions=(...))"
        )
    return frozenset(given)


def _check_declaration(cls: ConnectionsMeta) -> None:
    reserved = {*dir(PipelineTaskConnections), *ROLES, "allConnections", "config", "dimensions"}
    for name in cls.deprecatedTemplates:
        if name not in cls.defaultTemplates:
            known = suggest(name, cls.defaultTemplates)
            raise ConnectionsError(f"class {cls.__name__}: the deprecated template {name!r} is none{known}")
    for name, connection in cls.declared.items():
        if name in reserved:
            raise ConnectionsError(
                f"class {cls.__name__}: connection {name!r} has the name of a built-in attribute"
            )
        if name in cls.defaultTemplates:
            raise ConnectionsError(f"class {cls.__name__}: {name!r} is both a connection and a template")
        _check_connection(cls.__name__, name, connection)
        for template in template_names(connection.name):
            if template not in cls.defaultTemplates:
                raise ConnectionsError(
                    f"class {cls.__name__}: the name {connection.name!r} of connection {name!r} uses "
                    f"template {template!r}, which has no default{suggest(template, cls.defaultTemplates)}; "
                    f"add it: defaultTemplates={{{template!r}: ...}}"
                )


def _check_connection(owner: str, name: str, connection: BaseConnection) -> None:
    if type(connection).role not in ROLES:
        raise ConnectionsError(
            f"class {owner}: connection {name!r} is a {connection.kind}, which is no kind to use"
        )
    if fault := connection.fault():
        raise ConnectionsError(f"class {owner}: connection {name!r}: {fault}")
    try:
        template_names(connection.name)
    except ValueError as err:
        raise ConnectionsError(
            f"class {owner}: connection {name!r}: the name {connection.name!r} has a brace that opens or "
            f"closes no template: {err}"
        ) from err


def template_names(name: str) -> list[str]:
    """Return the names of the templates in a dataset type name."""
    return [field for _, field, _, _ in Formatter().parse(name) if field is not None]


class PipelineTaskConnections(metaclass=ConnectionsMeta):
    """What a task reads and writes; subclasses declare connections as class attributes.

    Parameters
    ----------
    config : `PipelineTaskConfig`, optional
        The task's configuration, all overrides applied; its ``connections`` part names the dataset types.

    Notes
    -----
    A subclass gives ``dimensions`` (what identifies a quantum) and, if it uses templates in names,
    ``defaultTemplates`` as arguments of the class statement (and ``deprecatedTemplates``, why some will go).
    Its ``__init__(self, *, config=None)`` may drop connections (``self.inputs.remove(name)`` or
    ``del self.name``), assign new or changed ones (``self.name = Input(...)``) and change
    ``self.dimensions``; afterwards the object is fixed.
    """

    config: Any  # any Config with a `connections` part
    dimensions: set[str]
    initInputs: ConnectionNames
    initOutputs: ConnectionNames
    inputs: ConnectionNames
    prerequisiteInputs: ConnectionNames
    outputs: ConnectionNames
    allConnections: dict[str, BaseConnection]

    def __init__(self, *, config: Any = None) -> None:
        pass

    def adjustQuantum(
        self,
        inputs: Any,
        outputs: Any = None,
        label: str = "",
        data_id: Any = None,
    ) -> Any:
        """Change what a quantum reads or writes, or raise `NoWorkFound`; an override takes one of two forms.

        ``adjustQuantum(self, refs)`` receives an `InputQuantizedConnection` and returns it, changed or not.
        ``adjustQuantum(self, inputs, outputs, label, data_id)`` receives mappings of connection name to
        ``(connection, refs)`` and returns two such mappings that hold what changed. The rules on the number
        of datasets are applied afterwards in any case, so calling ``super()`` is allowed and not needed.
        """
        return inputs if outputs is None else ({}, {})

    def getSpatialBoundsConnections(self) -> Iterable[str]:
        """Return names of inputs and outputs whose data IDs' regions count as the quantum's.

        Prerequisites that are divided by sky pixel are looked up under all of them. Without any, it is the
        region of the quantum's own data ID, or the whole sky if that has none.
        """
        return ()

    def getTemporalBoundsConnections(self) -> Iterable[str]:
        """Return names of inputs and outputs whose data IDs' times count as the quantum's.

        Calibrations are looked up for the time from the first to the last of them. Without any, it is the
        time of the quantum's own data ID, or all of time if that has none.
        """
        return ()

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "dimensions":
            if isinstance(self.__dict__.get(name), frozenset):
                raise ConnectionsError(
                    f"The dimensions of {type(self).__name__} can be changed only in its __init__"
                )
            value = set(value)
        if not isinstance(value, BaseConnection):
            object.__setattr__(self, name, value)
            return
        _check_connection(type(self).__name__, name, value)
        if name in self.allConnections:
            self._drop(name)
        names: ConnectionNames = getattr(self, type(value).role)
        names.add(name)
        self.allConnections[name] = _renamed(value, self._dataset_type_name(name, value))

    def __delattr__(self, name: str) -> None:
        if name in self.allConnections:
            self._drop(name)
        else:
            object.__delattr__(self, name)

    def __getattr__(self, name: str) -> BaseConnection:
        known: dict[str, BaseConnection] = self.__dict__.get("allConnections", {})
        if name in known:
            return known[name]
        owner = type(self)
        if name in owner.declared:
            raise AttributeError(f"Connection {name!r} {self.removed[name]}")
        raise AttributeError(f"{owner.__name__} has no connection {name!r}{suggest(name, known)}")

    @property
    def removed(self) -> dict[str, str]:
        """Declared connections that this configuration does without, and a phrase that says so."""
        owner = type(self)
        why = f"of {owner.__name__} was removed for this configuration"
        return {name: why for name in owner.declared if name not in self.allConnections}

    def _begin(self, config: Any) -> None:
        """Fill in what the class declares, with the names that the configuration gives."""
        owner = type(self)
        self.config = config
        self.dimensions = set(owner.dimensions)
        self.allConnections = {}
        for role in ROLES:
            names = [name for name, connection in owner.declared.items() if type(connection).role == role]
            setattr(self, role, ConnectionNames(f"{role} of {owner.__name__}", names))
        for name, connection in owner.declared.items():
            self.allConnections[name] = _renamed(connection, self._dataset_type_name(name, connection))

    def _finish(self) -> None:
        """Drop what ``__init__`` took out of the sets, check what it put in, and fix the object."""
        owner = type(self).__name__
        for role in ROLES:
            names: ConnectionNames = getattr(self, role)
            for name in names:
                connection = self.allConnections.get(name)
                if connection is None:
                    raise ConnectionsError(
                        f"class {owner}: {role} names {name!r}, which is no connection"
                        f"{suggest(name, self.allConnections)}"
                    )
                if type(connection).role != role:
                    raise ConnectionsError(
                        f"class {owner}: {name!r} is an {connection.kind} and cannot be one of the {role}; "
                        f"assign a connection of the other type to self.{name}"
                    )
            names.freeze()
        object.__setattr__(self, "dimensions", frozenset(self.dimensions))
        self.allConnections = {
            name: connection
            for name, connection in self.allConnections.items()
            if name in getattr(self, type(connection).role)
        }

    def _drop(self, name: str) -> None:
        for role in ROLES:
            getattr(self, role).discard(name)
        del self.allConnections[name]

    def _dataset_type_name(self, name: str, connection: BaseConnection) -> str:
        """Fill in templates; a dataset type name that the configuration gives directly comes first."""
        owner = type(self)
        pattern, values = connection.name, owner.defaultTemplates
        if self.config is not None:
            names = self.config.connections
            values = {template: getattr(names, template) for template in values}
            declared = owner.declared.get(name)
            if declared is not None and getattr(names, name) != declared.name:
                pattern = getattr(names, name)
        try:
            return pattern.format_map(values)
        except KeyError as err:
            raise ConnectionsError(
                f"class {owner.__name__}: the name {pattern!r} of connection {name!r} uses the unknown "
                f"template {err.args[0]!r}{suggest(str(err.args[0]), values)}"
            ) from None


def _renamed(connection: BaseConnection, name: str) -> BaseConnection:
    return connection if connection.name == name else replace(connection, name=name)


def iterConnections(
    connections: PipelineTaskConnections, connectionType: str | Iterable[str]
) -> Iterator[BaseConnection]:
    """Iterate over the connections in one or several of the five sets, named as in ``"inputs"``."""
    for role in [connectionType] if isinstance(connectionType, str) else connectionType:
        for name in getattr(connections, role):
            yield connections.allConnections[name]
