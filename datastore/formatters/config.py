"""Configurations of pex_config, as the Python text that sets every field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datastore.artifact import Buffer
from datastore.errors import FormatterError
from datastore.formatters.base import Formatter, take_dotted
from datastore.locations import Source
from datastore.storage_class import StorageClass

_MARK = "# configuration of class "


class ConfigFormatter(Formatter):
    """Override text that pex_config writes and loads; its first line names the class.

    Notes
    -----
    Loading runs the text, as pex_config does with every override file.
    """

    extension = ".py"

    def to_bytes(self, obj: Any, storage_class: StorageClass) -> Buffer:
        """Return the text."""
        pytype = type(obj)
        if "<locals>" in pytype.__qualname__:
            raise FormatterError(
                "config", f"class {pytype.__qualname__!r} is local to a function, so nobody can import it"
            )
        text: str = obj.saveToString()
        return f"{_MARK}{pytype.__module__}:{pytype.__qualname__}\n{text}".encode()

    def read(
        self,
        source: Source,
        storage_class: StorageClass,
        *,
        component: str = "",
        parameters: Mapping[str, Any],
    ) -> Any:
        """Return a configuration of the class that was saved."""
        text = source.read_bytes().decode()
        first, _, _ = text.partition("\n")
        if not first.startswith(_MARK):
            raise FormatterError("config", f"the first line of {source.uri!r} doesn't name a class")
        config = take_dotted(first.removeprefix(_MARK))()
        config.loadFromString(text)
        return config
