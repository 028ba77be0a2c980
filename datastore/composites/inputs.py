"""What objects say that they were made from: the rows of their component ``inputs``, as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from datastore.storage_class import StorageClass

INPUTS = "inputs"
"""Name of the component."""


def inputs_named_by(obj: Any, storage_class: StorageClass) -> list[dict[str, Any]]:
    """Return the data IDs and ids of what an object was made from; none if its class has no such."""
    if INPUTS not in storage_class.components:
        return []
    table = getattr(obj, INPUTS, None)
    return [] if table is None else list(rows_of(table))


def rows_of(table: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table, or of a list of mappings: texts and numbers by name; no masked ones."""
    names = getattr(table, "colnames", None)
    for row in table:
        values: Mapping[str, Any] = row if names is None else {name: row[name] for name in names}
        yield {name: _plain(value) for name, value in values.items() if _is_plain(value)}


def _is_plain(value: Any) -> bool:
    return value is not None and value is not np.ma.masked and np.ndim(value) == 0


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bytes):
        return value.decode()
    return value if isinstance(value, bool | int | float) else str(value)
