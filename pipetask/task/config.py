"""PipelineTaskConfig: a task's configuration, with a part that names its dataset types."""

from __future__ import annotations

from typing import Any

from lsst.pex.config import Config, ConfigField, ConfigMeta, Field
from lsst.pex.config.callStack import getStackFrame

from pipetask.errors import ConnectionsError
from pipetask.task.connections import ConnectionsMeta, PipelineTaskConnections

__all__ = ["Config", "PipelineTaskConfig", "PipelineTaskConfigMeta"]


class TemplateField(Field):
    """The value of a template in dataset type names: text; numbers (of a cycle, say) are taken as text."""

    def __set__(self, instance: Any, value: Any, at: Any = None, label: str = "assignment") -> None:
        """Set the value; as pex_config calls it."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        super().__set__(instance, value, at=at, label=label)


class PipelineTaskConfigMeta(ConfigMeta):
    """Builds the ``connections`` part of a configuration class from its connections class."""

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],  # a class body
        *,
        pipelineConnections: Any = None,  # what the user wrote, checked here
    ) -> Any:
        """Make the class, with the fields ``connections`` asks for."""
        if pipelineConnections is None:
            inherited = any(hasattr(base, "ConnectionsClass") for base in bases)
            if bases != (Config,) and not inherited:
                raise ConnectionsError(
                    f"class {name}: a PipelineTaskConfig belongs to a connections class: "
                    f"class {name}(PipelineTaskConfig, pipelineConnections=...)"
                )
            return super().__new__(mcs, name, bases, namespace)
        if not (
            isinstance(pipelineConnections, type) and issubclass(pipelineConnections, PipelineTaskConnections)
        ):
            raise ConnectionsError(
                f"class {name}: pipelineConnections must be a subclass of PipelineTaskConnections, "
                f"not {pipelineConnections!r}"
            )
        part = _connections_config_class(name, namespace["__module__"], pipelineConnections)
        namespace |= {
            "ConnectionsClass": pipelineConnections,
            "ConnectionsConfigClass": part,
            "connections": ConfigField(dtype=part, doc="Dataset type names of the connections."),
        }
        return super().__new__(mcs, name, bases, namespace)

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **_: Any) -> None:  # noqa: N805
        super().__init__(name, bases, namespace)
        cls._source = getStackFrame()  # of the class statement, for messages


def _connections_config_class(name: str, module: str, connections: ConnectionsMeta) -> Any:
    """Make the configuration class that has one field per connection and per template."""
    fields: dict[str, Any] = {"ConnectionsClass": connections, "__module__": module}  # pex_config fields
    for key, connection in connections.declared.items():
        doc = f"Dataset type name of {connection.kind} {key!r}: {connection.doc}"
        fields[key] = Field(dtype=str, default=connection.name, doc=doc, deprecated=connection.deprecated)
    for key, default in connections.defaultTemplates.items():
        doc = f"Value of {{{key}}} in dataset type names"
        reason = connections.deprecatedTemplates.get(key)
        fields[key] = TemplateField(dtype=str, default=default, doc=doc, deprecated=reason)
    for key in fields.keys() & set(dir(Config)) - {"__module__"}:
        raise ConnectionsError(
            f"class {connections.__name__}: {key!r} names a connection or template, and is an attribute of "
            "every configuration; choose another name"
        )
    return ConfigMeta(f"{name}Connections", (Config,), fields)


class PipelineTaskConfig(Config, metaclass=PipelineTaskConfigMeta):
    """Configuration of a `PipelineTask`; subclasses say ``pipelineConnections=`` in the class statement.

    The part ``connections`` has a field per connection, which holds its dataset type name, and one per
    template.
    """

    saveLogOutput = Field(doc="Whether the logs of the quanta are stored.", dtype=bool, default=True)
