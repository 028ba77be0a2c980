"""JSON: dictionaries, lists and every small value class that says ``to_json`` and ``from_json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from datastore.artifact import Buffer
from datastore.errors import FormatterError
from datastore.formatters.base import Formatter
from datastore.locations import Source
from datastore.storage_class import StorageClass


class JsonFormatter(Formatter):
    """Compact JSON in UTF-8; floats come back bit by bit, NaN and infinities included."""

    extension = ".json"

    def to_bytes(self, obj: Any, storage_class: StorageClass) -> Buffer:
        """Return the object's plain values as JSON."""
        if hasattr(obj, "to_json"):
            obj = obj.to_json()
        return encode_json(obj, storage_class.name)

    def read(
        self,
        source: Source,
        storage_class: StorageClass,
        *,
        component: str = "",
        parameters: Mapping[str, Any],
    ) -> Any:
        """Return the object."""
        value = json.loads(source.read_bytes())
        pytype: Any = storage_class.pytype
        return pytype.from_json(value) if hasattr(pytype, "from_json") else value


def encode_json(value: Any, what: str) -> bytes:
    """Return plain values as JSON; numpy's scalars and arrays become numbers and lists."""
    try:
        text = _encoder.encode(value)
        _check_keys(value)
        return text.encode()
    except (TypeError, ValueError) as err:
        raise FormatterError("json", f"{what}: {err}") from err


def _check_keys(value: Any) -> None:
    """Refuse keys that would come back as strings."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if type(key) is not str:
                raise TypeError(f"the key {key!r} is not a string, and JSON has no other keys")
            _check_keys(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_keys(inner)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist") and not hasattr(value, "unit"):  # numpy scalars and arrays
        return value.tolist()
    raise TypeError(f"{type(value).__name__} {value!r} is not a plain value")


_encoder = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=_plain)
