"""YAML: dictionaries and lists that people want to read and edit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datastore.artifact import Buffer
from datastore.errors import FormatterError
from datastore.formatters.base import Formatter
from datastore.locations import Source
from datastore.storage_class import StorageClass


class YamlFormatter(Formatter):
    """Plain values in YAML's safe subset, in the order of their keys' insertion."""

    extension = ".yaml"

    def to_bytes(self, obj: Any, storage_class: StorageClass) -> Buffer:
        """Return the object's plain values as YAML."""
        import yaml

        if hasattr(obj, "to_json"):
            obj = obj.to_json()
        try:
            text: str = yaml.safe_dump(obj, sort_keys=False, allow_unicode=True)
        except yaml.YAMLError as err:
            reason = ": ".join(map(str, err.args))
            raise FormatterError("yaml", f"{storage_class.name}: {reason}") from err
        return text.encode()

    def read(
        self,
        source: Source,
        storage_class: StorageClass,
        *,
        component: str = "",
        parameters: Mapping[str, Any],
    ) -> Any:
        """Return the object."""
        import yaml

        value = yaml.safe_load(source.read_bytes())
        pytype: Any = storage_class.pytype
        return pytype.from_json(value) if hasattr(pytype, "from_json") else value
