"""Dimensions and data IDs: the universe of what datasets can be labelled with.

The names below are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .coordinate import DataCoordinate, DataId
    from .element import Column, DimensionElement
    from .group import DimensionGroup
    from .record import DimensionRecord
    from .universe import DimensionUniverse

__all__ = [
    "Column",
    "DataCoordinate",
    "DataId",
    "DimensionElement",
    "DimensionGroup",
    "DimensionRecord",
    "DimensionUniverse",
]

_MODULES = {
    "Column": "element",
    "DataCoordinate": "coordinate",
    "DataId": "coordinate",
    "DimensionElement": "element",
    "DimensionGroup": "group",
    "DimensionRecord": "record",
    "DimensionUniverse": "universe",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
