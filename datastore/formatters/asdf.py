"""ASDF: trees of plain values, arrays, and astropy's tables, quantities, times; needs the extra ``asdf``."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from datastore.artifact import Buffer
from datastore.errors import FormatterError
from datastore.formatters.base import Formatter
from datastore.locations import Source
from datastore.storage_class import StorageClass

_KEY = "data"


class AsdfFormatter(Formatter):
    """One object below the key ``data``; arrays are binary, zlib-compressed, and may be nested anywhere."""

    extension = ".asdf"

    def to_bytes(self, obj: Any, storage_class: StorageClass) -> Buffer:
        """Return the file's content."""
        import asdf

        stream = io.BytesIO()
        try:
            asdf.AsdfFile({_KEY: obj}).write_to(stream, all_array_compression="zlib")
        except Exception as err:  # asdf, yaml and jsonschema have their own
            reason = " ".join(str(err.args[0] if err.args else err).split())
            raise FormatterError("asdf", f"{storage_class.name}: {reason}") from err
        return stream.getbuffer()

    def read(
        self,
        source: Source,
        storage_class: StorageClass,
        *,
        component: str = "",
        parameters: Mapping[str, Any],
    ) -> Any:
        """Return the object, arrays in memory."""
        import asdf

        with asdf.open(io.BytesIO(source.read_bytes()), lazy_load=False, memmap=False) as file:
            return _plain(file.tree[_KEY])


def _plain(value: Any) -> Any:
    """Return asdf's own mappings and sequences as plain ones, and views of arrays as arrays."""
    import numpy as np

    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if type(value).__module__.startswith("asdf.") and hasattr(value, "__array__"):
        return np.array(value)
    if isinstance(value, list) or type(value).__name__ == "AsdfListNode":
        return [_plain(inner) for inner in value]
    return value
